"""`rasid data` on a tiny data folder."""

from pathlib import Path

from typer.testing import CliRunner

from datasets.cli import data
from tests.datasets.streets import write_source


def shared_with_one_tag(tmp_path: Path) -> Path:
    rows = {"a": ("g", "train", "0 0.5 0.5 0.2 0.2\n"), "b": ("g", "val", "")}
    write_source(tmp_path / "data", "graffiti_athens", ["Graffiti"], rows)
    return tmp_path


def test_summary_counts_pictures_by_source_and_boxes_by_class(tmp_path: Path) -> None:
    result = CliRunner().invoke(data, ["summary", "--shared", str(shared_with_one_tag(tmp_path))])
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["graffiti_athens", "1", "1", "0"] in lines
    assert ["graffiti", "1", "0", "0"] in lines


def test_export_writes_every_split_and_says_where(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(data, ["export", str(out), "--shared", str(shared_with_one_tag(tmp_path))])
    assert result.exit_code == 0
    assert str(out / "data.yaml") in result.stdout
    assert (out / "images/val/graffiti_athens__b.webp").exists()
