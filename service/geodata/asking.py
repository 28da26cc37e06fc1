"""Reads the query of a request for features as OGC API - Features says: what is unknown or wrong is refused."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

from service.core.errors import RasidError
from service.coverage.cells import Box
from service.geodata.fields import Field, Kind

DEFAULT_LIMIT, MAX_LIMIT = 100, 5000
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
INTEGER = re.compile(r"-?\d{1,18}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?")
OPEN = ("..", "")
DAY = timedelta(days=1) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Times:
    """A closed interval; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Asked:
    """`boxes` None: everywhere; two of them: one that crosses the antimeridian."""

    limit: int = DEFAULT_LIMIT
    boxes: tuple[Box, ...] | None = None
    times: Times | None = None
    wanted: Mapping[str, str | int | bool] | None = None
    after: str | None = None


def read_asked(query: Iterable[tuple[str, str]], filters: Mapping[str, Field]) -> Asked:
    """Raises RasidError (400) naming the parameter."""
    told = only_once(query, {"f", "limit", "bbox", "datetime", "after", *filters})
    read_format(told, ("json", "geojson"))
    return Asked(
        limit=read_limit(told["limit"]) if "limit" in told else DEFAULT_LIMIT,
        boxes=read_bbox(told["bbox"]) if "bbox" in told else None,
        times=read_times(told["datetime"]) if "datetime" in told else None,
        wanted={name: _value(field, told[name]) for name, field in filters.items() if name in told},
        after=told.get("after"),
    )


def only_once(query: Iterable[tuple[str, str]], known: set[str]) -> dict[str, str]:
    """The parameters by name; refuses unknown ones and repeated ones."""
    told: dict[str, str] = {}
    for name, text in query:
        if name not in known:
            raise _refusal(name, f"expected some of {', '.join(sorted(known))}, got the parameter {name!a:.80}")
        if name in told:
            raise _refusal(name, f"expected {name} once, got it again; separate values by a comma where it takes some")
        told[name] = text
    return told


def read_format(told: Mapping[str, str], known: tuple[str, ...] = ("json",)) -> None:
    if told.get("f", known[0]) not in known:
        raise _refusal("f", f"expected {' or '.join(known)}, got {told['f']!a:.80}")


def read_limit(text: str) -> int:
    """More than the most is the most, as the standard asks."""
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise _refusal("limit", f"expected a whole number from 1, got {text!a:.80}")
    digits = text.lstrip("0")
    return MAX_LIMIT if len(digits) > 9 else min(int(digits), MAX_LIMIT)


def read_bbox(text: str) -> tuple[Box, ...]:
    """Four numbers, or six with heights, which features here do not have; west over east crosses the antimeridian."""
    parts = text.split(",")
    numbers = [float(part) for part in parts if NUMBER.fullmatch(part.strip())]
    if len(parts) not in (4, 6) or len(numbers) != len(parts) or not all(map(isfinite, numbers)):
        raise _refusal("bbox", f"expected west,south,east,north (or with heights, six numbers), got {text!a:.80}")
    half = len(numbers) // 2
    (west, south), (east, north) = numbers[:2], numbers[half : half + 2]
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise _refusal("bbox", f"expected CRS84 degrees, longitude first, south <= north, got {text!a:.80}")
    if len(numbers) == 6 and numbers[2] > numbers[5]:
        raise _refusal("bbox", f"expected the lowest height before the highest, got {text!a:.80}")
    if west <= east:
        return (Box(west, south, east, north),)
    return Box(west, south, 180.0, north), Box(-180.0, south, east, north)


def read_times(text: str) -> Times:
    """An instant or an interval, of which one end may be open (".." or nothing). A day stands for all of it, in UTC."""
    start, slash, end = text.partition("/")
    if not slash:
        return Times(*_moments(start))
    if start in OPEN and end in OPEN:
        raise _refusal("datetime", f"expected a moment at one end at least, got {text!a:.80}")
    times = Times(
        None if start in OPEN else _moments(start)[0],
        None if end in OPEN else _moments(end)[1],
    )
    if times.start and times.end and times.start > times.end:
        raise _refusal("datetime", f"expected an interval that begins before it ends, got {text!a:.80}")
    return times


def _moments(text: str) -> tuple[datetime, datetime]:
    """The first and the last moment that the text stands for."""
    refusal = _refusal(
        "datetime", f"expected RFC 3339 with a zone (2026-03-04T06:00:00Z, + written as %2B), got {text!a:.80}"
    )
    if not MOMENT.fullmatch(text):
        raise refusal
    try:
        if len(text) == len("2026-03-04"):
            first = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return first, first + DAY
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refusal from error
    return moment, moment


def _value(field: Field, text: str) -> str | int | bool:
    if field.choices and text not in field.choices:
        raise _refusal(field.name, f"expected one of {', '.join(field.choices)}, got {text!a:.80}")
    if field.kind is Kind.BOOLEAN and text in ("true", "false"):
        return text == "true"
    if field.kind is Kind.INTEGER and INTEGER.fullmatch(text):
        return int(text)
    if field.kind is Kind.TEXT and len(text) <= 200 and "\0" not in text:
        return text
    raise _refusal(field.name, f"expected {field.kind.value}, got {text!a:.80}")


def _refusal(parameter: str, detail: str) -> RasidError:
    return RasidError("geodata.parameter", detail, parameter=parameter[:80])
