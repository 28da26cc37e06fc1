"""What a file is, what it is called, and what its sender says of it: all read without trust."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.core.errors import Unprocessable
from service.core.settings import Settings
from service.intake.archives_api import ArchiveRetry, ArchiveTold
from service.intake.handover import Content, plain_name, read_told, sniff
from service.surveys.schemas import FrameMetadata


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"", Content.PICTURE),
        (b"\xff\xd8\xff\xe0 then anything", Content.PICTURE),
        (b"\x89PNG\r\n\x1a\n", Content.PICTURE),
        (b"RIFF\0\0\0\0WEBPVP8 ", Content.PICTURE),
        (b"\0\0\0\x18ftypheic", Content.PICTURE),
        (b"PK\x03\x04", Content.ARCHIVE),
        (b"\0\0\0\x18ftypmp42", Content.ARCHIVE),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<gpx>', Content.TRACK),
        (b' [{"filename": "a.jpg"}]', Content.TRACK),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<html><body>gpx</body></html>", None),
        (b"\x7fELF", None),
    ],
)
def test_content_says_what_a_file_is(tmp_path: Path, data: bytes, content: Content | None) -> None:
    file = tmp_path / "misleading.jpg"
    file.write_bytes(data)
    assert sniff(file) is content


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\cards\\0001.jpg", "0001.jpg"),
        ("/", ""),
        ("..", ".."),
        ("a\0b.jpg", "ab.jpg"),
        ("شارع الملك.jpg", "شارع الملك.jpg"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_is_a_label_without_folders(given: str, name: str) -> None:
    assert plain_name({"filename": given}) == name


def test_only_our_keys_are_read_and_empty_ones_are_nothing() -> None:
    said = read_told({"lat": "26.4", "lon": "50.1", "survey": "", "filetype": "image/gif", "spacing_m": "5"})
    assert (said.lat, said.survey, said.spacing_m) == (26.4, None, 5)
    assert said.of_frame().lat == 26.4
    assert read_told({"gps_sd_m": "0.8", "gps_dop": "1.1"}).of_frame() == FrameMetadata(gps_sd_m=0.8, gps_dop=1.1)


@pytest.mark.parametrize(("spacing_m", "taken"), [(0.4, False), (0.5, True), (1_000, True), (1_001, False)])
def test_frames_of_a_video_may_lie_as_far_apart_whichever_way_it_comes(spacing_m: float, taken: bool) -> None:
    doors: list[Callable[[], object]] = [
        lambda: read_told({"spacing_m": str(spacing_m)}),
        lambda: ArchiveTold(spacing_m=spacing_m),
        lambda: ArchiveRetry(spacing_m=spacing_m),
        lambda: Settings(video_spacing_m=spacing_m),
    ]
    for door in doors:
        with nullcontext() if taken else pytest.raises((Unprocessable, ValidationError), match="spacing_m"):
            door()


@pytest.mark.parametrize(
    "told", [{"lat": "north"}, {"spacing_m": "-1"}, {"survey": "a\0b"}, {"captured_at": "noon"}, {"gps_sd_m": "0"}]
)
def test_metadata_that_cannot_be_read_is_refused_with_its_key_named(told: dict[str, str]) -> None:
    with pytest.raises(Unprocessable, match=next(iter(told))):
        read_told(told)
