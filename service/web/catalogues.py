"""Keeps the catalogues in step with the texts of templates and routes: `python -m service.web.catalogues`."""

from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from service.core.i18n import DOMAIN, Language

FOLDER = Path(__file__).parent
SOURCES = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
# Without dates and names: a catalogue changes only when a text does.
HEADER = r"""msgid ""
msgstr ""
"Language: {language}\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: {plural_forms}\n"

"""


def extract_texts() -> Catalog:
    """Every text that a page can show, in English, with the places that show it."""
    catalogue = Catalog(project="Rasid", domain=DOMAIN, charset="utf-8")
    found = extract_from_dir(FOLDER, SOURCES, keywords=KEYWORDS, options_map={"templates/**.html": {"silent": "false"}})
    for path, _line, text, comments, context in found:
        catalogue.add(text, None, [(path, 0)], auto_comments=comments, context=context)
    return catalogue


def read_catalogue(language: Language) -> Catalog:
    with _file(language).open("rb") as file:
        return read_po(file, locale=language.value, domain=DOMAIN)


def update_catalogues() -> None:
    """Adds new texts untranslated and drops those that no page shows any more; English repeats the text."""
    texts = extract_texts()
    for language in Language:
        catalogue = read_catalogue(language)
        catalogue.update(texts, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        if language is Language.ENGLISH:
            for message in catalogue:
                message.string = message.id
        with _file(language).open("wb") as file:
            file.write(HEADER.format(language=language.value, plural_forms=catalogue.plural_forms).encode())
            write_po(file, catalogue, width=0, omit_header=True, sort_output=True, include_lineno=False)


def _file(language: Language) -> Path:
    return FOLDER / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


if __name__ == "__main__":
    update_catalogues()
