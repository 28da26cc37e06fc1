"""A short soak: two vehicles on bad links, every part killed at least once, each frame there exactly once."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.run import Soak, run_soak


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under pytest's own folder: that closes itself to the user of root's PostgreSQL."""
    path = Path(tempfile.mkdtemp(prefix="rasid-soak-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_nothing_is_lost_and_nothing_doubled_while_every_part_is_killed(folder: Path) -> None:
    outcome = run_soak(Soak(frames=400, vehicles=2, kills=6), folder)
    assert outcome.clean, outcome.as_json()
    assert outcome.sent == 400 and outcome.stored < 400
    assert {"server", "worker", "database"} <= set(outcome.killed)
