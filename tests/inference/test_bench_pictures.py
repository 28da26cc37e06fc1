"""Every contender reads the same whole files."""

from pathlib import Path

import numpy as np
import pytest

from inference.bench.pictures import as_camera_frames, drawn_street, drawn_streets, repeated, usable
from inference.images import decode_image
from tests.images import encode_image


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (270, 480)])
def test_a_picture_of_any_size_becomes_a_camera_frame(size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    source = tmp_path / "one.webp"
    upright = np.zeros((height, width, 3), np.uint8)
    upright[:, width // 2 :] = 255
    source.write_bytes(encode_image(upright, "WEBP"))
    (written,) = as_camera_frames([str(source)], tmp_path)
    frame = decode_image(Path(written).read_bytes())
    assert (frame.format, frame.pixels.shape) == ("JPEG", (1080, 1920, 3))
    assert frame.pixels[540, 900].mean() < 10  # the middle stays the middle
    assert frame.pixels[540, 1020].mean() > 245


def test_drawn_streets_differ_and_are_camera_frames(tmp_path: Path) -> None:
    paths = drawn_streets(tmp_path)
    assert len({Path(path).read_bytes() for path in paths}) == len(paths)
    assert decode_image(drawn_street(1)).pixels.shape == (1080, 1920, 3)


def test_broken_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "whole.jpg").write_bytes(drawn_street(1))
    (tmp_path / "broken.jpg").write_bytes(drawn_street(1)[:999])
    assert usable([str(tmp_path / name) for name in ("broken.jpg", "whole.jpg")]) == [str(tmp_path / "whole.jpg")]


def test_too_few_pictures_are_repeated() -> None:
    assert repeated(["a", "b"], 5) == ["a", "b", "a", "b", "a"]
    assert repeated(["a", "b"], 1) == ["a"]
