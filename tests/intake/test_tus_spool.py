"""Spool files: private, locked, no longer than promised, gone without a trace."""

import stat
from pathlib import Path
from uuid import uuid4

import pytest

from service.intake.spool import Spool, SpoolBusy, SpoolOverrun


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool" / "tus")


def test_bytes_land_where_they_belong(spool: Spool) -> None:
    name = uuid4()
    with spool.take(name, 10) as file:
        file.write(0, b"01234")
        file.write(5, b"56789")
        file.sync()
        assert file.path.read_bytes() == b"0123456789"
        file.cut(7)
        assert file.size() == 7
        file.cut(9)  # cutting never makes it longer
        assert file.size() == 7


def test_no_file_grows_over_its_length(spool: Spool) -> None:
    with spool.take(uuid4(), 4) as file, pytest.raises(SpoolOverrun):
        file.write(2, b"abc")


def test_one_at_a_time_writes_a_file_and_the_next_one_after_it(spool: Spool) -> None:
    name = uuid4()
    with spool.take(name, 4), pytest.raises(SpoolBusy):
        spool.take(name, 4)
    spool.take(name, 4).close()


def test_raw_bytes_are_closed_to_other_users(spool: Spool) -> None:
    with spool.take(uuid4(), 4) as file:
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700


def test_who_waits_can_say_so_and_is_heard_once(spool: Spool) -> None:
    name = uuid4()
    with spool.take(name, 4) as file:
        assert not file.wanted()
        spool.wish(name)
        assert file.wanted()
    with spool.take(name, 4) as file:
        assert not file.wanted()


def test_a_removed_upload_leaves_no_file(spool: Spool) -> None:
    name = uuid4()
    with spool.take(name, 4) as file:
        spool.wish(name)
        assert spool.names() == {name}
        file.remove()
    assert spool.names() == set()
    assert list(spool.folder.iterdir()) == []
