"""Figures of a period beside those of the period before, each with the rows behind it or the reason for having none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from urllib.parse import urlencode

from sqlalchemy import select

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller, visible
from service.accounts.models import District, Municipality
from service.contracts.models import Contractor
from service.control.counting import AGE_DAYS, COLUMN, By, Key, Slice, Tally, View, tallies
from service.control.definitions import INDICATORS, Indicator
from service.control.measures import MEASURES
from service.control.periods import PeriodKind, Span, before, saudi_day
from service.coverage.figures import NO_STREETS, StreetMetres, street_metres
from service.coverage.period import Period
from service.work_orders.models import Unit

COVERAGE = "percent_coverage"
Named = type[Municipality] | type[Unit] | type[District] | type[Contractor]
NAMED: dict[By, Named] = {
    By.MUNICIPALITY: Municipality, By.UNIT: Unit, By.DISTRICT: District, By.CONTRACTOR: Contractor,
}  # fmt: skip
NAMELESS: tuple[str | None, str | None] = (None, None)
NOTHING_TO_SHARE = "nothing to take a share of in this period"
COVERAGE_BY = "streets are seen by municipality, not by what was found on them"
VERDICTS_BY = "people judge boxes, which no unit or contractor has to do with"
NO_PRICE = "no order of this period has been charged by a contract"
OBSERVED_BY = "what is seen belongs to a unit or contractor only once it is a work order: received"
DISTRICT_BY = "a place gets its district with its work order"
OPEN_BY_DAY = "counted at the end of a period, not by its days"


@dataclass(frozen=True)
class Part:
    """Orders open for at least `from_days` and less than `to_days` (null: any longer)."""

    from_days: int
    to_days: int | None
    value: int
    rows: str


@dataclass(frozen=True)
class Figure:
    indicator: str
    unit: str
    value: float | None  # null with a reason
    reason: str | None
    of: float | None  # of a share: what it is a share of
    met: float | None
    before: float | None
    change: float | None  # value - before: percentage points for shares
    rows: str | None  # the rows that `of`, or without it the value, counts; with `&met=true` those that `met` counts
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Group:
    key: Key
    name_en: str | None
    name_ar: str | None
    figures: tuple[Figure, ...]

    def __getitem__(self, indicator: str) -> Figure:
        return next(one for one in self.figures if one.indicator == indicator)


@dataclass(frozen=True)
class Answer:
    span: Span
    before: Span
    by: By
    counted_at: datetime
    groups: tuple[Group, ...]


def figures_of(
    view: View, caller: Caller, asked: Slice, by: By, kind: PeriodKind, span: Span, now: datetime,
    only: Iterable[str] | None = None, earlier: Span | None = None,
) -> Answer:  # fmt: skip
    """`only`: keys of indicators, all if left out. `earlier`: to compare with, the period before if left out."""
    earlier = earlier or before(kind, span, saudi_day(now))
    wanted = [one for one in INDICATORS if only is None or one.key in set(only)]
    present = tallies(view, caller, asked, by, span, now)
    past = {} if by is By.DAY else tallies(view, caller, asked, by, earlier, now)
    if by is By.ALL:
        present.setdefault("all", Tally())
    if by is By.MUNICIPALITY:
        places = _places(view, caller, asked)
        for place in places:
            present.setdefault(str(place), Tally())
        if any(one.key == COVERAGE for one in wanted):
            street_metres_of(view, places, span, earlier)  # of all at once
    names = _names(view, by, present)
    groups = tuple(
        Group(key, *names.get(key, NAMELESS), figures=tuple(
            _figure(view, caller, asked, by, key, one, present[key], past.get(key, Tally()), span, earlier)
            for one in wanted
        ))
        for key in sorted(present, key=_order)
    )  # fmt: skip
    return Answer(span, earlier, by, now, groups)


def value_of(key: str, tally: Tally) -> float | None:
    """Of an indicator that is counted from cases; None for a share of nothing."""
    measure = MEASURES[key]
    of = measure.of(tally)
    if measure.known is not None and not measure.known(tally):
        return None
    if measure.met is None:
        return of
    return 100 * measure.met(tally) / of if of else None


def narrowed(asked: Slice, by: By, key: Key) -> Slice:
    """The cases of one group."""
    if by in {By.ALL, By.DAY}:
        return asked
    name = COLUMN[by]
    if key is None:
        return Slice(**(vars(asked) | {"without": (*asked.without, name)}))
    return Slice(**(vars(asked) | {name: int(key) if name.endswith("_id") else key}))


def rows_url(indicator: str, asked: Slice, span: Span, **more: object) -> str:
    """The address of the rows; a slice's empty dimensions are repeated as `without`."""
    given = [(name, value) for name, value in vars(asked).items() if name != "without" and value is not None]
    without = [("without", name) for name in asked.without]
    period = [("period", "range"), ("from", span.first), ("to", span.last)]
    return f"/api/v1/indicators/{indicator}/rows?{urlencode([*period, *given, *without, *more.items()])}"


