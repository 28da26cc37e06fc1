"""The glossary says of each indicator what the API says."""

from pathlib import Path

from service.control.definitions import glossary_lines

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_glossary_has_every_indicator_word_for_word() -> None:
    text = GLOSSARY.read_text("utf-8")
    assert [line for line in glossary_lines() if line not in text.splitlines()] == []
