"""A basemap of one tile, written byte by byte: a vector tile that is water from edge to edge (PMTiles 3, MVT 2.1)."""

import json
import struct
from pathlib import Path

ATTRIBUTION = "© the makers of the test"
VECTOR, UNCOMPRESSED = 1, 1
WORLD_E7 = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)


def write_water(path: Path) -> bytes:
    """Returns the whole file."""
    about = {
        "vector_layers": [{"id": "water", "fields": {}}],
        "attribution": f'<a href="https://x.example">{ATTRIBUTION}</a>',
    }
    data = pmtiles(water_tile(), json.dumps(about).encode())
    path.write_bytes(data)
    return data


def pmtiles(tile: bytes, metadata: bytes) -> bytes:
    """An archive whose one tile is that of zoom 0."""
    directory = b"".join(map(varint, (1, 0, 1, len(tile), 1)))  # entries, tile id, run, length, offset + 1
    starts_at = 127
    sections, offset = [], starts_at
    for part in (directory, metadata, b"", tile):
        sections += [offset, len(part)]
        offset += len(part)
    header = b"PMTiles\x03" + struct.pack("<8Q3Q", *sections, 1, 1, 1)
    header += struct.pack("<6B", 1, UNCOMPRESSED, UNCOMPRESSED, VECTOR, 0, 0)
    header += struct.pack("<4iB2i", *WORLD_E7, 0, 0, 0)
    assert len(header) == starts_at
    return header + directory + metadata + tile


def water_tile() -> bytes:
    edge = 4096
    ring = [9, 0, 0, 26, 2 * edge, 0, 0, 2 * edge, 2 * edge - 1, 0, 15]  # move, three lines in zigzag, close
    feature = b"\x18\x03" + field(4, b"".join(map(varint, ring)))  # a polygon
    layer = field(1, b"water") + field(2, feature) + b"\x28" + varint(edge) + b"\x78\x02"
    return field(3, layer)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