def _figure(
    view: View, caller: Caller, asked: Slice, by: By, key: Key, one: Indicator, present: Tally, past: Tally,
    span: Span, earlier: Span,
) -> Figure:  # fmt: skip
    own = narrowed(asked, by, key)
    if by is By.DAY and key is not None:
        span = Span(*[datetime.fromisoformat(key).date()] * 2)
    reason = _absent(one.key, by, own)
    if reason is not None:
        return Figure(one.key, one.unit, None, reason, None, None, None, None, None)
    if one.key == COVERAGE:
        return _coverage(view, caller, one, own, span, earlier)
    measure = MEASURES[one.key]
    value, then = value_of(one.key, present), None if by is By.DAY else value_of(one.key, past)
    share = measure.met is not None
    return Figure(
        one.key, one.unit, value,
        (NO_PRICE if one.key == "cost" else NOTHING_TO_SHARE) if value is None else None,
        measure.of(present) if share else None,
        measure.met(present) if measure.met else None,
        then,
        value - then if value is not None and then is not None else None,
        rows_url(one.key, own, span),
        _ages(own, span, present) if one.key == "open" else (),
    )  # fmt: skip


def _absent(key: str, by: By, own: Slice) -> str | None:
    if key in {"observed", "precision"} and (by is By.DISTRICT or "district_id" in own.names):
        return DISTRICT_BY
    if key == "open" and by is By.DAY:
        return OPEN_BY_DAY
    if key in {"observed", "precision"} and own.names & {"unit_id", "contractor_id"}:
        return OBSERVED_BY if key == "observed" else VERDICTS_BY
    if key == COVERAGE and (by is By.DAY or own.names - {"municipality_id"}):
        return COVERAGE_BY
    return None


def _coverage(view: View, caller: Caller, one: Indicator, own: Slice, span: Span, earlier: Span) -> Figure:
    """Of one municipality, or of all that the caller sees together."""
    places = _places(view, caller, own)
    metres = street_metres_of(view, places, span, earlier)
    street_m, seen_m = sum(row.street_m for row in metres), sum(row.seen_m for row in metres)
    value = 100 * seen_m / street_m if street_m else None
    then = 100 * sum(row.seen_before_m for row in metres) / street_m if street_m else None
    where = (
        f"/api/v1/coverage?municipality_id={places[0]}&from={span.first}&to={span.last}" if len(places) == 1 else None
    )
    change = value - then if value is not None and then is not None else None
    reason = None if street_m else NO_STREETS
    return Figure(one.key, one.unit, value, reason, street_m or None, seen_m, then, change, where)


def street_metres_of(view: View, places: Sequence[int], span: Span, earlier: Span) -> list[StreetMetres]:
    """By municipality; each is read once."""
    unread = [place for place in places if (place, span, earlier) not in view.street_metres]
    if unread:
        found = street_metres(view.session, unread, Period(span.first, span.last), Period(earlier.first, earlier.last))
        view.street_metres |= {(place, span, earlier): metres for place, metres in found.items()}
    return [view.street_metres[place, span, earlier] for place in places]


def _ages(own: Slice, span: Span, tally: Tally) -> tuple[Part, ...]:
    edges = (0, *AGE_DAYS, None)
    parts = []
    for band, (low, high) in enumerate(pairwise(edges)):
        url = rows_url("open", own, span, age_band=band)
        parts.append(Part(low or 0, high, tally.open_by_age.get(band, 0), url))
    return tuple(parts)


def _places(view: View, caller: Caller, asked: Slice) -> list[int]:
    statement = visible(select(Municipality.id), Municipality.id, caller).order_by(Municipality.id)
    if asked.municipality_id is not None:
        statement = statement.where(Municipality.id == asked.municipality_id)
    return list(view.session.scalars(statement))


def _names(view: View, by: By, groups: Iterable[Key]) -> dict[Key, tuple[str, str]]:
    if by is By.CLASS:
        return {key: (BY_KEY[key].name_en, BY_KEY[key].name_ar) for key in groups if key in BY_KEY}
    table = NAMED.get(by)
    if table is None:
        return {}
    ids = [int(key) for key in groups if key is not None]
    rows = view.session.execute(select(table.id, table.name_en, table.name_ar).where(table.id.in_(ids)))
    return {str(row.id): (row.name_en, row.name_ar) for row in rows}


def _order(key: Key) -> tuple[bool, int, str]:
    """Numbers by size, the group without a key last."""
    return key is None, int(key) if key is not None and key.isdecimal() else 0, key or ""
