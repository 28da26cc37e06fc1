"""How a camera hung is measured from what a survey recorded, kept with the survey, and used for its places."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from service.accounts.schemas import CameraProfile
from service.core.geodesy import moved
from service.defects.models import Defect, Detection, Sighting, Visit
from service.defects.mountings import corrected, keep_mounting
from service.identity.camera import Camera
from service.surveys.models import Frame, FrameState, Survey
from tests.defects.sightings import make_defect
from tests.factories import CAMERA, DAMMAM, NOW, make_frame, make_survey
from tests.identity.approaches import Drive, Noise, drive

SIZE_PX = (1280, 720)
ERROR_DEG = (1.3, -0.9)
PROFILE = CameraProfile.model_validate(CAMERA | {"pitch_sd_deg": 1.5, "yaw_sd_deg": 1.5})


def drive_of(things: int, seed: int = 0) -> Drive:
    return drive(np.random.default_rng(seed), things, ERROR_DEG, Noise(white_m=0.3, heading_deg=1.0))


def surveyed(session: Session) -> Survey:
    survey = make_survey(session)
    survey.vehicle.camera = PROFILE.model_dump()
    return survey


def record(session: Session, survey: Survey, driven: Drive, **detection: Any) -> list[Detection]:
    """The rows that processing the drive leaves, each thing seen on one visit."""
    focal_px = Camera(1.6, 8.0, 70.0).focal_px(SIZE_PX[0])
    defect = session.scalar(select(Defect)) or make_defect(session)
    start = session.scalar(select(func.max(Frame.captured_at))) or NOW
    at = [start + timedelta(seconds=fix[2]) for fix in driven.fixes]
    frames = []
    for (east_m, north_m, _), heading_deg, taken_at in zip(driven.fixes, driven.headings_deg, at, strict=True):
        lat, lon = moved(*moved(*DAMMAM, 0, north_m), 90, east_m)
        frames.append(
            make_frame(session, survey, lat=lat, lon=lon, heading_deg=heading_deg, captured_at=taken_at,
                       width=SIZE_PX[0], height=SIZE_PX[1], state=FrameState.PROCESSED)
        )  # fmt: skip
    found = []
    for thing in sorted({one.thing for one in driven.views}):
        views = [one for one in driven.views if one.thing == thing]
        first_at, last_at = at[views[0].frame], at[views[-1].frame]
        visit = Visit(defect_id=defect.id, survey_id=survey.id, first_at=first_at, last_at=last_at,
                      sightings=len(views), looks=len(views), unseen_log=0.0)  # fmt: skip
        session.add(visit)
        session.flush()
        for one in views:
            u, v = one.x * focal_px + SIZE_PX[0] / 2, one.y * focal_px + SIZE_PX[1] / 2
            box = {"x0_px": u - 30, "x1_px": u + 30, "y0_px": v - 40, "y1_px": v}
            row = {"class_key": "garbage", "score": 0.8, "model_name": "tiny", "model_version": "1", "lat": 0, "lon": 0}
            found.append(Detection(frame_id=frames[one.frame].id, **(row | box | detection)))
            session.add(found[-1])
            session.flush()
            session.add(Sighting(detection_id=found[-1].id, defect_id=defect.id, visit_id=visit.id))
    session.flush()
    return found


def test_a_rough_profile_is_measured_and_kept_with_the_survey(session: Session) -> None:
    survey = surveyed(session)
    record(session, survey, drive_of(30))
    found = keep_mounting(session, survey.id)
    assert found is not None and found.things >= 25
    session.flush()
    session.refresh(survey)
    assert survey.mounting is not None
    assert survey.mounting["things"] == found.things
    camera = corrected(PROFILE, survey.mounting)
    assert camera is not None
    assert camera.pitch_deg == pytest.approx(8 + ERROR_DEG[0], abs=0.35)
    assert camera.yaw_deg == pytest.approx(ERROR_DEG[1], abs=0.9)
    assert camera.pitch_sd_deg < 0.3
    assert camera.yaw_sd_deg < 1.0


def test_it_is_measured_anew_only_when_enough_was_seen(session: Session) -> None:
    survey = surveyed(session)
    record(session, survey, drive_of(10))
    assert keep_mounting(session, survey.id) is not None
    before = survey.mounting
    assert keep_mounting(session, survey.id) is None
    record(session, survey, drive_of(3, seed=1))
    assert keep_mounting(session, survey.id) is None
    assert survey.mounting == before
    record(session, survey, drive_of(12, seed=2))
    assert keep_mounting(session, survey.id) is not None
    assert survey.mounting != before


def test_a_survey_that_saw_little_says_nothing(session: Session) -> None:
    survey = surveyed(session)
    assert keep_mounting(session, survey.id) is None
    record(session, survey, drive_of(4))
    assert keep_mounting(session, survey.id) is None
    assert survey.mounting is None


def test_what_hangs_and_what_the_picture_cuts_say_nothing(session: Session) -> None:
    survey = surveyed(session)
    record(session, survey, drive_of(12), class_key="damaged_sign")
    record(session, survey, drive_of(12, seed=1), y1_px=SIZE_PX[1] - 1)
    record(session, survey, drive_of(12, seed=2), x0_px=1)
    assert keep_mounting(session, survey.id) is None


def test_of_two_boxes_of_a_thing_on_a_frame_the_surer_one_counts(session: Session) -> None:
    survey, doubled = surveyed(session), surveyed(session)
    record(session, survey, drive_of(12))
    once = keep_mounting(session, survey.id)
    for one in record(session, doubled, drive_of(12)):
        columns = {column.key for column in inspect(Detection).column_attrs} - {"id", "created_at"}
        echo = Detection(**{key: getattr(one, key) for key in columns})
        echo.score, echo.y1_px = 0.3, one.y1_px + 40
        session.add(echo)
        session.flush()
        of = session.get_one(Sighting, one.id)
        session.add(Sighting(detection_id=echo.id, defect_id=of.defect_id, visit_id=of.visit_id))
    session.flush()
    twice = keep_mounting(session, doubled.id)
    assert once is not None and twice is not None
    assert twice.sights == once.sights
    assert twice.pitch_offset_deg == pytest.approx(once.pitch_offset_deg, abs=0.01)


def test_another_survey_of_the_vehicle_says_nothing_of_this_one(session: Session) -> None:
    survey = surveyed(session)
    other = make_survey(session, survey.vehicle, name="the day after")
    record(session, other, drive_of(12))
    assert keep_mounting(session, survey.id) is None
    assert session.scalars(select(Survey.id).where(Survey.mounting.is_not(None))).all() == []


def test_a_camera_that_nobody_told_of_is_not_measured(session: Session) -> None:
    survey = surveyed(session)
    survey.vehicle.camera = {}
    record(session, survey, drive_of(12))
    assert keep_mounting(session, survey.id) is None
    assert corrected(CameraProfile.model_validate({}), None) is None


def test_a_profile_that_was_told_anew_counts_until_it_is_measured_against(session: Session) -> None:
    survey = surveyed(session)
    record(session, survey, drive_of(12))
    keep_mounting(session, survey.id)
    session.flush()
    session.refresh(survey)
    again = PROFILE.model_copy(update={"pitch_deg": 9.3})
    camera = corrected(again, survey.mounting)
    assert camera is not None
    assert (camera.pitch_deg, camera.pitch_sd_deg) == (9.3, 1.5)
    survey.vehicle.camera = again.model_dump()
    found = keep_mounting(session, survey.id)
    assert found is not None
    assert abs(found.pitch_offset_deg) < 0.5


def test_without_measurement_the_camera_is_as_told() -> None:
    profile = PROFILE.model_copy(update={"distortion": (-0.1, 0.01), "yaw_deg": 2.0})
    assert corrected(profile, None) == Camera(1.6, 8.0, 70.0, 2.0, (-0.1, 0.01), 1.5, 1.5)
