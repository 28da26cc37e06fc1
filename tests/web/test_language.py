"""Arabic and English: who gets which, and that nothing is left untranslated."""

import re
from pathlib import Path

import pytest
from babel.messages import Message
from hypothesis import given
from hypothesis import strategies as st

from datasets.taxonomy import CLASSES, Unit
from service.accounts.permissions import Role
from service.core.i18n import Language, choose_language
from service.defects.access import DefectOrder
from service.defects.models import Absence
from service.defects.priority import MOST
from service.defects.states import DefectAction, DefectState
from service.surveys.models import FrameState
from service.web import words
from service.web.catalogues import extract_texts, read_catalogue
from service.web.pages import FOLDER
from service.work_orders.states import WorkOrderAction, WorkOrderState
from tests.web.desk import Desk
from tests.web.visitor import Visitor

TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
BOTH = list(Language)
BESIDE_STATES = {  # of defects, that move no state
    "find", "absorb", "rename", "split", "propose_fixed", "propose_gone", "withdraw_absence", "overrule_absence"
}  # fmt: skip

ORDER_BESIDE_STATES = {"open", "absorb", "route", "prioritise", "photo", "undo"}


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        (None, None, "ar"),
        (None, "fr-FR,de;q=0.5", "ar"),
        (None, "en-GB,en;q=0.9,ar;q=0.8", "en"),
        (None, "en;q=0.3, ar-SA;q=0.9", "ar"),
        (None, "en;q=0", "ar"),
        ("en", "ar", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_choice_goes_before_the_browser_and_arabic_is_the_rest(
    cookie: str | None, accepted: str | None, expected: str
) -> None:
    assert choose_language(cookie, accepted) == expected


@given(st.text())
def test_no_header_makes_the_choice_fail(header: str) -> None:
    assert choose_language(None, header) in BOTH


def test_the_page_says_its_language_and_direction(visitor: Visitor) -> None:
    assert '<html lang="en" dir="ltr">' in visitor.get("/sign-in").text
    assert '<html lang="ar" dir="rtl">' in visitor.get("/sign-in", **{"Accept-Language": "ar"}).text


def test_the_switch_returns_to_the_page_and_stays_switched(visitor: Visitor, desk: Desk) -> None:
    visitor.sign_in(desk.person(Role.INSPECTOR))
    answer = visitor.get("/language/ar", Referer="http://testserver/review?class=pothole")
    assert answer.headers["location"] == "/review?class=pothole"
    assert "بانتظار المراجعة" in visitor.read("/review")
    assert visitor.get("/language/en", Referer="https://evil.example/x").headers["location"] == "/"


@pytest.mark.parametrize("language", BOTH)
def test_every_text_of_templates_and_routes_is_translated(language: Language) -> None:
    catalogue = read_catalogue(language)
    missing = [message.id for message in _texts(extract_texts()) if not _translated(catalogue.get(message.id))]
    assert missing == [], "run `python -m service.web.catalogues` and translate what is new"


@pytest.mark.parametrize("language", BOTH)
def test_no_catalogue_keeps_a_text_that_no_page_shows(language: Language) -> None:
    shown = {message.id for message in _texts(extract_texts())}
    assert {message.id for message in _texts(read_catalogue(language))} == shown


@pytest.mark.parametrize("language", BOTH)
def test_a_translation_has_the_placeholders_of_its_text(language: Language) -> None:
    for message in _texts(read_catalogue(language)):
        faults = list(message.check())
        assert faults == [], f"{message.id}: {faults}"


def test_arabic_is_arabic() -> None:
    plain = [message for message in _texts(read_catalogue(Language.ARABIC)) if isinstance(message.string, str)]
    latin = [message.id for message in plain if not re.search("[\u0600-\u06ff]", str(message.string))]
    assert latin == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_but_through_gettext(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template.read_text("utf-8"), flags=re.DOTALL)
    attributes = re.findall(r'\b(?:alt|title|aria-label|placeholder)="([^"]*)"', text)
    outside = re.sub(r"<[^>]*>", " ", text)
    names = {"English", "العربية"}  # each language names itself
    assert set(re.findall(r"\w{2,}", " ".join([outside, *attributes]))) <= names


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_or_style(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|<script(?![^>]*\bsrc=)", text)


def test_the_style_sheet_knows_neither_left_nor_right() -> None:
    sheet = (FOLDER / "static" / "rasid.css").read_text("utf-8")
    rules = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    assert not re.search(r"\b(left|right)\b(?!\s*\{)", rules.replace(".due.left", ""))


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (words.ROLES, Role),
        (words.DEFECT_STATES, DefectState),
        (words.DEFECT_ORDERS, DefectOrder),
        (words.ABSENCES, Absence),
        (words.PRIORITY_PARTS, MOST),
        (words.WORK_ORDER_STATES, WorkOrderState),
        (words.ACTIONS, WorkOrderAction),
        (words.FRAME_STATES, FrameState),
        (words.UNITS, Unit),
        ({action for kind, action in words.EVENTS if kind == "defect"} - BESIDE_STATES, DefectAction),
        ({action for kind, action in words.EVENTS if kind == "work_order"} - ORDER_BESIDE_STATES, WorkOrderAction),
    ],
)
def test_every_stored_code_has_a_word(names: object, codes: object) -> None:
    assert set(names) == set(codes)  # type: ignore[call-overload]


def test_every_class_has_a_name_in_both_languages() -> None:
    assert all(one.name_ar and one.name_en for one in CLASSES)


def _texts(catalogue: object) -> list[Message]:
    return [message for message in catalogue if message.id]  # type: ignore[attr-defined]


def _translated(message: Message | None) -> bool:
    if message is None:
        return False
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)
