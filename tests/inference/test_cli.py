"""`rasid detect` as a person types it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from inference import sources
from inference.cli import detect
from inference.errors import ImageRefused
from inference.images import decode_image
from tests.images import encode_image
from tests.models import blob_image

SQUARE = (100, 50, 164, 114)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    hole = blob_image({"pothole": [SQUARE]})
    (folder / "b.JPG").write_bytes(encode_image(hole))
    (folder / "a.webp").write_bytes(encode_image(blob_image(), "WEBP"))
    (folder / "sub" / "a.png").write_bytes(encode_image(hole, "PNG", 6))
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def run(model_path: Path) -> "Runner":
    return Runner(model_path)


class Runner:
    """Calls the command with the blob model."""

    def __init__(self, model_path: Path) -> None:
        self._app = typer.Typer()
        self._app.command()(detect)
        self._environment = {"RASID_MODEL": str(model_path), "COLUMNS": "200"}

    def __call__(self, *arguments: object) -> Result:
        return CliRunner().invoke(self._app, [str(a) for a in arguments], env=self._environment)

    def lines(self, *arguments: object) -> list[dict[str, Any]]:
        result = self(*arguments, "--json", "-")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def refusal(self, *arguments: object) -> str:
        result = self(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        return result.stderr


def test_a_folder_gives_a_line_an_image_in_sorted_order(run: Runner, photos: Path) -> None:
    lines = run.lines(photos)
    assert [line["image"] for line in lines] == [f"{photos}/{name}" for name in ("a.webp", "b.JPG", "sub/a.png")]
    assert [len(line["detections"]) for line in lines] == [0, 1, 1]


def test_a_line_holds_size_class_score_and_box(run: Runner, photos: Path) -> None:
    (line,) = run.lines(photos / "b.JPG")
    (found,) = line.pop("detections")
    assert line == {"image": f"{photos}/b.JPG", "width": 640, "height": 480}
    assert found["class"] == "pothole" and 0.9 < found["score"] <= 1
    assert all(abs(a - b) <= 2 for a, b in zip(found["xyxy_px"], SQUARE, strict=True))


def test_boxes_of_a_turned_file_are_in_pixels_of_the_file_as_stored(run: Runner, photos: Path) -> None:
    (line,) = run.lines(photos / "sub" / "a.png")
    assert (line["width"], line["height"]) == (480, 640)
    x0, y0, x1, y1 = SQUARE
    as_stored = (y0, 640 - x1, y1, 640 - x0)
    assert all(abs(a - b) <= 2 for a, b in zip(line["detections"][0]["xyxy_px"], as_stored, strict=True))


def test_the_path_stays_as_it_was_given(run: Runner, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    names = [line["image"] for line in run.lines("./photos/", "./photos/b.JPG", "photos/b.JPG")]
    assert names == ["./photos/a.webp", "./photos/b.JPG", "./photos/sub/a.png", "photos/b.JPG"]


def test_min_score_shows_what_the_thresholds_hide(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "faint.png").write_bytes(encode_image(blob_image({"pothole": [SQUARE]}, strength=0.4), "PNG"))
    assert run.lines(tmp_path)[0]["detections"] == []
    assert len(run.lines(tmp_path, "--min-score", "0.001")[0]["detections"]) == 1


def test_a_broken_image_gets_a_line_is_counted_and_stops_nothing(run: Runner, photos: Path) -> None:
    (photos / "0-cut.jpg").write_bytes((photos / "b.JPG").read_bytes()[:3000])
    (photos / "c-text.jpg").write_text("hello")
    result = run(photos, "--json", photos.parent / "out.jsonl")
    lines = [json.loads(line) for line in (photos.parent / "out.jsonl").read_text().splitlines()]
    assert result.exit_code == 0
    assert "2 of 5 images could not be read" in result.stderr
    assert [line["error"]["code"] for line in lines if "error" in line] == [
        "image.truncated", "image.unsupported_format"
    ]  # fmt: skip
    assert set(lines[0]) == {"image", "error"} and lines[0]["error"]["detail"].startswith("expected a whole JPEG")


def test_a_file_name_that_is_no_text_is_kept_in_its_line(run: Runner, photos: Path) -> None:
    name = os.fsencode(photos) + b"/shara\xff\xd8.png"
    Path(os.fsdecode(name)).write_bytes(encode_image(blob_image(), "PNG"))
    images = [line["image"] for line in run.lines(photos)]
    assert name in [os.fsencode(str(image)) for image in images]


def test_without_json_a_table_names_images_and_counts_classes(run: Runner, photos: Path) -> None:
    (photos / "empty.jpg").touch()
    result = run(photos)
    assert result.exit_code == 0
    assert "b.JPG" in result.stdout and "pothole 1.00" in result.stdout
    assert "image.empty: expected a JPEG, PNG or WebP file, got zero bytes" in result.stdout
    assert "2 detections in 4 images: 2 pothole" in result.stdout


def test_progress_is_told_on_standard_error_only(run: Runner, photos: Path) -> None:
    result = run(photos, "--json", "-")
    assert "3/3" in result.stderr and "3/3" not in result.stdout


def test_workers_threads_and_backend_are_taken_and_change_no_line(run: Runner, photos: Path) -> None:
    lines = run.lines(photos)
    assert run.lines(photos, "--workers", 1, "--threads", 2, "--backend", "onnxruntime") == lines
    assert run.lines(photos, "--workers", 3) == lines


def test_an_unknown_backend_is_refused_with_the_known_ones(run: Runner, photos: Path) -> None:
    assert "onnxruntime, openvino, cuda" in run.refusal(photos, "--backend", "tpu")


def test_a_single_image_has_no_progress_bar(run: Runner, photos: Path) -> None:
    assert run(photos / "b.JPG", "--json", "-").stderr == ""


def test_a_file_that_is_gone_before_it_is_drawn_gets_a_line_that_says_so(
    run: Runner, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> bytes:
        raise ImageRefused("image.unreadable", "a file that can be read", f"no {name}")

    readers = iter([sources.read_image, gone])  # the detector's, then the drawing's
    monkeypatch.setattr(sources, "read_image", lambda name: next(readers)(name))
    (line,) = run.lines(photos / "b.JPG", "--draw", photos.parent / "drawn")
    assert line["error"]["code"] == "image.unreadable"


def test_draw_writes_a_copy_of_every_readable_image(run: Runner, photos: Path) -> None:
    (photos / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    drawn = photos.parent / "drawn"
    assert run(photos, "--draw", drawn).exit_code == 0
    assert sorted(path.name for path in drawn.iterdir()) == ["a-2.jpg", "a.jpg", "b.jpg"]
    upright, turned = (decode_image((drawn / name).read_bytes()).pixels for name in ("b.jpg", "a-2.jpg"))
    assert upright.shape == turned.shape == (480, 640, 3)
    assert np.abs(upright.astype(int) - turned).mean() < 1


def test_outputs_that_would_overwrite_a_photograph_are_refused(run: Runner, photos: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    assert "choose another" in run.refusal(photos, "--draw", photos / "sub")
    assert "choose another name" in run.refusal(photos, "--json", photos / "b.JPG")
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before


def test_a_missing_path_is_refused_with_its_name(run: Runner, photos: Path) -> None:
    assert "nowhere.jpg does not exist" in run.refusal(photos, photos / "nowhere.jpg")


def test_a_folder_without_images_is_refused(run: Runner, tmp_path: Path) -> None:
    assert f"in {tmp_path} or below, found none" in run.refusal(tmp_path)


def test_an_unknown_model_is_refused_and_leaves_the_output_alone(run: Runner, photos: Path) -> None:
    output = photos.parent / "out.jsonl"
    output.write_text("earlier results")
    for model in ("no-such-model", str(photos / "none.onnx")):
        assert model in run.refusal(photos, "--json", output, "--model", model) or model == "no-such-model"
    assert output.read_text() == "earlier results"


def test_an_output_that_cannot_be_written_is_refused(run: Runner, photos: Path) -> None:
    assert "No such file or directory" in run.refusal(photos, "--json", photos / "none" / "out.jsonl")
    assert "File exists" in run.refusal(photos / "b.JPG", "--draw", photos / "notes.txt")


def test_help_teaches_with_an_example(run: Runner) -> None:
    text = run("--help").stdout
    assert "rasid detect photos/ --json found.jsonl" in text
    assert "--min-score 0.001 shows everything" in text
