"""The list on disk: what it says happened did happen, whatever the power does."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.agent.entries import Receipt, RefusedFile, State
from service.agent.finding import FoundFile, Kind
from service.agent.spool import KEEP_ENDED, Spool
from tests.agent.clocks import BEGIN

SERVER = "https://rasid.example.org"
HASH = "ab" * 32


def image(path: str = "a.jpg", size_bytes: int = 10, mtime_ns: int = 1) -> FoundFile:
    return FoundFile(path, Kind.IMAGE, size_bytes, mtime_ns)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path, SERVER)
    yield opened
    opened.close()


def note(spool: Spool, *files: FoundFile, survey: str | None = None) -> int:
    return spool.note(files, files, survey, "card", BEGIN)


def test_what_was_noted_is_there_for_the_next_process(spool: Spool, tmp_path: Path) -> None:
    assert note(spool, image()) == 1
    entry = spool.next_waiting(())
    assert entry is not None
    spool.keep_sha256(entry, HASH)
    spool.keep_upload_url(entry, "/api/v1/tus/1")
    other = Spool(tmp_path, SERVER)  # nothing was closed: as after power loss
    again = other.next_waiting(())
    other.close()
    assert again is not None
    assert (again.path, again.sha256, again.upload_url) == ("a.jpg", HASH, "/api/v1/tus/1")
    assert again.survey == "card 1970-01-01"


def test_noting_twice_changes_nothing_and_a_sent_file_stays_sent(spool: Spool) -> None:
    note(spool, image())
    entry = spool.next_waiting(())
    assert entry is not None
    spool.keep_sent(entry, HASH, Receipt("new", 5), BEGIN)
    assert note(spool, image()) == 0
    assert spool.next_waiting(()) is None
    assert spool.is_acknowledged(entry, HASH)


def test_a_changed_file_waits_again_without_its_old_hash_or_upload(spool: Spool) -> None:
    note(spool, image())
    entry = spool.next_waiting(())
    assert entry is not None
    spool.keep_sha256(entry, HASH)
    spool.keep_upload_url(entry, "/1")
    spool.keep_refused(entry, "image.truncated", "expected a whole image", 3, BEGIN)
    assert spool.refused() == [RefusedFile("a.jpg", "image.truncated", "expected a whole image", 3)]
    assert note(spool, image(mtime_ns=2)) == 1
    again = spool.next_waiting(())
    assert again is not None
    assert (again.sha256, again.upload_url, spool.refused()) == (None, None, [])


def test_a_card_that_was_out_for_a_while_goes_on_with_its_half_done_upload(spool: Spool) -> None:
    note(spool, image())
    entry = spool.next_waiting(())
    assert entry is not None
    spool.keep_upload_url(entry, "/1")
    note(spool)
    assert spool.next_waiting(()) is None
    note(spool, image())
    again = spool.next_waiting(())
    assert again is not None
    assert again.upload_url == "/1"


def test_refused_files_wait_again_only_when_asked(spool: Spool) -> None:
    note(spool, image())
    entry = spool.next_waiting(())
    assert entry is not None
    spool.keep_refused(entry, "position.missing", "expected lat and lon", None, BEGIN)
    assert note(spool, image()) == 0
    assert spool.next_waiting(()) is None
    assert spool.retry_refused() == 1
    assert spool.next_waiting(()) is not None


def test_tracks_go_before_images_and_images_before_archives(spool: Spool) -> None:
    note(
        spool,
        FoundFile("a.mp4", Kind.VIDEO, 1, 1),
        image("b.jpg"),
        FoundFile("z.gpx", Kind.TRACK, 1, 1),
        image("a.jpg"),
    )
    order: list[str] = []
    skipped: set[int] = set()
    while entry := spool.next_waiting(skipped):
        order.append(entry.path)
        skipped.add(entry.id)
    assert order == ["z.gpx", "a.jpg", "b.jpg", "a.mp4"]


def test_the_same_track_beside_two_drives_is_sent_for_both(spool: Spool) -> None:
    note(spool, FoundFile("a/t.gpx", Kind.TRACK, 1, 1), FoundFile("b/t.gpx", Kind.TRACK, 1, 1))
    first = spool.next_waiting(())
    assert first is not None
    spool.keep_sent(first, HASH, Receipt("new"), BEGIN)
    second = spool.next_waiting(())
    assert second is not None
    assert not spool.is_acknowledged(second, HASH)


def test_each_server_has_its_own_list(spool: Spool, tmp_path: Path) -> None:
    note(spool, image())
    other = Spool(tmp_path, "https://other.example.org")
    assert other.count() == {}
    other.close()
    assert spool.count() == {State.WAITING: (1, 10)}


def test_a_list_that_power_loss_made_unreadable_is_put_aside(tmp_path: Path) -> None:
    Spool(tmp_path, SERVER).close()
    (file,) = tmp_path.glob("*.db")
    file.write_bytes(os.urandom(20_000))
    spool = Spool(tmp_path, SERVER)
    assert note(spool, image()) == 1
    spool.close()
    assert len(list(tmp_path.glob("*.broken-1"))) == 1


def test_the_list_does_not_grow_for_ever(spool: Spool) -> None:
    note(spool, image("old.jpg"), image("kept.jpg"), image("waits.jpg"))
    for _ in range(2):
        entry = spool.next_waiting(())
        assert entry is not None
        spool.keep_sent(entry, HASH + entry.path, Receipt("new"), BEGIN)
    spool.forget_old([image("kept.jpg")], BEGIN + KEEP_ENDED - timedelta(days=1))
    assert spool.count()[State.SENT] == (2, 20)
    note(spool, image("kept.jpg"), image("old.jpg"), image("waits.jpg"))
    spool.forget_old([image("kept.jpg")], BEGIN + KEEP_ENDED + timedelta(days=1))
    assert spool.count() == {State.WAITING: (1, 10), State.SENT: (1, 10)}


def test_a_name_that_is_no_text_is_listed(spool: Spool) -> None:
    path = os.fsdecode(b"\xff.jpg")
    note(spool, image(path))
    entry = spool.next_waiting(())
    assert entry is not None
    assert entry.path == path
    spool.keep_refused(entry, "image.empty", "expected an image", None, BEGIN)
    assert spool.refused()[0].path == "?.jpg"
