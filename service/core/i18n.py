"""The languages of the pages: which one a visitor gets, and a catalogue's messages, ready without a build."""

from enum import StrEnum
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DOMAIN = "rasid"


class Language(StrEnum):
    ARABIC = "ar"
    ENGLISH = "en"

    @property
    def direction(self) -> str:
        return "rtl" if self is Language.ARABIC else "ltr"


def choose(pair: tuple[str, str], language: Language) -> str:
    """Of English and Arabic."""
    return pair[language is Language.ARABIC]


def choose_language(cookie: str | None, accept_language: str | None) -> Language:
    """What the visitor chose before, else the best the browser asks for (RFC 9110, 12.5.4), else Arabic."""
    if cookie in set(Language):
        return Language(cookie)
    wanted = [_weighted(part) for part in (accept_language or "").split(",")]
    known = [(weight, tag) for weight, tag in wanted if weight > 0 and tag in set(Language)]
    return Language(max(known, key=lambda pair: pair[0])[1]) if known else Language.ARABIC


def load_translations(folder: Path, language: Language) -> Translations:
    """Reads `folder/<language>/LC_MESSAGES/rasid.po` and compiles it in memory."""
    with (folder / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file, locale=language.value, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, DOMAIN)


def _weighted(part: str) -> tuple[float, str]:
    tag, *parameters = part.strip().lower().split(";")
    quality = next((p.strip().removeprefix("q=") for p in parameters if p.strip().startswith("q=")), "1")
    try:
        return float(quality), tag.split("-")[0].strip()
    except ValueError:
        return 0.0, tag
