"""Which files are sent: each case is drawn by its number alone, so that one that fails can be made again."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.fuzz import bytewise, exif, movies, pictures, told, tracks, zips
from tests.fuzz.originals import FORMATS, Original, draw

Spoil = Callable[[random.Random, bytes], bytes]
PICTURES, ARCHIVES, TRACKS = tuple(FORMATS), ("zip", "mp4"), ("gpx", "mapillary")
# The ways in for each form; the wrong ones are tried as well.
PICTURE_WAYS = ("multipart", "multipart", "multipart", "tus", "tus", "panoramax", "panoramax", "archive")
ARCHIVE_WAYS = ("archive", "archive", "archive", "tus", "tus", "multipart", "track")
TRACK_WAYS = ("track", "track", "track", "tus", "tus", "panoramax", "archive")
UNTOUCHED, NAMED, TOLD, FORM = "untouched", "hostile name", "hostile metadata", "hostile form"


@dataclass(frozen=True)
class Kind:
    """A way to spoil files: which forms it is for, and how often it is drawn."""

    spoil: Spoil
    forms: tuple[str, ...]
    share: int = 4


def as_it_is(chance: random.Random, data: bytes) -> bytes:
    return data


EVERY = (*PICTURES, *PICTURES, *ARCHIVES, *TRACKS)
KINDS: Mapping[str, Kind] = {
    UNTOUCHED: Kind(as_it_is, (*PICTURES, *PICTURES, *ARCHIVES, *TRACKS), 5),
    NAMED: Kind(as_it_is, EVERY, 5),
    TOLD: Kind(as_it_is, EVERY, 5),
    FORM: Kind(as_it_is, EVERY, 4),
    **{name: Kind(spoil, EVERY, 6) for name, spoil in bytewise.SPOILS.items()},
    "hostile EXIF": Kind(exif.hostile_exif, PICTURES, 14),
    "declared size": Kind(pictures.huge_size, PICTURES, 6),
    "picture bomb": Kind(pictures.bomb, PICTURES, 1),
    "odd chunks": Kind(pictures.odd_parts, PICTURES, 6),
    "ZIP bomb": Kind(zips.bomb, ("zip",), 1),
    "ZIP names": Kind(zips.hostile_names, ("zip",), 3),
    "ZIP directory": Kind(zips.lying_directory, ("zip",), 5),
    "ZIP kinds": Kind(zips.odd_kinds, ("zip",), 3),
    "ZIP of spoilt files": Kind(zips.hostile_inside, ("zip",), 3),
    "MP4 boxes": Kind(movies.absurd_sizes, ("mp4",), 4),
    "MP4 tables": Kind(movies.lying_tables, ("mp4",), 5),
    "GPMF garbage": Kind(movies.garbage_telemetry, ("mp4",), 3),
    "MP4 bomb": Kind(movies.bomb, ("mp4",), 1),
    "hostile GPX": Kind(tracks.hostile_gpx, ("gpx",), 8),
    "hostile JSON": Kind(tracks.hostile_mapillary, ("mapillary",), 6),
}


@dataclass(frozen=True)
class Case:
    """One file on its way in. Metadata is text for the ways that take JSON, pairs for those that take fields."""

    kind: str
    way: str  # multipart tus panoramax archive track
    name: str
    data: bytes
    metadata: str
    pairs: dict[str, str]
    survey: str
    form: tuple[str, bytes] | None = None  # the whole body with its type, in place of a form around the data


def draw_case(seed: int, number: int) -> Case:
    chance = random.Random(f"{seed} {number}")
    kind = chance.choices(list(KINDS), [one.share for one in KINDS.values()])[0]
    original = draw(chance, *KINDS[kind].forms)
    data = KINDS[kind].spoil(chance, original.data)
    way = _way(chance, original, proper=kind == UNTOUCHED)
    survey = f"fuzz {number % 40}"
    metadata, pairs = f'{{"survey":"{survey}"}}', {"survey": survey}
    if kind == TOLD:
        metadata, pairs = told.hostile_metadata(chance), told.hostile_pairs(chance)
        survey = chance.choice(told.SURVEYS)
    name = told.hostile_name(chance) if kind == NAMED else original.name
    field = {"multipart": "image", "panoramax": "file", "track": "track"}.get(way, "archive")
    form = told.hostile_form(chance, field, data) if kind == FORM and way != "tus" else None
    return Case(kind, way, name, data, metadata, pairs, survey, form)


def _way(chance: random.Random, original: Original, *, proper: bool) -> str:
    ways = PICTURE_WAYS if original.form in PICTURES else ARCHIVE_WAYS if original.form in ARCHIVES else TRACK_WAYS
    return chance.choice(ways[:5] if proper else ways)
