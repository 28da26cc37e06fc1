"""A run's pace by steps and by minutes."""

import pytest

pytest.importorskip("ultralytics", reason="needs the train extra: ultralytics")
from training.trainer import Pace


def pace_after(monkeypatch: pytest.MonkeyPatch, pace: Pace, seconds: float) -> Pace:
    monkeypatch.setattr("training.trainer.time.monotonic", lambda: 1000.0)
    pace.elapsed_s()
    monkeypatch.setattr("training.trainer.time.monotonic", lambda: 1000.0 + seconds)
    return pace


def test_without_minutes_only_steps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = pace_after(monkeypatch, Pace(None), 1e6)
    assert pace.share_done(0.25) == 0.25
    assert not pace.is_over()


def test_the_further_of_steps_and_minutes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = pace_after(monkeypatch, Pace(10), 300)
    assert pace.share_done(0.25) == 0.5
    assert pace.share_done(0.75) == 0.75


def test_a_run_is_over_when_its_minutes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pace_after(monkeypatch, Pace(10), 600).is_over()


def test_minutes_before_a_resume_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pace_after(monkeypatch, Pace(10, minutes_before=9), 60).is_over()
