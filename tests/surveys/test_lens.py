"""A survey says that its lens is dirty as long as its last frames show it, whatever was restarted between them."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.simulator import CameraModel, drive
from inference.lens_watch import FEWEST_FRAMES, LENS_COLUMNS, LENS_ROWS
from service.core.events import Event
from service.core.runtime import Runtime
from service.pipeline import process_survey
from service.surveys.lens import WATCHED, watch_lens
from service.surveys.models import FootageUse, Frame, FrameState, Survey
from tests.factories import DAMMAM, NOW, jpeg, make_frame, make_survey, make_vehicle, send_frame
from training.degrading import dirt_mask, soil

DIRTY = "quality.lens_dirty"


def lens(number: int, *, dirty: bool) -> str:
    """A street whose detail changes from frame to frame, with or without a soft spot that stays."""
    detail = np.random.default_rng(number).uniform(50, 90, (LENS_ROWS, LENS_COLUMNS))
    if dirty:
        detail[14:18, 20:26] = 5
    return b64encode(detail.astype(np.uint8).tobytes()).decode()


def driven(
    session: Session, survey: Survey, count: int, *, dirty: bool, begin: datetime = NOW, text: str | None = None,
    **columns: object,
) -> list[Frame]:  # fmt: skip
    """Processed frames, a second apart."""
    return [
        make_frame(
            session, survey, captured_at=begin + timedelta(seconds=number),
            quality={"lens": text or lens(number, dirty=dirty)}, **({"state": FrameState.PROCESSED} | columns),
        )
        for number in range(count)
    ]  # fmt: skip


def actions(session: Session) -> list[tuple[str, str | None, str | None]]:
    session.flush()
    rows = session.scalars(select(Event).where(Event.subject_kind == "survey").order_by(Event.id))
    return [(row.action, row.from_state, row.to_state) for row in rows]


@pytest.fixture
def survey(session: Session) -> Survey:
    return make_survey(session)


def test_a_dirty_lens_is_told_once_with_its_share_and_the_time_of_the_newest_frame(
    session: Session, survey: Survey
) -> None:
    frames = driven(session, survey, FEWEST_FRAMES, dirty=True)
    for _ in range(2):
        watch_lens(session, survey.id, NOW)
    assert (survey.lens_code, survey.lens_checked_at) == (DIRTY, frames[-1].captured_at)
    assert survey.lens_share == pytest.approx(24 / 640, abs=0.005)
    assert actions(session) == [("watch_lens", None, DIRTY)]


def test_a_clean_lens_has_a_share_and_no_message(session: Session, survey: Survey) -> None:
    driven(session, survey, FEWEST_FRAMES, dirty=False)
    watch_lens(session, survey.id, NOW)
    assert (survey.lens_code, survey.lens_share) == (None, 0.0)
    assert actions(session) == []


def test_too_few_frames_tell_nothing(session: Session, survey: Survey) -> None:
    driven(session, survey, FEWEST_FRAMES - 1, dirty=True)
    watch_lens(session, survey.id, NOW)
    assert (survey.lens_code, survey.lens_share, survey.lens_checked_at) == (None, None, None)


def test_a_lens_cleaned_during_the_drive_loses_its_message(session: Session, survey: Survey) -> None:
    driven(session, survey, WATCHED, dirty=True)
    watch_lens(session, survey.id, NOW)
    assert survey.lens_code == DIRTY
    driven(session, survey, WATCHED, dirty=False, begin=NOW + timedelta(hours=1))
    watch_lens(session, survey.id, NOW)
    assert survey.lens_code is None
    assert actions(session) == [("watch_lens", None, DIRTY), ("watch_lens", DIRTY, None)]


def test_frames_that_come_late_take_their_place_in_the_drive(session: Session, survey: Survey) -> None:
    driven(session, survey, WATCHED, dirty=False)
    driven(session, survey, WATCHED, dirty=True, begin=NOW - timedelta(hours=1))
    watch_lens(session, survey.id, NOW)
    assert survey.lens_code is None


def test_a_standing_vehicle_leaves_what_was_known(session: Session, survey: Survey) -> None:
    driven(session, survey, FEWEST_FRAMES, dirty=True)
    watch_lens(session, survey.id, NOW)
    checked_at = survey.lens_checked_at
    driven(session, survey, WATCHED, dirty=False, begin=NOW + timedelta(hours=1), text=lens(1, dirty=False))
    watch_lens(session, survey.id, NOW)
    assert (survey.lens_code, survey.lens_checked_at) == (DIRTY, checked_at)


def test_each_image_size_is_a_camera_of_its_own_and_the_dirtiest_is_told(session: Session, survey: Survey) -> None:
    half = FEWEST_FRAMES // 2
    driven(session, survey, half, dirty=True)
    driven(session, survey, half, dirty=True, width=1920, height=1080)
    watch_lens(session, survey.id, NOW)
    assert survey.lens_share is None  # ten frames of each are too few
    driven(session, survey, half, dirty=True, begin=NOW + timedelta(minutes=1))
    driven(session, survey, FEWEST_FRAMES, dirty=False, width=1920, height=1080, begin=NOW + timedelta(minutes=2))
    watch_lens(session, survey.id, NOW)
    assert survey.lens_code == DIRTY


@pytest.mark.parametrize(
    "columns",
    [
        {"state": FrameState.RECEIVED},
        {"state": FrameState.REFUSED},
        {"footage_use": FootageUse.NOTHING},
        {"text": "AAAA"},
    ],
)
def test_frames_that_show_nothing_of_the_lens_are_passed_over(
    session: Session, survey: Survey, columns: dict[str, object]
) -> None:
    driven(session, survey, WATCHED, dirty=True, **columns)  # type: ignore[arg-type]  # text or a column
    make_frame(session, survey, state=FrameState.PROCESSED)  # came before frames were judged
    watch_lens(session, survey.id, NOW)
    assert survey.lens_checked_at is None
    driven(session, survey, FEWEST_FRAMES, dirty=False)
    watch_lens(session, survey.id, NOW)
    assert (survey.lens_code, survey.lens_share) == (None, 0.0)


def test_another_survey_tells_nothing_of_this_one(session: Session, survey: Survey) -> None:
    driven(session, make_survey(session), WATCHED, dirty=True)
    watch_lens(session, survey.id, NOW)
    assert survey.lens_share is None


def soiled_drive() -> Iterator[bytes]:
    mask = dirt_mask(0.1, np.random.default_rng(3))
    for frame in drive(2000, FEWEST_FRAMES + 4, camera=CameraModel(focal_px=440.0, width=640, height=360)):
        yield jpeg(soil(frame.pixels, mask))


def test_a_vehicle_reads_in_its_survey_list_that_the_lens_wants_cleaning(
    client: TestClient, session: Session, runtime: Runtime
) -> None:
    _, key = make_vehicle(session)
    for number, data in enumerate(soiled_drive()):
        at = NOW + timedelta(seconds=2 * number)
        answer = send_frame(
            client, key, data, lat=DAMMAM[0] + number / 10_000, captured_at=at.isoformat(), survey="morning"
        )
        assert answer.status_code == 201, answer.text
    process_survey(runtime, answer.json()["survey_id"])
    (shown,) = client.get("/api/v1/surveys", headers=key).json()["items"]
    assert shown["frames_by_state"] == {"processed": FEWEST_FRAMES + 4}
    assert (shown["lens_code"], shown["lens_checked_at"]) == (DIRTY, at.isoformat().replace("+00:00", "Z"))
    assert shown["lens_share"] > 0.018
