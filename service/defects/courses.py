"""The course of a vehicle around the frames of a batch, from all frames of its survey near them in time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.plane import LocalPlane
from service.identity.course import WINDOW_S, Fix, smooth
from service.identity.locate import FramePose
from service.surveys.models import Frame


def poses_of(session: Session, frames: Sequence[Frame]) -> dict[int, FramePose]:
    """By frame id where the vehicle was and which way it drove, for frames of one survey that have a place.

    A frame without time or size keeps what was told.
    """
    poses = {frame.id: _told(frame) for frame in frames if frame.lat is not None}
    timed = [frame.captured_at for frame in frames if frame.captured_at and frame.lat is not None]
    if not timed:
        return poses
    around = _around(session, frames[0].survey_id, min(timed), max(timed))
    plane = LocalPlane(poses[frames[0].id].lat, poses[frames[0].id].lon) if frames[0].id in poses else None
    plane = plane or LocalPlane(around[0][2], around[0][3])
    fixes = [Fix(at.timestamp(), *plane.to_m(lat, lon), heading) for _, at, lat, lon, heading in around]
    for (frame_id, *_), course in zip(around, smooth(fixes), strict=True):
        if frame_id in poses:
            lat, lon = plane.to_wgs84(course.east_m, course.north_m)
            told = poses[frame_id]
            poses[frame_id] = FramePose(
                lat, lon, course.heading_deg, told.width_px, told.height_px, course.heading_sd_deg
            )
    return poses


def _told(frame: Frame) -> FramePose:
    return FramePose(frame.lat or 0.0, frame.lon or 0.0, frame.heading_deg, frame.width or 1, frame.height or 1)


def _around(
    session: Session, survey_id: int, first: datetime, last: datetime
) -> list[tuple[int, datetime, float, float, float | None]]:
    window = timedelta(seconds=WINDOW_S)
    rows = session.execute(
        select(Frame.id, Frame.captured_at, Frame.lat, Frame.lon, Frame.heading_deg)
        .where(Frame.survey_id == survey_id, Frame.lat.is_not(None), Frame.lon.is_not(None))
        .where(Frame.captured_at >= first - window, Frame.captured_at <= last + window)
        .order_by(Frame.captured_at, Frame.id)
    )
    return [
        (row.id, row.captured_at, row.lat, row.lon, row.heading_deg)
        for row in rows
        if row.captured_at and row.lat is not None and row.lon is not None
    ]
