"""Measures how well passes verify repairs: half of what stands after two passes is repaired, two more passes look."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.simulator.city import City, TrueDefect, build_city, observe, plan_passes
from service.bench.identity import Advance, Condition, near_recall, rates_of
from service.bench.surveys import DriveBook, drive_pass, found_city
from service.core.database import Database
from service.defects.models import Absence, Defect, Detection, Sighting
from service.defects.states import DefectState
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState

REPAIRED_SHARE = 0.5  # of what stands when the crews go out
BOTCHED_SHARE = 0.1  # of the rest: reported done, and still there


@dataclass(frozen=True)
class RepairScores:
    """reported: orders that a unit reported done; proposed: those that two later passes propose as verified."""

    reported: int
    repaired: int
    proposed: int
    right: int

    @property
    def precision(self) -> float | None:
        return self.right / self.proposed if self.proposed else None

    @property
    def recall(self) -> float | None:
        return self.right / self.repaired if self.repaired else None

    def __add__(self, other: "RepairScores") -> "RepairScores":
        return RepairScores(
            self.reported + other.reported, self.repaired + other.repaired, self.proposed + other.proposed,
            self.right + other.right,
        )  # fmt: skip


def measure_repairs(
    database: Database, condition: Condition, batch_frames: int, advance: Advance = lambda frames: None
) -> RepairScores:
    """Two passes, then repairs reported done in the database, then two passes; what is proposed as fixed, and is."""
    city, rates = build_city(condition.seed, streets_km=condition.streets_km), rates_of(condition)
    plans = plan_passes(city, passes=4, seed=condition.seed, gps_sd_m=condition.gps_sd_m, spacing_m=condition.spacing_m)
    plans = sorted(plans, key=lambda one: one.starts_at)
    repaired_at = plans[2].starts_at - timedelta(hours=12)
    city, repaired, botched = _repair(city, repaired_at, condition.seed)
    book = DriveBook(found_city(database, f"repairs-{condition.seed}"))
    reported: dict[int, str] = {}
    for number, one in enumerate(plans):
        if number == 2:
            reported = _report_done(database, book, repaired | botched, repaired_at)
        frames = list(observe(city, one, rates, condition.seed * 1000 + number))
        drive_pass(database, book, frames, condition.camera_error_deg, batch_frames, near_recall(rates), advance)
    return _read(database, reported, repaired)


def _repair(city: City, at: datetime, seed: int) -> tuple[City, set[str], set[str]]:
    """The city whose defects end at `at` by half and otherwise stay; the ids of both, and of those only reported."""
    rng = np.random.default_rng([seed, 7])
    repaired, botched, defects = set[str](), set[str](), []
    for one in city.defects:
        if not one.present(at):
            defects.append(one)
        elif rng.random() < REPAIRED_SHARE:
            repaired.add(one.id)
            defects.append(_until(one, at))
        else:
            botched |= {one.id} if rng.random() < BOTCHED_SHARE else set()
            defects.append(_for_ever(one, at))
    return replace(city, defects=tuple(defects)), repaired, botched


def _until(one: TrueDefect, at: datetime) -> TrueDefect:
    return replace(one, life=tuple(replace(life, to_at=min(life.to_at, at)) for life in one.life if life.from_at < at))


def _for_ever(one: TrueDefect, at: datetime) -> TrueDefect:
    kept = [life for life in one.life if life.from_at <= at]
    return replace(one, life=(*kept[:-1], replace(kept[-1], to_at=datetime.max.replace(tzinfo=at.tzinfo))))


def _report_done(database: Database, book: DriveBook, true_ids: set[str], at: datetime) -> dict[int, str]:
    """Confirms the defects that show these things, each with an order that its unit reported done; which they show."""
    with database.transaction() as session:
        reported = {one: true_id for one, true_id in _shown(session, book).items() if true_id in true_ids}
        for defect_id in reported:
            defect = session.get_one(Defect, defect_id)
            defect.state = DefectState.CONFIRMED
            order = WorkOrder(
                defect_id=defect.id, municipality_id=defect.municipality_id, class_key=defect.class_key,
                state=WorkOrderState.DONE, quantity_unit="m2", opened_at=at - timedelta(days=2), due_at=at, done_at=at,
            )  # fmt: skip
            session.add(order)
    return reported


def _shown(session: Session, book: DriveBook) -> dict[int, str]:
    """By defect the true thing that most of its sightings show."""
    truths = _truths(book)
    rows = session.execute(
        select(Detection.frame_id, Detection.x0_px, Detection.y0_px, Detection.class_key, Sighting.defect_id)
        .join(Sighting, Sighting.detection_id == Detection.id)
        .join(Defect, Defect.id == Sighting.defect_id)
        .where(Defect.municipality_id == book.municipality_id)
    )
    votes: dict[int, Counter[str | None]] = {}
    for row in rows:
        votes.setdefault(row.defect_id, Counter())[truths.get(tuple(row[:4]))] += 1
    found = {defect_id: counter.most_common(1)[0][0] for defect_id, counter in votes.items()}
    return {defect_id: true_id for defect_id, true_id in found.items() if true_id is not None}


def _truths(book: DriveBook) -> dict[tuple[object, ...], str | None]:
    return {
        (frame_id, *box.xyxy_px[:2], box.class_key): box.true_id
        for frame_id, one in book.frames.items()
        for box in one.boxes
    }


def _read(database: Database, reported: dict[int, str], repaired: set[str]) -> RepairScores:
    """Right is what its defect showed when the work was reported, whatever was filed under it afterwards."""
    with database.transaction() as session:
        rows = session.execute(select(Defect.id, Defect.absence).where(Defect.id.in_(reported))).all()
    proposed = [defect_id for defect_id, absence in rows if absence is Absence.FIXED]
    really = {defect_id for defect_id, true_id in reported.items() if true_id in repaired}
    return RepairScores(len(rows), len(really), len(proposed), sum(one in really for one in proposed))
