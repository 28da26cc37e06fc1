"""ZIPs made to fill a disk, to leave their folder, or to be read differently than they were written."""

import random
import struct
import zipfile
from functools import cache

from tests.fuzz import bytewise, originals, pictures, tracks
from tests.fuzz.exif import EXTREMES, hostile_exif
from tests.fuzz.originals import zipped
from tests.intake.zip_files import CENTRAL, END, quoting_bomb, set_flag, zip64_of, zip_of

NAMES = (
    "../../../../etc/cron.d/x.jpg",
    "/etc/passwd.jpg",
    "C:\\Windows\\System32\\a.jpg",
    "..\\..\\a.jpg",
    "//server/share/a.jpg",
    "a\0.sh.jpg",
    "\u202egpj.exe.jpg",
    "a\u202e\u2066.jpg",
    "x" * 60_000 + ".jpg",
    ".jpg",
    "..jpg",
    "~/.ssh/a.jpg",
    "CON.jpg",
    "a:b.jpg",
    "a\n\r\t.jpg",
    "%00.jpg",
    "$(reboot).jpg",
    "'; DROP TABLE frame; --.jpg",
    "<script>.jpg",
    "شارع الملك.jpg",
    "a/" * 5000 + "a.jpg",
    "1" * 5000 + ".jpg",
    "track.gpx",
    "./././a.jpg",
    "a.jpg/../../b.jpg",
    "\ufeff.jpg",
    " .jpg ",
)


def bomb(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((_deflated, _quoted, _nested, _full_of_bombs))()


def hostile_names(chance: random.Random, data: bytes) -> bytes:
    """Slips, absolute paths, doubles, links, and names that are no names, in the directory or in the local headers."""
    photo = originals.draw(chance, "jpeg").data
    twice, *names = chance.sample(NAMES, 5)
    entries: list[tuple[str | zipfile.ZipInfo, bytes]] = [(_info(name), photo) for name in names]
    spare = "z" * len(
        twice.encode()
    )  # of the same length, to be renamed: the library warns of a name that it has written already
    entries += [(_info(twice), photo), (_info(spare), photo[:-1] + b"\xd9"), (_link("link.jpg"), b"/etc/shadow")]
    raw = zip_of(entries).replace(spare.encode(), twice.encode())
    return raw.replace(b"link.jpg", chance.choice((b"\xff\xfe\xfd\xfc.jpg", b"lin\0.jpg", b"../k.jpg", b"link.jpg")))


def lying_directory(chance: random.Random, data: bytes) -> bytes:
    """Numbers of the directory, its entries or the record at its end replaced by extreme ones."""
    changed = bytearray(originals.archive(chance.randrange(4)))
    for _ in range(chance.choice((1, 2, 6))):
        mark = chance.choice((CENTRAL, END, b"PK\x03\x04"))
        at = chance.choice([i for i in range(len(changed)) if changed[i : i + 4] == mark] or [0])
        field = at + 4 + 2 * chance.randrange(20)
        if field + 4 <= len(changed):
            struct.pack_into("<I", changed, field, chance.choice(EXTREMES))
    return bytes(changed)


def odd_kinds(chance: random.Random, data: bytes) -> bytes:
    """Encrypted, of other methods, 64-bit, without entries, with a prefix, with a comment of full length."""
    photo, sound = originals.draw(chance, "jpeg").data, originals.archive(chance.randrange(4))
    zip64 = zip64_of("a.jpg", photo)
    sizes = struct.pack("<Q", chance.choice((2**63, 2**64 - 1, 2**40, 0)))
    return chance.choice(
        (
            set_flag(sound, 0x1),
            set_flag(sound, 0x40),
            set_flag(sound, 0x8),
            zipped({"a.jpg": photo}, zipfile.ZIP_BZIP2),
            zipped({"a.jpg": photo}, zipfile.ZIP_LZMA),
            zip64,
            zip64.replace(struct.pack("<Q", len(photo)), sizes),
            zipped({}),
            chance.randbytes(500) + sound,
            sound[:-2] + b"\xff\xff" + bytes(65_535),
            zipped({"a/": b"", "b/c/": b""}),
            zipped({"README.txt": b"nothing"}),
            sound.replace(b"\x08\0\0\0!\0", b"\x63\0\0\0!\0"),
        )
    )


def hostile_inside(chance: random.Random, data: bytes) -> bytes:
    """A sound ZIP of spoilt files."""
    spoils = [*bytewise.SPOILS.values(), hostile_exif, pictures.huge_size, pictures.odd_parts]
    files = {
        f"{number}.jpg": chance.choice(spoils)(chance, originals.draw(chance, "jpeg", "png", "webp").data)
        for number in range(4)
    }
    return zipped({**files, "track.gpx": tracks.hostile_gpx(chance, b""), "sound.jpg": originals.photo("jpeg", 5)})


@cache
def _deflated() -> bytes:
    """Three pictures of 60 MB of zeros each in some kilobytes."""
    return zipped({f"{one}.jpg": bytes(60_000_000) for one in range(3)}, zipfile.ZIP_DEFLATED)


@cache
def _quoted() -> bytes:
    return quoting_bomb(originals.photo("jpeg", 2), 2_000)


def _nested() -> bytes:
    inner = originals.archive(0)
    for depth in range(5):
        inner = zipped({"inner.zip": inner, f"{depth}.jpg": inner})
    return inner


@cache
def _full_of_bombs() -> bytes:
    """Pictures whose headers promise more than they hold, under the ratio that a ZIP may have."""
    chance = random.Random(1)
    return zipped({f"{number}.png": pictures.huge_size(chance, b"") for number in range(12)})


def _info(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (2026, 3, 4, 6, 0, 0))


def _link(name: str) -> zipfile.ZipInfo:
    info = _info(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info
