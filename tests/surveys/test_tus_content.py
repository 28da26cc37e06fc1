"""What a file is, what it is called, and what its sender says of it: all read without trust."""

from pathlib import Path

import pytest

from service.core.errors import Unprocessable
from service.surveys.handover import Content, plain_name, read_told, sniff


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


@pytest.mark.parametrize("told", [{"lat": "north"}, {"spacing_m": "-1"}, {"survey": "a\0b"}, {"captured_at": "noon"}])
def test_metadata_that_cannot_be_read_is_refused_with_its_key_named(told: dict[str, str]) -> None:
    with pytest.raises(Unprocessable, match=next(iter(told))):
        read_told(told)
