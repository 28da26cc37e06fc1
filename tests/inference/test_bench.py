"""The benchmark times what it says it times, on the user's images or on drawn ones."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from inference.bench import drawn_street
from inference.bench_cli import bench
from inference.images import decode_image
from tests.models import write_blob_model

app = typer.Typer()
app.command()(bench)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blob_model(tmp_path_factory.mktemp("model") / "blobs.onnx")


def test_the_json_holds_every_stage_and_end_to_end_is_the_longest(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    done = CliRunner().invoke(app, ["--model", str(model), "--images", "6", "--json", str(out)])
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text("utf-8"))
    assert (result["model"], result["images"]) == ("blobs", 6)
    assert result["end_to_end"]["median_ms"] > max(result["decode"]["median_ms"], result["detect"]["median_ms"]) * 0.9
    assert result["images_per_s"] == pytest.approx(1000 / result["end_to_end"]["median_ms"])
    assert result["peak_memory_mb"] > 10


def test_it_times_the_images_it_is_given(model: Path, tmp_path: Path) -> None:
    for seed in range(5):
        (tmp_path / f"{seed}.jpg").write_bytes(drawn_street(seed))
    done = CliRunner().invoke(app, [str(tmp_path), "--model", str(model), "--images", "4"])
    assert done.exit_code == 0, done.output
    assert "4 images" in done.output


def test_an_unknown_model_is_a_clear_error() -> None:
    refused = CliRunner().invoke(app, ["--model", "no-such-model"])
    assert refused.exit_code == 2


def test_drawn_streets_differ_and_are_images() -> None:
    assert drawn_street(1) != drawn_street(2)
    assert decode_image(drawn_street(1)).pixels.shape == (720, 1280, 3)
