"""Only whole footage inside the folder is taken; drives are told apart by folder and pause."""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from service.agent.drives import NAME_LENGTH, PAUSE_NS, name_drives
from service.agent.finding import FoundFile, Kind, Settling, find_files

HOUR_NS = 3600 * 10**9
NIGHT_NS = 1_795_390_200 * 10**9  # 2026-11-22T23:30:00Z


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def test_footage_is_found_however_deep_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "DCIM/100/a.JPG", "DCIM/100/drive.MP4", "track.gpx", "b.webp", "mapillary_image_description.json")
    put(
        tmp_path,
        "notes.txt",
        "other.json",
        "c.jpg.part",
        ".hidden.jpg",
        "._d.jpg",
        ".rasid/e.jpg",
        "$RECYCLE.BIN/f.jpg",
    )
    put(tmp_path, "lost+found/g.jpg", "~h.jpg")
    found = find_files(tmp_path)
    assert {file.path: file.kind for file in found.files} == {
        "DCIM/100/a.JPG": Kind.IMAGE,
        "DCIM/100/drive.MP4": Kind.VIDEO,
        "track.gpx": Kind.TRACK,
        "b.webp": Kind.IMAGE,
        "mapillary_image_description.json": Kind.TRACK,
    }
    assert found.unreadable == []


def test_links_and_things_that_are_no_files_are_left_alone(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "card"
    put(outside, "secret.jpg", "deep/secret.jpg")
    put(folder, "a.jpg")
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    assert [file.path for file in find_files(folder).files] == ["a.jpg"]


def test_a_name_that_is_no_text_is_found_too(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xe9.jpg")).write_bytes(b"x")
    assert [os.fsencode(file.path) for file in find_files(tmp_path).files] == [b"\xff\xe9.jpg"]


def test_a_file_is_whole_when_two_looks_saw_the_same(tmp_path: Path) -> None:
    small, large = FoundFile("a.mp4", Kind.VIDEO, 10, 1), FoundFile("a.mp4", Kind.VIDEO, 20, 1)
    settling = Settling(2.0)
    assert settling.settled([small], 0.0) == []  # whatever its age: copying tools set the old time first
    assert settling.settled([large], 2.0) == []
    assert settling.settled([large], 3.9) == []
    assert settling.settled([large], 4.0) == [large]
    assert settling.settled([], 5.0) == []
    assert settling.settled([large], 6.0) == []  # it was away: who knows what it is now


def test_a_night_drive_is_one_survey_and_the_next_morning_another() -> None:
    night = [NIGHT_NS, NIGHT_NS + HOUR_NS, NIGHT_NS + 3 * HOUR_NS]
    morning = NIGHT_NS + 9 * HOUR_NS
    names = name_drives("DCIM/100", [*night, morning], [])
    assert {names[time] for time in night} == {"DCIM/100 2026-11-22"}
    assert names[morning] == "DCIM/100 2026-11-23"


def test_a_drive_keeps_its_name_when_more_of_it_is_found() -> None:
    known = [(NIGHT_NS + HOUR_NS, "given by hand")]
    assert name_drives("a", [NIGHT_NS, NIGHT_NS + 2 * HOUR_NS], known)[NIGHT_NS] == "given by hand"


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**18), min_size=1), st.text(min_size=1))
def test_every_file_has_one_survey_that_fits_the_server(mtimes_ns: list[int], folder: str) -> None:
    names = name_drives(folder, mtimes_ns, [])
    assert set(names) == set(mtimes_ns)
    assert all(len(name) <= NAME_LENGTH for name in names.values())
    for earlier, later in zip(sorted(mtimes_ns), sorted(mtimes_ns)[1:], strict=False):
        assert names[earlier] == names[later] or later - earlier > PAUSE_NS
