"""A short run of the fuzzer: whatever comes in, each file ends with a name, and the machine as it was."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.cases import KINDS, draw_case
from tests.fuzz.doors import ACCEPTED
from tests.fuzz.run import Fuzz, run_fuzz

FILES, MOST_MB = 300, 2_500


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under pytest's own folder: that closes itself to the user of root's PostgreSQL."""
    path = Path(tempfile.mkdtemp(prefix="rasid-fuzz-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_every_spoilt_file_is_taken_or_refused_by_name_and_the_machine_lives(folder: Path) -> None:
    outcome = run_fuzz(Fuzz(FILES, seed=1), folder)
    assert outcome.clean, outcome.as_json()
    assert sum(sum(codes.values()) for codes in outcome.table.values()) == FILES
    assert outcome.table["untouched"][ACCEPTED] > 0 and outcome.table["wrong type"].get(ACCEPTED, 0) == 0
    assert max(outcome.peak_mb.values()) < MOST_MB, outcome.peak_mb


def test_a_case_is_the_same_each_time_it_is_drawn() -> None:
    cases = [draw_case(3, number) for number in range(200)]
    assert cases == [draw_case(3, number) for number in range(200)]
    assert len({case.kind for case in cases}) > len(KINDS) // 2
