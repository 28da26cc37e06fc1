"""Which ground was seen on which day: counted when a frame is finished, counted anew when frames change afterwards."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from service.accounts.models import Vehicle
from service.accounts.schemas import CameraProfile
from service.core.runtime import Runtime
from service.core.tables import JsonObject
from service.coverage.footprint import Camera, footprint, sector
from service.coverage.models import CoveredCell
from service.surveys.models import FootageUse, Frame, FrameState, Survey

COVERAGE_LOCK = 940_000_003  # advisory lock space; the second number is the municipality

UPSERT = text("""
    INSERT INTO covered_cell (municipality_id, cell, day, frames)
    SELECT * FROM unnest(
        CAST(:municipalities AS bigint[]), CAST(:cells AS bigint[]), CAST(:days AS date[]), CAST(:frames AS bigint[]))
    ON CONFLICT (municipality_id, cell, day) DO UPDATE SET frames = covered_cell.frames + excluded.frames
""")


@dataclass(frozen=True, order=True)
class PlaceDay:
    """The unit that is counted anew: one municipality's frames of one UTC day."""

    municipality_id: int
    day: date


def count_frame(session: Session, frame: Frame) -> None:
    """`count_frames` of one."""
    count_frames(session, [frame])


def count_frames(session: Session, frames: Iterable[Frame]) -> None:
    """Adds what the frames looked at; call it once, at the end of the transaction that finishes them.

    Only frames that are processed, show something and have a place and a time count. All cells are written by one
    statement in one order, so that two workers never wait for each other in a circle.
    """
    counts: Counter[tuple[PlaceDay, int]] = Counter()
    for frame in frames:
        place_day = counted_on(frame)
        if place_day and frame.lat is not None and frame.lon is not None:
            cells = _cells(frame.lat, frame.lon, frame.heading_deg, frame.width, frame.height, frame.vehicle.camera)
            counts.update((place_day, cell) for cell in cells)
    for municipality_id in sorted({place_day.municipality_id for place_day, _ in counts}):
        session.execute(select(func.pg_advisory_xact_lock_shared(COVERAGE_LOCK, municipality_id)))
    _add(session, counts)


def counted_on(frame: Frame) -> PlaceDay | None:
    """Where and when a frame counts; None for one that does not."""
    useful = frame.state is FrameState.PROCESSED and frame.footage_use is not FootageUse.NOTHING
    if not useful or frame.lat is None or frame.lon is None or frame.captured_at is None:
        return None
    return PlaceDay(frame.municipality_id, frame.captured_at.astimezone(UTC).date())


def rebuild(session: Session, municipality_id: int, day: date) -> int:
    """Counts a day anew from its frames as they now are; returns how many cells were seen. Safe to run again.

    Whoever deletes, moves or re-judges frames that were counted calls `rebuild_days` with `counted_on` of each frame
    before and after; rooms below ask for the job that is `recount`, as `surveys.mending` does. Frames that are being
    finished meanwhile wait and are then added: none is lost or doubled.
    """
    session.flush()
    session.execute(select(func.pg_advisory_xact_lock(COVERAGE_LOCK, municipality_id)))
    session.execute(
        delete(CoveredCell).where(CoveredCell.municipality_id == municipality_id, CoveredCell.day == day),
        execution_options={"synchronize_session": False},
    )
    counts: Counter[tuple[PlaceDay, int]] = Counter()
    midnight = datetime.combine(day, time(), UTC)
    same_day = select(
        Frame.lat, Frame.lon, Frame.heading_deg, Frame.width, Frame.height, Vehicle.camera
    ).join(Vehicle, Frame.vehicle_id == Vehicle.id).where(
        Frame.survey_id.in_(select(Survey.id)),  # lets the index (survey, state, captured_at) find the day's frames
        Frame.state == FrameState.PROCESSED,
        Frame.captured_at >= midnight,
        Frame.captured_at < midnight + timedelta(days=1),
        Frame.municipality_id == municipality_id,
        Frame.footage_use != FootageUse.NOTHING,
        Frame.lat.is_not(None),
        Frame.lon.is_not(None),
    )  # fmt: skip
    for row in session.execute(same_day.execution_options(yield_per=1000)):
        cells = _cells(row.lat, row.lon, row.heading_deg, row.width, row.height, row.camera)
        counts.update((PlaceDay(municipality_id, day), cell) for cell in cells)
    _add(session, counts)
    return len(counts)


def rebuild_days(session: Session, days: Collection[PlaceDay | None]) -> None:
    """`rebuild` of each, in one order, so that two callers never wait for each other in a circle."""
    for one in sorted({one for one in days if one}):
        rebuild(session, one.municipality_id, one.day)


def recount(runtime: Runtime, municipality_id: int, day: str) -> None:
    """`rebuild` as a job; `day` is its ISO date."""
    with runtime.database.transaction() as session:
        rebuild(session, municipality_id, date.fromisoformat(day))


def _cells(
    lat: float, lon: float, heading_deg: float | None, width_px: int | None, height_px: int | None, profile: JsonObject
) -> list[int]:
    told = CameraProfile.model_validate(profile)
    camera = Camera(told.height_m, told.pitch_deg, told.yaw_deg, told.hfov_deg)
    return footprint(lat, lon, heading_deg, camera, sector(camera, width_px, height_px))


def _add(session: Session, counts: Counter[tuple[PlaceDay, int]]) -> None:
    if not counts:
        return
    rows = sorted((place_day.municipality_id, cell, place_day.day, n) for (place_day, cell), n in counts.items())
    municipalities, cells, days, frames = map(list, zip(*rows, strict=True))
    values = {"municipalities": municipalities, "cells": cells, "days": days, "frames": frames}
    session.execute(UPSERT, values)
