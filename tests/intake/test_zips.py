"""ZIPs from anywhere: what is an image comes out, in order, and nothing that is hostile fills memory or disk."""

import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.core.settings import Settings
from service.intake.pieces import ArchiveRefused, Passed, Picture, Piece, Spoilt, TrackFile
from service.intake.zips import Limits, read_zip
from tests.intake.zip_files import directory_of, quoting_bomb, saved, set_flag, zip64_of, zip_of

MAX_BYTES = 100_000
LIMITS = replace(Limits.of(Settings()), image_bytes=MAX_BYTES, track_bytes=MAX_BYTES)
JPEG = b"\xff\xd8\xff" + bytes(range(256)) * 4


def pieces_of(path: Path, start: int = 0, limits: Limits = LIMITS) -> list[Piece]:
    return list(read_zip(path, start, limits).pieces)


def names_of(pieces: list[Piece]) -> list[str]:
    return [piece.name for piece in pieces]


def codes_of(pieces: list[Piece]) -> list[str]:
    return [piece.code if isinstance(piece, Spoilt) else type(piece).__name__ for piece in pieces]


def refusal_of(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        pieces_of(path, 0, limits)
    return caught.value.code


def test_tracks_come_first_and_images_in_natural_order(tmp_path: Path) -> None:
    names = ["b/img10.jpg", "b/img2.JPG", "a.png", "z/way.GPX", "mapillary_image_description.json", "b/"]
    pieces = pieces_of(saved(tmp_path / "a.zip", zip_of(dict.fromkeys(names, JPEG))))
    assert names_of(pieces) == ["mapillary_image_description.json", "z/way.GPX", "a.png", "b/img2.JPG", "b/img10.jpg"]
    assert codes_of(pieces) == ["TrackFile"] * 2 + ["Picture"] * 3


def test_unpacking_from_the_middle_gives_the_rest_of_the_same_order(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", zip_of({f"{number}.jpg": JPEG for number in range(12)}))
    assert names_of(pieces_of(path, 9)) == names_of(pieces_of(path))[9:] == ["9.jpg", "10.jpg", "11.jpg"]


def test_everything_else_is_passed_by_name_nested_zips_unopened(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    inner = zip_of({"hidden.jpg": JPEG})
    files: list[tuple[str | zipfile.ZipInfo, bytes]] = [
        ("inner.zip", inner), ("notes.txt", b"hello"), ("__MACOSX/._a.jpg", JPEG), ("._b.jpg", JPEG),
        (link, b"/etc/passwd"), ("film.mp4", b"film"),
    ]  # fmt: skip
    assert {type(piece) for piece in pieces_of(saved(tmp_path / "a.zip", zip_of(files)))} == {Passed}


def test_names_are_labels_and_no_file_is_ever_written(tmp_path: Path) -> None:
    names = ["../../escape.jpg", "/etc/abs.jpg", "C:\\win.jpg", "a" * 300 + ".jpg", "صورة.jpg"]
    folder = tmp_path / "in"
    folder.mkdir()
    pieces = pieces_of(saved(folder / "a.zip", zip_of(dict.fromkeys(names, JPEG))))
    assert sorted(names_of(pieces)) == sorted(names)
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_two_images(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", zip_of([("a.jpg", JPEG), ("a.jpg", JPEG + b"2")]))
    assert [piece.data for piece in pieces_of(path) if isinstance(piece, Picture)] == [JPEG, JPEG + b"2"]


def test_zip64_is_read(tmp_path: Path) -> None:
    (piece,) = pieces_of(saved(tmp_path / "a.zip", zip64_of("a.jpg", JPEG)))
    assert isinstance(piece, Picture) and piece.data == JPEG


def test_a_file_before_the_zip_does_no_harm(tmp_path: Path) -> None:
    (piece,) = pieces_of(saved(tmp_path / "a.zip", b"#!/bin/sh\nexit\n" + zip_of({"a.jpg": JPEG})))
    assert isinstance(piece, Picture) and piece.data == JPEG


def test_encrypted_entries_are_named_one_by_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", set_flag(zip_of({"a.jpg": JPEG, "b.jpg": JPEG}), 1))
    assert codes_of(pieces_of(path)) == ["zip.encrypted", "zip.encrypted"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_decompress_whole_blocks_are_not_read(tmp_path: Path, method: int) -> None:
    path = saved(tmp_path / "a.zip", zip_of({"a.jpg": JPEG}, method))
    assert codes_of(pieces_of(path)) == ["zip.method"]


def test_one_damaged_entry_stops_no_other(tmp_path: Path) -> None:
    data = zip_of({"a.jpg": JPEG, "b.jpg": JPEG, "c.jpg": JPEG})
    at = data.index(JPEG, data.index(b"b.jpg"))
    data = data[: at + 9] + b"?" + data[at + 10 :]  # the checksum tells
    assert codes_of(pieces_of(saved(tmp_path / "a.zip", data))) == ["Picture", "zip.damaged", "Picture"]


def test_a_bomb_by_ratio_is_refused_from_the_directory(tmp_path: Path) -> None:
    data = zip_of({"a.jpg": bytes(90_000), "b.jpg": JPEG}, zipfile.ZIP_DEFLATED)
    assert codes_of(pieces_of(saved(tmp_path / "a.zip", data))) == ["zip.ratio", "Picture"]


def test_an_entry_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    data = zip_of({"a.jpg": np.random.default_rng(1).bytes(MAX_BYTES + 1), "b.jpg": JPEG})
    assert codes_of(pieces_of(saved(tmp_path / "a.zip", data))) == ["zip.entry_too_large", "Picture"]


def test_a_track_may_be_larger_than_an_image(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", zip_of({"a.gpx": bytes(300), "a.jpg": bytes(300)}))
    limits = replace(LIMITS, image_bytes=200, track_bytes=400)
    assert codes_of(pieces_of(path, 0, limits)) == ["TrackFile", "zip.entry_too_large"]


def test_an_entry_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    data = zip_of({"a.jpg": bytes(50_000)}, zipfile.ZIP_DEFLATED)
    at, _ = directory_of(data)
    lying = data[: at + 24] + (100).to_bytes(4, "little") + data[at + 28 :]
    assert codes_of(pieces_of(saved(tmp_path / "a.zip", lying))) == ["zip.damaged"]


def test_many_entries_over_the_same_bytes_are_refused(tmp_path: Path) -> None:
    pieces = pieces_of(saved(tmp_path / "a.zip", quoting_bomb(JPEG, 100)))
    assert codes_of(pieces) == ["zip.overlapping"] * 100


def test_the_whole_is_refused_over_the_limits(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", zip_of({f"{number}.jpg": JPEG for number in range(9)}))
    assert refusal_of(path, replace(LIMITS, files=8)) == "zip.too_many_entries"
    assert refusal_of(path, replace(LIMITS, unpacked_bytes=8 * len(JPEG))) == "zip.too_large_inside"


def test_a_directory_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.zip", quoting_bomb(JPEG, 3_000))
    assert refusal_of(path, replace(LIMITS, files=100)) == "zip.too_many_entries"


@pytest.mark.parametrize("cut", [1, 10, 22, 60, 200])
def test_a_cut_directory_is_refused_by_name(tmp_path: Path, cut: int) -> None:
    data = zip_of({f"{number}.jpg": JPEG for number in range(9)})
    assert refusal_of(saved(tmp_path / "a.zip", data[:-cut])) == "zip.unreadable"


def test_mutated_zips_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = zip_of({"a/1.jpg": JPEG, "way.gpx": b"<gpx/>", "2.png": JPEG * 3, "x.txt": b"x"}, zipfile.ZIP_DEFLATED)
    random = np.random.default_rng(5)
    ends = {"refused": 0, "read": 0}
    for _ in range(600):
        data = bytearray(whole)
        for place in random.integers(0, len(data), random.integers(1, 8)):
            data[place] = random.integers(256)
        data = data[: random.integers(len(data) // 2, len(data) + 1)] if random.random() < 0.1 else data
        try:
            for piece in pieces_of(saved(tmp_path / "a.zip", bytes(data))):
                assert not isinstance(piece, Picture | TrackFile) or len(piece.data) <= MAX_BYTES
            ends["read"] += 1
        except ArchiveRefused:
            ends["refused"] += 1
    assert min(ends.values()) > 20, ends
