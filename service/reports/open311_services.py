"""The service list of our Open311 endpoint: the classes of defects, something else, and what is asked of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from datasets.taxonomy import BY_KEY, CLASSES
from service.core.errors import RasidError
from service.core.i18n import Language
from service.core.tables import JsonObject
from service.reports.masking import clean, mask
from service.reports.words import kind_name

CHANGESET = "2026-11-22T00:00:00Z"  # of the list and of the attributes below; raise it with them
OTHER = "other"
MAX_ANSWER = 500
Words = tuple[str, str]  # English, Arabic


@dataclass(frozen=True)
class Attribute:
    """A question of a service; `values` for lists alone."""

    code: str
    datatype: str  # string number datetime text singlevaluelist multivaluelist
    description: Words
    required: bool = False
    hint: Words = ("", "")
    values: tuple[tuple[str, Words], ...] = ()


_DEPTH = (
    ("ankle", ("up to the ankle", "إلى الكعب")),
    ("knee", ("up to the knee", "إلى الركبة")),
    ("deeper", ("deeper", "أعمق")),
)
_HARM = (
    ("road", ("the road is blocked", "الطريق مغلق")),
    ("houses", ("water enters houses", "الماء يدخل المنازل")),
    ("smell", ("it smells", "رائحة")),
)
ATTRIBUTES: dict[str, tuple[Attribute, ...]] = {
    "standing_water": (
        Attribute("depth", "singlevaluelist", ("How deep is it?", "ما عمق الماء؟"), values=_DEPTH),
        Attribute("harm", "multivaluelist", ("What does it do?", "ما أثره؟"), values=_HARM),
        Attribute("since", "datetime", ("Since when?", "منذ متى؟"), hint=("ISO 8601 with zone", "وقت مع المنطقة")),
    ),
    "pothole": (
        Attribute("width_m", "number", ("How wide is it?", "كم عرضها؟"), hint=("metres", "متر")),
    ),
    OTHER: (Attribute("what", "string", ("What is it?", "ما هو؟"), required=True),),
}  # fmt: skip


class BadAttribute(RasidError):
    """An answer to a question of the service that cannot be taken."""


def service_codes() -> tuple[str, ...]:
    return (*BY_KEY, OTHER)


def service_row(code: str, language: Language) -> JsonObject:
    kind = BY_KEY.get(code)
    name = kind_name(kind.key if kind else None, language)
    words = (kind.name_en, kind.name_ar, *kind.aliases) if kind else ("other", "أخرى")
    return {
        "service_code": code,
        "service_name": name,
        "description": name,
        "metadata": code in ATTRIBUTES,
        "type": "realtime" if kind else "batch",  # a person names the other things first
        "keywords": ", ".join(words),
        "group": kind.group if kind else OTHER,
    }


def service_rows(language: Language) -> list[JsonObject]:
    return [service_row(code, language) for code in (*(kind.key for kind in CLASSES), OTHER)]


def definition(code: str, language: Language) -> JsonObject:
    word = 1 if language is Language.ARABIC else 0
    rows = [
        {
            "variable": True,
            "code": one.code,
            "datatype": one.datatype,
            "required": one.required,
            "datatype_description": one.hint[word] or None,
            "order": order,
            "description": one.description[word],
            "values": [{"key": key, "name": words[word]} for key, words in one.values],
        }
        for order, one in enumerate(ATTRIBUTES.get(code, ()), 1)
    ]
    return {"service_code": code, "attributes": rows}


def check_answers(questions: Sequence[Attribute], answers: Mapping[str, Sequence[str]]) -> JsonObject:
    """What was answered, as it is kept; codes that the service does not ask for are left out.

    Raises BadAttribute naming the code, what was expected and what came.
    """
    kept: JsonObject = {}
    for one in questions:
        given = [value for value in answers.get(one.code, ()) if value.strip()]
        if given:
            kept[one.code] = _value(one, given)
        elif one.required:
            raise BadAttribute("report.attribute", f"expected attribute[{one.code}], got none; the service requires it")
    return kept


def _value(one: Attribute, given: Sequence[str]) -> object:
    keys = [key for key, _ in one.values]
    wrong = next((value for value in given if keys and value not in keys), None)
    if wrong is not None:
        raise _bad(one, f"one of {', '.join(keys)}", wrong)
    if one.datatype == "multivaluelist":
        return list(dict.fromkeys(given))
    if len(given) > 1:
        raise _bad(one, "one value", f"{len(given)}")
    try:
        if one.datatype == "number":
            return _number(given[0])
        if one.datatype == "datetime":
            return datetime.fromisoformat(given[0]).isoformat()
    except ValueError:
        raise _bad(one, f"a {one.datatype}", given[0]) from None
    if len(given[0]) > MAX_ANSWER:
        raise _bad(one, f"at most {MAX_ANSWER} characters", f"{len(given[0])}")
    return mask(clean(given[0]))


def _number(text: str) -> float:
    number = float(text)
    if not abs(number) < 1e12:
        raise ValueError(text)
    return number


def _bad(one: Attribute, expected: str, came: str) -> BadAttribute:
    return BadAttribute("report.attribute", f"expected {expected} in attribute[{one.code}], got {came[:60]}")
