"""How right each model is by the verdicts of people, counted from what the database keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from datasets.taxonomy import KEYS
from service.accounts.caller import Caller, visible
from service.defects.models import Defect, Detection, Review, Sighting, Verdict
from service.defects.outcomes import Outcome, Tally, outcome_of

DECIDING = (Verdict.ACCEPT, Verdict.REJECT, Verdict.MERGE)
BANDS = 10  # of the score, each 0.1 wide
RECENT_VERDICTS = 5_000  # a hard bound for what a monitor asks every few seconds


@dataclass(frozen=True)
class ModelClass:
    """One class as one model names it."""

    class_key: str
    model_name: str
    model_version: str


@dataclass(frozen=True)
class Counted:
    """The boxes of one model's class that people looked at, whole and by score band (0: below 0.1)."""

    subject: ModelClass
    tally: Tally
    bands: dict[int, Tally]


def count_verdicts(
    session: Session, caller: Caller, *, class_key: str | None = None, model_version: str | None = None,
    municipality_id: int | None = None, since: datetime | None = None, until: datetime | None = None,
) -> list[Counted]:  # fmt: skip
    """By class and model, in the taxonomy's order, of the caller's municipalities.

    A box counts when a person gave a verdict while looking at it (between `since` and `until`) and its defect is
    decided; boxes that only share a defect with it, and boxes that people drew, do not.
    """
    looked_at = select(Review.detection_id).where(Review.detection_id.is_not(None), Review.verdict.in_(DECIDING))
    if since is not None:
        looked_at = looked_at.where(Review.created_at >= since)
    if until is not None:
        looked_at = looked_at.where(Review.created_at < until)
    statement = visible(_outcomes(looked_at), Defect.municipality_id, caller)
    for column, wanted in (
        (Detection.class_key, class_key),
        (Detection.model_version, model_version),
        (Defect.municipality_id, municipality_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return _add_up(session, statement)


def count_recent_verdicts(session: Session) -> list[Counted]:
    """The same over the newest RECENT_VERDICTS verdicts of all municipalities, for monitoring."""
    newest = (
        select(Review.detection_id)
        .where(Review.detection_id.is_not(None), Review.verdict.in_(DECIDING))
        .order_by(Review.id.desc())
        .limit(RECENT_VERDICTS)
    )
    return _add_up(session, _outcomes(newest))


def _outcomes(detection_ids: Select[int | None]) -> Select[Any]:
    band: ColumnElement[int] = func.least(cast(func.floor(Detection.score * BANDS), Integer), BANDS - 1)
    columns: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...] = (
        Detection.class_key,
        Detection.model_name,
        Detection.model_version,
        band,
        Defect.state,
        Defect.class_key,
    )
    return (
        select(*columns, func.count())
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Detection.id.in_(detection_ids), Detection.added_by_id.is_(None))
        .group_by(*columns)
    )


def _add_up(session: Session, statement: Select[Any]) -> list[Counted]:
    found: dict[ModelClass, dict[int, Tally]] = {}
    for subject, band, tally in _rows(session, statement):
        bands = found.setdefault(subject, {})
        bands[band] = bands.get(band, Tally()) + tally
    counted = [Counted(subject, sum(bands.values(), Tally()), bands) for subject, bands in found.items()]
    return sorted(
        counted, key=lambda one: (_place(one.subject.class_key), one.subject.model_name, one.subject.model_version)
    )


def _rows(session: Session, statement: Select[Any]) -> Iterator[tuple[ModelClass, int, Tally]]:
    for class_key, name, version, band, state, defect_class, count in session.execute(statement):
        outcome = outcome_of(state, defect_class, class_key, by_person=False)
        if outcome is not Outcome.UNDECIDED:
            yield ModelClass(class_key, name, version), band, Tally(**{outcome.value: count})


def _place(class_key: str) -> int:
    return KEYS.index(class_key) if class_key in KEYS else len(KEYS)
