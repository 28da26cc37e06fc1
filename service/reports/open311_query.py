"""Reads the parameters of Open311 calls: an empty one counts as absent, a wrong one is told by name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

from service.core.errors import RasidError

SPAN = timedelta(days=90)
MOST_ROWS, MAX_RADIUS_M, USUAL_RADIUS_M = 1000, 100_000.0, 1000.0
_W3C = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+ -]\d\d:\d\d)")


class BadParameter(RasidError):
    """A parameter that cannot be used."""


@dataclass(frozen=True)
class Near:
    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True)
class Paging:
    """The first page is 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(frozen=True)
class Wanted:
    """Which service requests are asked for. `numbers` not empty: these alone, whatever else was said."""

    numbers: tuple[str, ...]
    codes: tuple[str, ...]
    statuses: frozenset[str]
    since: datetime
    until: datetime
    near: Near | None
    page: Paging
    extensions: bool


class Parameters:
    """Pairs as they came, the same name perhaps several times."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if "\x00" in name + value:
                raise BadParameter("open311.parameter", f"expected text in {name[:40]!r}, got a null character")
            if value.strip():
                self._values.setdefault(name, []).append(value.strip())

    def get(self, name: str, most: int = 500) -> str | None:
        value = self._values.get(name, [None])[0]
        if value is not None and len(value) > most:
            raise BadParameter("open311.parameter", f"expected at most {most} characters in {name}, got {len(value)}")
        return value

    def every(self, name: str) -> tuple[str, ...]:
        """Declared several times or with commas between."""
        parts = (part.strip() for value in self._values.get(name, ()) for part in value.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    def lists(self) -> Mapping[str, Sequence[str]]:
        return self._values

    def number(self, name: str, low: float, high: float) -> float | None:
        told = self.get(name)
        try:
            value = float(told) if told is not None else None
        except ValueError:
            value = float("nan")
        if value is not None and not (isfinite(value) and low <= value <= high):
            raise BadParameter(
                "open311.parameter", f"expected a number from {low:g} to {high:g} in {name}, got {told!r:.60}"
            )
        return value

    def place(self) -> tuple[float, float] | None:
        lat, lon = self.number("lat", -90, 90), self.number("long", -180, 180)
        if (lat is None) != (lon is None):
            raise BadParameter("open311.parameter", "expected lat and long together, got one of them")
        return (lat, lon) if lat is not None and lon is not None else None

    def time(self, name: str) -> datetime | None:
        """W3C date and time with zone. A plus sign that was not escaped came as a space."""
        told = self.get(name)
        if told is None:
            return None
        try:
            written = _W3C.fullmatch(told)
            return datetime.fromisoformat(written[0].replace(" ", "+") if written else "").astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadParameter(
                "open311.parameter",
                f"expected a W3C time with zone as 2026-11-22T09:00:00Z in {name}, got {told!r:.60}",
            ) from None


def window_of(told: Parameters, now: datetime) -> tuple[datetime, datetime]:
    """From and until; 90 days at most, and the last 90 where neither is told."""
    since, until = told.time("start_date"), told.time("end_date")
    try:
        if since is None:
            until = until or now
            since = until - SPAN
        until = until or min(since + SPAN, max(now, since))
    except OverflowError:
        raise BadParameter("open311.parameter", "expected a start_date and end_date of our times") from None
    if not timedelta(0) <= until - since <= SPAN:
        raise BadParameter(
            "open311.parameter", f"expected at most 90 days, start_date first, got {since:%F} to {until:%F}"
        )
    return since, until


def read_paging(told: Parameters) -> Paging:
    number, size = told.number("page", 1, 1_000_000), told.number("page_size", 1, MOST_ROWS)
    return Paging(int(number or 1), int(size or MOST_ROWS))


def read_wanted(told: Parameters, now: datetime) -> Wanted:
    statuses = frozenset(told.every("status"))
    if wrong := sorted(statuses - {"open", "closed"}):
        raise BadParameter("open311.parameter", f"expected open or closed in status, got {wrong[0]!r:.60}")
    numbers = told.every("service_request_id")
    since, until = (now, now) if numbers else window_of(told, now)
    place, radius_m = told.place(), told.number("radius", 0, MAX_RADIUS_M)
    if radius_m is not None and place is None:
        raise BadParameter("open311.parameter", "expected lat and long with radius, got radius alone")
    return Wanted(
        numbers=numbers[:MOST_ROWS], codes=told.every("service_code"), statuses=statuses, since=since, until=until,
        near=Near(*place, USUAL_RADIUS_M if radius_m is None else radius_m) if place else None,
        page=read_paging(told), extensions=told.get("extensions") == "true",
    )  # fmt: skip
