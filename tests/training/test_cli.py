"""The commands: what a person can put right is a line, and help is quick."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.datasets.streets import write_source
from training import cli, release_cli

app = typer.Typer()
for command in (cli.train, cli.export, cli.evaluate, cli.compare, release_cli.release, release_cli.promote):
    app.command()(command)


def test_a_wrong_configuration_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("name: x\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["train", str(tmp_path / "c.yaml")])
    assert result.exit_code == 2
    assert "weights: Field required" in result.stderr


def test_an_unknown_model_is_refused_in_one_line(tmp_path: Path) -> None:
    write_source(tmp_path / "data", "graffiti_athens", ["Graffiti"], {"a": ("g", "val", "")})
    result = CliRunner().invoke(app, ["evaluate", "none.onnx", "--shared", str(tmp_path)])
    assert result.exit_code == 2
    assert "none.onnx" in result.stderr


def test_an_unknown_head_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(tmp_path), "out.onnx", "--head", "two"])
    assert result.exit_code == 2
    assert "dense" in result.stderr


def test_an_unknown_variant_is_refused_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "default", str(tmp_path / "out.onnx"), "--variant", "fp4"])
    assert result.exit_code == 2
    assert "expected int8, got fp4" in result.stderr


def test_a_promotion_names_what_it_needs(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["promote", str(tmp_path / "model.onnx")])
    assert result.exit_code == 2
    assert "--evaluation" in result.stderr


@pytest.mark.parametrize("given", ["2", "pothole=x", "unicorn=0.1", "-0.1"])
def test_a_false_alarm_limit_that_is_no_share_is_refused(given: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", "none.onnx", "--most-false-alarms", given])
    assert result.exit_code == 2
    assert "CLASS=0..1" in result.stderr


def test_false_alarm_limits_hold_for_all_classes_and_for_named_ones() -> None:
    limit = cli._false_alarm_limit(["0.05", "road_crack=0.3"])
    assert (limit.of("pothole"), limit.of("road_crack")) == (0.05, 0.3)
    assert cli._false_alarm_limit([]).of("pothole") == 0.02


def test_comparing_what_was_never_evaluated_is_refused_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["compare", str(tmp_path), str(tmp_path)])
    assert result.exit_code == 2
    assert "rasid evaluate --out" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, training.cli, training.release_cli, datasets.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "ultralytics", "cv2", "onnxruntime", "numpy"} & set(loaded)
