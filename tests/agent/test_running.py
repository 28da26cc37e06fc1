"""A run from the first look to the report: days offline, a patient server, a refused key, files that may be deleted."""

import os
from pathlib import Path

import pytest

from tests.agent.conftest import MTIME_S, Vehicle
from tests.agent.servers import SmallRasid, cut_after, problem, says

HOUR_S = 3600.0


def test_a_second_run_sends_nothing(van: Vehicle, rasid: SmallRasid) -> None:
    for number in range(5):
        van.add(f"{number}.jpg", b"image %d" % number)
    assert van.run().sent == 5
    again = van.run()
    assert (again.sent, again.already_there, again.bytes_sent, again.exit_code) == (0, 0, 0, 0)
    assert rasid.count("POST") == 5


def test_a_copy_of_what_is_there_is_not_sent(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    van.run()
    van.add("renamed/b.jpg", b"image")
    report = van.run()
    assert (report.sent, report.already_there) == (0, 1)
    assert rasid.count("POST") == 1


def test_frames_the_server_knows_are_counted_as_there(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    rasid.take(b"image", "a.jpg", "by another way")
    report = van.run()
    assert (report.sent, report.already_there, report.exit_code) == (0, 1, 0)


def test_a_refused_file_stops_no_other_and_is_told_with_its_reason(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image a")
    van.add("b.jpg", b"image b")
    van.add("c.zip", b"archive" * 10_000)
    van.add("empty.jpg", b"")
    rasid.refused = {"a.jpg": "position.missing", "c.zip": "upload.unknown_content"}
    report = van.run()
    assert (report.sent, report.exit_code) == (1, 1)
    told = {file.path: (file.code, file.detail, file.frame_id) for file in report.refused_files}
    assert told["a.jpg"] == ("position.missing", "expected lat and lon", 7)
    assert told["c.zip"] == ("upload.unknown_content", "expected lat and lon", 7)
    assert told["empty.jpg"][0] == "file.empty"
    assert any("position.missing" in line for line in report.lines())


def test_a_refused_file_goes_again_when_asked_or_changed(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    rasid.refused = {"a.jpg": "position.missing"}
    van.run()
    van.run()
    assert rasid.count("POST") == 1
    rasid.refused = {}
    assert van.run(retry_refused=True).exit_code == 0
    van.add("a.jpg", b"another image", MTIME_S + 60)
    assert van.run().sent == 1


def test_a_refused_key_ends_the_run_at_once_and_is_never_shown(van: Vehicle, rasid: SmallRasid) -> None:
    van.key = "rvk_revoked"
    for number in range(9):
        van.add(f"{number}.jpg", b"image %d" % number)
    report = van.run(watch=True)
    assert (report.exit_code, report.waiting) == (4, 9)
    assert len(rasid.requests) <= 3
    assert "ask for a new key" in (report.stopped or "")
    assert "rvk_revoked" not in str(report.as_json()) + str(van.display.said)


@pytest.mark.parametrize("header", ["90", "Sun, 22 Nov 2026 06:01:32 GMT"])
def test_retry_after_is_obeyed_by_all(van: Vehicle, rasid: SmallRasid, header: str) -> None:
    for number in range(6):
        van.add(f"{number}.jpg", b"image %d" % number)
    rasid.trouble("POST", says(429, Retry_After=header))
    assert van.run(parallel=1).sent == 6
    assert van.clock.now_s >= 92.0  # two seconds to see that the files are whole, then as asked
    assert rasid.count("POST") == 7


def test_a_run_without_watch_gives_up_after_its_patience(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    rasid.trouble("POST", *[says(503)] * 1000)
    report = van.run(patience_s=900.0)
    assert (report.waiting, report.exit_code) == (1, 3)
    assert "no byte got through" in (report.stopped or "")
    assert 900 < van.clock.now_s < 1300
    assert rasid.count("POST") < 15  # the pauses grew


def test_once_tries_each_file_once(van: Vehicle, rasid: SmallRasid) -> None:
    for number in range(3):
        van.add(f"{number}.jpg", b"image %d" % number)
    rasid.trouble("POST", says(500))
    report = van.run(once=True, parallel=1)
    assert (report.sent, report.waiting, report.exit_code) == (2, 1, 3)
    assert rasid.count("POST") == 3


def test_once_ends_on_a_dead_link(van: Vehicle, rasid: SmallRasid) -> None:
    for number in range(50):
        van.add(f"{number}.jpg", b"image %d" % number)
    rasid.trouble("POST", *[cut_after(0)] * 1000)
    report = van.run(once=True, parallel=1)
    assert "dead" in (report.stopped or "")
    assert rasid.count("POST") <= 5


def test_watching_survives_three_days_offline(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("monday.jpg", b"monday")
    rasid.trouble("POST", *[cut_after(0)] * 100_000)

    def live(now_s: float) -> None:
        if now_s > 24 * HOUR_S and not (van.folder / "tuesday.jpg").exists():
            van.add("tuesday.jpg", b"tuesday")
        if now_s > 72 * HOUR_S:
            rasid.troubles.clear()
        if len(rasid.files) == 2 or now_s > 80 * HOUR_S:
            van.stop.set()

    van.clock.on_sleep = live
    report = van.run(watch=True, rescan_s=60.0)
    assert (report.sent, report.waiting, report.exit_code) == (2, 0, 0)
    assert rasid.count("POST") < 3 * 24 * 3600 / 300 * 2.2  # never more often than the longest pause


def test_watching_goes_on_when_the_card_is_out(van: Vehicle, rasid: SmallRasid, tmp_path: Path) -> None:
    van.add("a.jpg", b"image")
    card, drawer = van.folder / "DCIM", tmp_path / "drawer"
    (van.folder / "DCIM").mkdir()

    def live(now_s: float) -> None:
        if now_s == 2.0:
            card.rename(drawer)
        if now_s > 60 and drawer.exists():
            (drawer / "b.jpg").write_bytes(b"later")
            drawer.rename(card)
        if len(rasid.files) == 2 or now_s > 600:
            van.stop.set()

    van.clock.on_sleep = live
    assert van.run(watch=True).sent == 2


def test_a_file_still_being_written_is_left_for_later(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("whole.jpg", b"image")
    growing = van.add("growing.mp4", b"begin")

    def write_on(now_s: float) -> None:
        with growing.open("ab") as file:
            file.write(b"more")

    van.clock.on_sleep = write_on
    report = van.run()
    assert (report.sent, report.still_written, report.exit_code) == (1, 1, 3)
    assert "growing.mp4" not in rasid.order


def test_a_track_is_there_before_the_frames_it_places(van: Vehicle, rasid: SmallRasid) -> None:
    for number in range(8):
        van.add(f"{number}.jpg", b"image %d" % number)
    van.add("z.gpx", b"<gpx/>")
    rasid.trouble("POST", cut_after(0))
    assert van.run(parallel=4).sent == 9
    assert rasid.order[0] == "z.gpx"


def test_frames_of_one_folder_are_one_survey_unless_it_is_named(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("DCIM/100/a.jpg", b"a")
    van.add("DCIM/100/b.gpx", b"<gpx/>", MTIME_S + HOUR_S)
    van.add("c.jpg", b"c")
    van.run()
    assert rasid.surveys == {"a.jpg": "DCIM/100 2026-11-22", "b.gpx": "DCIM/100 2026-11-22", "c.jpg": "card 2026-11-22"}
    van.add("d.jpg", b"d")
    van.run(survey="ring road")
    assert rasid.surveys["d.jpg"] == "ring road"


def test_nothing_is_deleted_unless_asked(van: Vehicle) -> None:
    file = van.add("a.jpg", b"image")
    van.run()
    assert file.exists()


def test_what_was_taken_is_deleted_when_asked_and_nothing_else(van: Vehicle, rasid: SmallRasid) -> None:
    taken, refused = van.add("a.jpg", b"image a"), van.add("b.jpg", b"image b")
    archive, notes = van.add("c.zip", b"archive"), van.add("notes.txt", b"notes")
    earlier = van.add("earlier.jpg", b"earlier")
    van.run(once=True)
    rasid.refused = {"b.jpg": "position.missing"}
    van.add("b.jpg", b"image b again", MTIME_S + 1)
    report = van.run(delete_after_upload=True)
    assert report.deleted == 2
    assert [file.exists() for file in (taken, earlier, refused, archive, notes)] == [False, False, True, True, True]


def test_a_file_that_changed_since_it_was_taken_is_not_deleted(van: Vehicle, rasid: SmallRasid) -> None:
    file = van.add("a.jpg", b"image a")

    def rewrite(handler: object) -> tuple[int, dict[str, str], bytes]:
        answer = handler.act(handler.body())  # type: ignore[attr-defined]
        file.write_bytes(b"image b")
        os.utime(file, (MTIME_S, MTIME_S))  # same size, same time: only the bytes differ
        return answer  # type: ignore[no-any-return]

    rasid.trouble("POST", rewrite)
    report = van.run(delete_after_upload=True)
    assert (report.sent, report.deleted) == (1, 0)
    assert file.read_bytes() == b"image b"


def test_an_unreadable_file_or_folder_is_named_and_stops_no_other(
    van: Vehicle, rasid: SmallRasid, monkeypatch: pytest.MonkeyPatch
) -> None:
    van.add("a.jpg", b"a")
    van.add("bad.jpg", b"bad")
    van.add("rotten/c.jpg", b"c")
    opened, looked = Path.open, os.scandir

    def open_or_fail(path: Path, *arguments: object, **more: object) -> object:
        if path.name == "bad.jpg":
            raise OSError(5, "Input/output error")
        return opened(path, *arguments, **more)  # type: ignore[call-overload]

    def look_or_fail(path: Path) -> object:
        if Path(path).name == "rotten":
            raise OSError(5, "Input/output error")
        return looked(path)

    monkeypatch.setattr(Path, "open", open_or_fail)
    monkeypatch.setattr("service.agent.finding.os.scandir", look_or_fail)
    report = van.run()
    assert (report.sent, report.exit_code) == (1, 3)
    assert [file.code for file in report.refused_files] == ["file.unreadable"]
    assert report.unreadable == ["rotten/: Input/output error"]


def test_a_server_that_is_none_of_ours_ends_the_run_with_its_address(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    rasid.trouble("POST", lambda handler: problem(404, "not_found", "no such thing"))
    report = van.run()
    assert report.exit_code == 3
    assert "check the address" in (report.stopped or "")
    assert len(rasid.requests) == 1
