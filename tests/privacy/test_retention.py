"""Pictures go when no purpose asks for them any more; everything else of a frame stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.core.events import Event
from service.core.runtime import Runtime
from service.defects.models import Defect, Detection, Sighting
from service.defects.states import DefectState
from service.privacy import retention
from service.privacy.retention import Purpose, apply_retention
from service.surveys.models import Frame, FrameState
from tests.factories import DAMMAM, NOW, make_frame

DAYS = {"keep_plain_days": 10, "keep_evidence_days": 100, "keep_unusable_days": 3}
Make = Callable[..., Frame]


@pytest.fixture
def keeping(runtime: Runtime) -> Runtime:
    return replace(runtime, settings=runtime.settings.model_copy(update=DAYS))


@pytest.fixture
def made(session: Session, runtime: Runtime) -> Make:
    def make(age_days: float, state: FrameState = FrameState.PROCESSED, defect: DefectState | None = None) -> Frame:
        frame = make_frame(session, state=state, received_at=NOW - timedelta(days=age_days))
        frame.blob_key = f"frames/{frame.id}"
        runtime.store.put(frame.blob_key, b"picture")
        if defect:
            _show(session, frame, defect)
        session.commit()
        return frame

    return make


@pytest.mark.parametrize(
    ("state", "defect", "purpose", "days"),
    [
        (FrameState.PROCESSED, None, Purpose.PLAIN, 10),
        (FrameState.PROCESSED, DefectState.REJECTED, Purpose.PLAIN, 10),
        (FrameState.PROCESSED, DefectState.CANDIDATE, Purpose.EVIDENCE, 100),
        (FrameState.PROCESSED, DefectState.RESOLVED, Purpose.EVIDENCE, 100),
        (FrameState.REFUSED, None, Purpose.UNUSABLE, 3),
        (FrameState.FAILED, None, Purpose.UNUSABLE, 3),
    ],
)
def test_a_picture_goes_when_its_purpose_is_over_and_not_before(
    keeping: Runtime, session: Session, made: Make, state: FrameState, defect: DefectState | None, purpose: Purpose,
    days: int,
) -> None:  # fmt: skip
    young, old = made(days - 0.1, state, defect), made(days + 0.1, state, defect)
    old_key = old.blob_key
    assert apply_retention(keeping, NOW) == {**dict.fromkeys(Purpose, 0), purpose: 1}
    session.refresh(young)
    session.refresh(old)
    assert young.blob_key is not None and young.image_deleted_at is None
    assert (old.blob_key, old.image_deleted_at, old.state) == (None, NOW, state)
    assert _waiting_deletions(session) == [old_key]
    event = session.scalars(select(Event).where(Event.action == "delete_image")).one()
    assert (event.subject_id, event.actor_kind, event.data) == (
        old.id, "system", {"purpose": purpose.value, "after_days": days},
    )  # fmt: skip


def test_a_frame_stays_while_the_work_on_its_defect_is_not_over(keeping: Runtime, made: Make) -> None:
    made(5000, defect=DefectState.CONFIRMED)
    assert sum(apply_retention(keeping, NOW).values()) == 0


def test_a_frame_that_waits_to_be_processed_stays(keeping: Runtime, made: Make) -> None:
    made(5000, FrameState.RECEIVED)
    assert sum(apply_retention(keeping, NOW).values()) == 0


def test_zero_days_keep_a_purpose_for_good(runtime: Runtime, made: Make) -> None:
    made(5000)
    never = runtime.settings.model_copy(update=dict.fromkeys(DAYS, 0))
    assert sum(apply_retention(replace(runtime, settings=never), NOW).values()) == 0


def test_a_second_run_finds_nothing_left(keeping: Runtime, made: Make) -> None:
    made(50)
    assert [sum(apply_retention(keeping, NOW).values()) for _ in range(2)] == [1, 0]


def test_more_than_a_batch_goes_in_one_run(keeping: Runtime, made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        made(50)
    assert apply_retention(keeping, NOW)[Purpose.PLAIN] == 5


def _show(session: Session, frame: Frame, state: DefectState) -> None:
    detection = Detection(
        frame_id=frame.id, class_key="pothole", score=0.9, x0_px=1, y0_px=1, x1_px=9, y1_px=9, model_name="m",
        model_version="1", lat=DAMMAM[0], lon=DAMMAM[1],
    )  # fmt: skip
    defect = Defect(
        municipality_id=frame.municipality_id, class_key="pothole", state=state, lat=DAMMAM[0], lon=DAMMAM[1],
        h3_cell="x", score=0.9, sightings_count=1, first_seen_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    session.add_all([detection, defect])
    session.flush()
    session.add(Sighting(detection_id=detection.id, defect_id=defect.id))


def _waiting_deletions(session: Session) -> list[str]:
    rows = session.execute(text("SELECT args ->> 'key' FROM procrastinate_jobs WHERE task_name = 'delete_blob'"))
    return list(rows.scalars())
