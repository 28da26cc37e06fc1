"""The mean of runs is the mean of their weights, and says whose."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra: torch")

import torch

from training.averaging import average_runs, mean_state
from training.errors import TrainingError
from training.recipe import RECORD_FILE


def finished_run(runs: Path, name: str, weight: float, image_size: int = 64) -> None:
    """A run whose network is one linear layer of this weight."""
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(layer.weight, weight)
    (runs / name / "weights").mkdir(parents=True)
    torch.save({"epoch": -1, "ema": layer}, runs / name / "weights/last.pt")
    record = {
        "config": {"name": name, "image_size": image_size, "head": "dense"},
        "data": {"sha256": name, "sources": [name, "smartathon"]},
        "versions": {"torch": "2"},
    }
    (runs / name / RECORD_FILE).write_text(json.dumps(record), encoding="utf-8")


def weight_of(run: Path) -> float:
    return float(torch.load(run / "weights/last.pt", weights_only=False)["ema"].weight.detach())


def test_each_run_counts_by_its_share(tmp_path: Path) -> None:
    finished_run(tmp_path, "a", 1.0)
    finished_run(tmp_path, "b", 2.0)
    average_runs({"a": 3, "b": 1}, "ab", tmp_path)
    assert weight_of(tmp_path / "ab") == pytest.approx(1.25)
    assert (weight_of(tmp_path / "a"), weight_of(tmp_path / "b")) == (1.0, 2.0)


def test_the_record_names_the_runs_their_shares_and_all_sources(tmp_path: Path) -> None:
    finished_run(tmp_path, "a", 1.0)
    finished_run(tmp_path, "b", 2.0)
    average_runs({"a": 3, "b": 1}, "ab", tmp_path)
    record = json.loads((tmp_path / "ab" / RECORD_FILE).read_text())
    assert [(one["run"], one["share"], one["record"]["data"]["sha256"]) for one in record["averaged"]] == [
        ("a", 3, "a"),
        ("b", 1, "b"),
    ]
    assert record["data"]["sources"] == ["a", "b", "smartathon"]


def test_counters_are_not_averaged() -> None:
    states = [{"seen": torch.tensor(seen)} for seen in (3, 8)]
    assert int(mean_state(states, [1, 1])["seen"]) == 8


@pytest.mark.parametrize(
    "shares", [{"a": 1.0}, {"a": 1.0, "b": 0.0}, {"a": 1.0, "ab": 1.0}, {"a": 1.0, "missing": 1.0}]
)
def test_what_cannot_be_averaged_is_refused(tmp_path: Path, shares: dict[str, float]) -> None:
    for name in ("a", "b"):
        finished_run(tmp_path, name, 1.0)
    with pytest.raises(TrainingError):
        average_runs(shares, "ab", tmp_path)


def test_runs_of_different_sizes_are_refused(tmp_path: Path) -> None:
    finished_run(tmp_path, "a", 1.0)
    finished_run(tmp_path, "b", 1.0, image_size=128)
    with pytest.raises(TrainingError, match="image_size"):
        average_runs({"a": 1, "b": 1}, "ab", tmp_path)
