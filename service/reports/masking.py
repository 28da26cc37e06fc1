"""Takes out of free words what names or reaches a person, since a description is public and its writer may not know."""

import re

MASK = "▮▮▮"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Seven digits and more, Arabic-Indic ones too, with what people put between them: telephone numbers, national
# identities, bank accounts. Dates and places with their points and colons stay.
_DIGITS = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d\b)[+(]?\d(?:[ \-()]{0,2}\d){6,}(?!\d*[.:]\d)")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)  # XML 1.0 and PostgreSQL refuse them


def mask(words: str) -> str:
    """The words without e-mail addresses and long numbers."""
    return _DIGITS.sub(MASK, _EMAIL.sub(MASK, words))


def clean(words: str) -> str:
    """Without characters that neither XML nor the database can hold; line breaks as one character."""
    return _FORBIDDEN.sub("", words.replace("\r\n", "\n").replace("\r", "\n")).strip()
