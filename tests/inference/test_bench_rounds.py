"""Contenders are processes that take turns; one that dies is a row that says why, and the others go on."""

import sys
from pathlib import Path

import pytest

from inference.bench.process import Contender
from inference.bench.report import Kind, Row
from inference.bench.rounds import Plan, measure, steps

PLAN = Plan(pictures=["a.jpg", "b.jpg"], rounds=3, starts=2)
ACTOR = """
import sys
from inference.bench.serving import Facts, serve

class Work:
    turns = 0
    def warm_up(self, pictures):
        return Facts(input="32x64", batch=len(pictures), note="warm")
    def run(self, pictures):
        self.turns += 1
        print("the library talks to standard output")
        with open(sys.argv[1], "a") as log:
            log.write(sys.argv[2])
        {act}
        return float(len(pictures))

{begin}
serve(lambda: (Work(), Facts()))
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_text("")
    return path


def actor(log: Path, name: str, act: str = "pass", begin: str = "") -> Contender:
    program = ACTOR.replace("{act}", act).replace("{begin}", begin)
    return Contender(name, f"title {name}", Kind.STREAM, (sys.executable, "-c", program, str(log), name))


def rows_by_key(contenders: list[Contender]) -> dict[str, Row]:
    told: list[str] = []
    rows = measure(contenders, PLAN, told.append)
    assert len(told) == steps(contenders, PLAN)
    return {row.key: row for row in rows}


def test_contenders_take_turns_round_after_round(log: Path) -> None:
    rows = rows_by_key([actor(log, "a"), actor(log, "b"), actor(log, "c")])
    played = log.read_text()
    assert [sorted(played[start : start + 3]) for start in (0, 3, 6)] == [["a", "b", "c"]] * 3
    assert all(len(row.rates) == 3 and row.failed is None for row in rows.values())


def test_a_row_carries_what_the_contender_said_of_itself(log: Path) -> None:
    row = rows_by_key([actor(log, "a")])["a"]
    assert (row.input, row.batch, row.note) == ("32x64", 2, "warm")
    assert row.images_per_s is not None
    assert row.images_per_s.least > 0
    assert row.cold_start_s is not None
    assert row.cold_start_s.median > 0.01
    assert row.peak_memory_mb is not None
    assert 5 < row.peak_memory_mb < 1000


def test_one_that_cannot_start_says_why_and_the_others_go_on(log: Path) -> None:
    rows = rows_by_key([actor(log, "a"), actor(log, "b", begin="raise RuntimeError('no such instruction')")])
    assert rows["b"].failed == "RuntimeError: no such instruction"
    assert rows["b"].images_per_s is None
    assert len(rows["a"].rates) == 3


def test_one_that_dies_in_its_second_turn_keeps_its_first(log: Path) -> None:
    rows = rows_by_key([actor(log, "a"), actor(log, "b", act="self.turns == 2 and sys.exit('out of memory')")])
    assert rows["b"].failed == "out of memory"
    assert len(rows["b"].rates) == 1
    assert len(rows["a"].rates) == 3


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import os; os.close(2); os._exit(3)", "the library talks to standard output"),
    ],
)
def test_one_that_ends_without_an_error_of_its_own_says_what_is_known(log: Path, act: str, reason: str) -> None:
    assert rows_by_key([actor(log, "b", act=act)])["b"].failed == reason


def test_memory_is_the_contenders_own_not_that_of_who_started_it(log: Path) -> None:
    held = bytearray(400_000_000)
    held[::4096] = b"\1" * len(held[::4096])
    peak = rows_by_key([actor(log, "a")])["a"].peak_memory_mb
    assert peak is not None
    assert peak < 300
    assert len(held) == 400_000_000
