"""The demo is the main job in one command: it must run, count truly, and say what its positions are worth."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.demo.cli import demo
from service.demo.frames import find_images, own_frames, rendered_frames
from tests.conftest import postgres_folder
from tests.factories import jpeg
from tests.models import blob_image


def run_demo(temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "demo", *arguments]
    place = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=place)


def test_own_images_become_defects_and_closed_orders_and_a_broken_one_is_counted(
    tmp_path: Path, blob_model: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(5):
        left = 100 + 40 * number
        (photos / f"{number}.jpg").write_bytes(jpeg(blob_image({"pothole": [(left, 330, left + 64, 394)]})))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    report_file = tmp_path / "report.json"
    sheets = tmp_path / "sheets"
    arguments = (
        "--frames", str(photos), "--model", str(blob_model), "--json", str(report_file), "--sheets", str(sheets),
    )  # fmt: skip
    with postgres_folder() as temporary:
        done = run_demo(temporary, *arguments)
        remains = list(temporary.glob("rasid-*"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert remains == []  # neither the database nor the images stay behind
    report = json.loads(report_file.read_text("utf-8"))
    assert report["frames_by_state"] == {"processed": 5, "refused": 1}
    assert report["synthetic_positions"] == 5
    assert "mean nothing" in " ".join(done.stdout.split())
    found = sum(report["defects"]["pothole"].values())
    assert 1 <= found <= 5
    assert report["work_orders"]["Dammam"]["Pothole machine"]["closed"] == 1
    assert report["images_per_s"] > 0
    day = report["day"]
    assert day["call"]["defect_id"] and day["call"]["chance"] > 0.5
    assert day["indicators"]["Dammam"]["treated"] == 1
    assert len(day["routes"]) == len(list(sheets.glob("*.pdf"))) <= found
    assert all(route["stops"] + route["left_out"] > 0 for route in day["routes"])


def test_rendered_frames_carry_their_place_in_the_exif_and_cover_both_towns() -> None:
    frames = list(rendered_frames(3))
    assert [frame.town for frame in frames] == ["dammam", "dammam", "khobar"]
    assert not any(frame.synthetic_position for frame in frames)


def test_own_images_without_a_place_get_one_and_are_marked(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "b.jpg").write_bytes(next(rendered_frames(2)).data)
    (tmp_path / "notes.txt").write_text("not an image")
    plain, tagged = own_frames(find_images(tmp_path, None))
    assert plain.synthetic_position and plain.metadata.lat is not None
    assert not tagged.synthetic_position and tagged.metadata.lat is None


def test_an_empty_folder_is_a_clear_error(tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(demo)
    refused = CliRunner().invoke(app, ["--frames", str(tmp_path)])
    assert refused.exit_code == 2
    assert "found none" in refused.output


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_takes_the_first_images_by_name(tmp_path: Path, limit: int) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_images(tmp_path, limit)] == ["a.png", "b.png"][:limit]
