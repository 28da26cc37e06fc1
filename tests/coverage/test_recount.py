"""What was counted as seen is counted anew when a person moves, shifts or deletes the frames that showed it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.runtime import Runtime
from service.coverage.counting import count_frames, recount
from service.coverage.models import CoveredCell
from service.surveys.models import Frame, FrameState
from tests.factories import DAMMAM, NOW, make_frame, make_municipality, make_survey, make_user, sign_in, square

BODIES: dict[str, dict[str, Any]] = {
    "delete": {},
    "shift": {"shift_s": -86_400.0, "request_id": str(uuid4())},
    "mend": {"lat": 26.2, "lon": 50.2},  # in another municipality
}


def covered(session: Session) -> dict[int, int]:
    session.expire_all()
    return {row.cell: row.frames for row in session.scalars(select(CoveredCell))}


def run_recounts(session: Session, runtime: Runtime) -> int:
    rows = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'recount_coverage'")
    asked = list(session.scalars(rows))
    for arguments in asked:
        recount(runtime, **arguments)
    return len(asked)


def counted_frames(session: Session, lats: list[float]) -> list[Frame]:
    make_municipality(session, "khobar", square(50.1, 26.1))
    survey = make_survey(session)
    frames = [
        make_frame(session, survey, state=FrameState.PROCESSED, blob_key=f"frames/{lat}", lat=lat) for lat in lats
    ]
    count_frames(session, frames)
    session.commit()
    return frames


@pytest.mark.parametrize("action", BODIES)
def test_a_frame_changed_after_it_was_counted_leaves_the_map(
    client: TestClient, session: Session, runtime: Runtime, action: str
) -> None:
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    stays, leaves = counted_frames(session, [DAMMAM[0], DAMMAM[0] + 0.01])
    before = covered(session)
    body = BODIES[action] if action != "mend" else {"frames": [{"id": leaves.id} | BODIES[action]]}
    body = body if action == "mend" else body | {"frame_ids": [leaves.id]}
    answer = client.post(f"/api/v1/frames/{action}", headers=supervisor, json=body)
    assert [one["outcome"] for one in answer.json()["results"]] == ["changed"]
    assert covered(session) == before  # until the job ran
    assert run_recounts(session, runtime) == 1
    after = covered(session)
    assert 0 < len(after) < len(before)
    only_stays = counted_cells(session, stays)
    assert after == only_stays
    assert run_recounts(session, runtime) == 1  # a job that runs twice
    assert covered(session) == only_stays


def counted_cells(session: Session, frame: Frame) -> dict[int, int]:
    """What the frame alone would have counted."""
    session.execute(text("DELETE FROM covered_cell"))
    count_frames(session, [frame])
    cells = covered(session)
    session.commit()
    return cells


def test_each_day_is_asked_for_once_and_none_for_a_dry_run(client: TestClient, session: Session) -> None:
    supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))
    frames = counted_frames(session, [DAMMAM[0] + n / 1000 for n in range(6)])
    for frame in frames[3:]:
        frame.captured_at = NOW - timedelta(days=2)
    session.commit()
    body = {"frame_ids": [frame.id for frame in frames]}
    days = text("SELECT args->>'day' FROM procrastinate_jobs WHERE task_name = 'recount_coverage' ORDER BY 1")
    client.post("/api/v1/frames/delete", headers=supervisor, json=body | {"dry_run": True})
    assert session.scalars(days).all() == []
    client.post("/api/v1/frames/delete", headers=supervisor, json=body)
    assert session.scalars(days).all() == ["2026-03-02", "2026-03-04"]
