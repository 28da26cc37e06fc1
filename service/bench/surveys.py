"""Drives simulated surveys through the real database, by the same function that records what real frames show."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from datasets.simulator.city import ObservedFrame, ToldCamera
from service.accounts.models import Municipality, Vehicle
from service.accounts.schemas import CameraProfile
from service.core.database import Database
from service.defects.mountings import keep_mounting
from service.pipeline import record_what_was_seen, see, settle_seen
from service.surveys.models import FootageUse, Frame, FrameState, Survey

MODEL_NAME = "simulated"
EXACT_SD_DEG = 0.2  # how surely a camera is known that was measured on a test ground


@dataclass(frozen=True)
class DriveBook:
    """Which rows stand for which simulated vehicles, surveys and frames; `truth` is by frame id and box."""

    municipality_id: int
    vehicles: dict[str, int] = field(default_factory=dict)
    surveys: dict[str, int] = field(default_factory=dict)
    frames: dict[int, ObservedFrame] = field(default_factory=dict)


def found_city(database: Database, key: str = "simulated") -> int:
    """A municipality of its own; its id."""
    with database.transaction() as session:
        municipality = Municipality(key=key, name_en=key, name_ar=key)
        session.add(municipality)
        session.flush()
        return municipality.id


def drive_pass(
    database: Database, book: DriveBook, frames: Sequence[ObservedFrame], camera_sd_deg: float, batch_frames: int,
    near_recall: Mapping[str, float], advance: Callable[[int], None] = lambda frames: None,
) -> None:  # fmt: skip
    """Records all frames of one pass, in batches of one transaction each, and settles it, as the worker does.

    `near_recall`: of the detector that drives, as a model's card has it.
    """
    with database.transaction() as session:
        ids = [row.id for row in _frame_rows(session, book, frames, camera_sd_deg)]
    for first in range(0, len(frames), batch_frames):
        part, part_ids = frames[first : first + batch_frames], ids[first : first + batch_frames]
        with database.transaction() as session:
            keep_mounting(session, book.surveys[part[0].survey_id])
            rows = [session.get_one(Frame, frame_id) for frame_id in part_ids]
            found = [(row, one.width, one.height, one.boxes) for row, one in zip(rows, part, strict=True)]
            now = max(one.captured_at for one in part) + timedelta(minutes=10)
            record_what_was_seen(
                session, see(session, found), model_name=MODEL_NAME, model_version="0", now=now, near_recall=near_recall
            )
        book.frames.update(zip(part_ids, part, strict=True))
        advance(len(part))
    with database.transaction() as session:
        since, until = min(one.captured_at for one in frames), ended_at(frames)
        settle_seen(session, book.surveys[frames[0].survey_id], since, until, until + timedelta(minutes=10))


def _frame_rows(
    session: Session, book: DriveBook, part: Iterable[ObservedFrame], camera_sd_deg: float
) -> Iterator[Frame]:
    rows = []
    for one in part:
        survey_id, vehicle_id = _survey(session, book, one, camera_sd_deg)
        rows.append(
            Frame(
                survey_id=survey_id, vehicle_id=vehicle_id, municipality_id=book.municipality_id,
                sha256=f"{one.survey_id}-{one.frame_id}"[:64], filename=f"{one.frame_id}.jpg",
                state=FrameState.PROCESSED, size_bytes=0, width=one.width, height=one.height,
                captured_at=one.captured_at, lat=one.lat, lon=one.lon, heading_deg=one.heading_deg,
                gps_dop=one.gps_dop, gps_sd_m=one.gps_sd_m, speed_mps=one.speed_mps, came_by="simulator",
                footage_use=FootageUse.DEFECTS, received_at=one.captured_at,
            )
        )  # fmt: skip
    session.add_all(rows)
    session.flush()
    yield from rows


def _survey(session: Session, book: DriveBook, one: ObservedFrame, camera_sd_deg: float) -> tuple[int, int]:
    if one.vehicle_id not in book.vehicles:
        vehicle = Vehicle(
            municipality_id=book.municipality_id, name=one.vehicle_id, key_prefix="simulated",
            camera=_profile(one.camera, camera_sd_deg).model_dump(mode="json"),
        )  # fmt: skip
        session.add(vehicle)
        session.flush()
        book.vehicles[one.vehicle_id] = vehicle.id
    vehicle_id = book.vehicles[one.vehicle_id]
    if one.survey_id not in book.surveys:
        survey = Survey(vehicle_id=vehicle_id, municipality_id=book.municipality_id, name=one.survey_id)
        session.add(survey)
        session.flush()
        book.surveys[one.survey_id] = survey.id
    return book.surveys[one.survey_id], vehicle_id


def _profile(camera: ToldCamera | None, camera_sd_deg: float) -> CameraProfile:
    if camera is None:
        return CameraProfile()
    sd_deg = max(camera_sd_deg, EXACT_SD_DEG)
    return CameraProfile(
        height_m=camera.height_m, pitch_deg=camera.pitch_deg, yaw_deg=camera.yaw_deg, hfov_deg=camera.hfov_deg,
        distortion=camera.distortion, pitch_sd_deg=sd_deg, yaw_sd_deg=sd_deg,
    )  # fmt: skip


def ended_at(frames: Sequence[ObservedFrame]) -> datetime:
    return max(one.captured_at for one in frames)
