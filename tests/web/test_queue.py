"""The window of the queue: in every order nothing is skipped and nothing comes twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from inference.images import decode_image
from service.accounts.caller import Caller, caller_of_user
from service.accounts.permissions import Role
from service.defects.access import DefectOrder
from service.defects.models import Defect
from service.defects.states import DefectState
from service.web import queue
from service.web.due import Standing, read_due
from service.web.queue import QueueFilter, read_queue
from service.web.thumbnails import SIZE_PX, cut_thumbnail, window
from service.work_orders.models import WorkOrder
from service.work_orders.states import WorkOrderState
from tests.factories import jpeg
from tests.web.desk import Desk, street

NOON = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def caller(desk: Desk) -> Caller:
    return caller_of_user(desk.person(Role.INSPECTOR))


RANKS: dict[DefectOrder, Callable[[Defect], tuple[float, ...]]] = {
    DefectOrder.OLDEST: lambda defect: (defect.id,),
    DefectOrder.SCORE: lambda defect: (-defect.score, -defect.id),
    DefectOrder.PRIORITY: lambda defect: (-defect.priority, -defect.id),
}


@pytest.mark.parametrize("order", list(DefectOrder))
def test_next_walks_the_whole_queue_once_and_previous_walks_it_back(
    desk: Desk, caller: Caller, session: Session, order: DefectOrder
) -> None:
    scores = (0.7, 0.9, 0.7, 0.5, 0.9)
    found = [desk.candidate(north_m=100.0 * n, score=score) for n, score in enumerate(scores)]
    for defect, priority in zip(found, (3.0, 1.0, 9.0, 9.0, 5.0), strict=True):
        defect.priority = priority
    session.commit()
    expected = [defect.id for defect in sorted(found, key=RANKS[order])]
    wanted = QueueFilter(order=order)
    walked, back = [], []
    here = read_queue(session, caller, wanted, None, None)
    while here.opened:
        walked.append(here.opened.id)
        assert [row.id for row in here.rows] == expected
        back.append(here.previous.id if here.previous else None)
        if here.next is None:
            break
        here = read_queue(session, caller, wanted, here.next, None)
    assert walked == expected
    assert back == [None, *expected[:-1]]


def test_a_long_queue_shows_a_part_around_the_open_one(
    desk: Desk, caller: Caller, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "SHOWN_BEFORE", 1)
    monkeypatch.setattr(queue, "SHOWN_AFTER", 2)
    monkeypatch.setattr(queue, "COUNTED", 4)
    found = [desk.candidate(north_m=100.0 * n) for n in range(6)]
    shown = read_queue(session, caller, QueueFilter(), found[2], None)
    assert [row.id for row in shown.rows] == [defect.id for defect in found[1:5]]
    assert shown.waiting == 4


def test_a_decided_defect_is_open_without_being_in_the_queue(desk: Desk, caller: Caller, session: Session) -> None:
    found = [desk.candidate(north_m=100.0 * n) for n in range(3)]
    found[1].state = DefectState.REJECTED
    session.commit()
    shown = read_queue(session, caller, QueueFilter(), found[1], None)
    assert [row.id for row in shown.rows] == [found[0].id, found[2].id]
    assert shown.previous is found[0] and shown.next is found[2]


@given(
    width=st.integers(1, 6000), height=st.integers(1, 6000),
    edges=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)  # fmt: skip
def test_a_thumbnail_never_reaches_beyond_its_frame_and_holds_the_middle_of_the_box(
    width: int, height: int, edges: list[float]
) -> None:
    x0, x1 = sorted(edge * width for edge in edges[:2])
    y0, y1 = sorted(edge * height for edge in edges[2:])
    left, top, right, bottom = window((x0, y0, x1, y1), width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert left - 1 <= (x0 + x1) / 2 <= right + 1 and top - 1 <= (y0 + y1) / 2 <= bottom + 1


def test_a_thumbnail_has_its_size() -> None:
    small = decode_image(cut_thumbnail(jpeg(street("pothole")), (600, 400, 640, 480), 10**6)).pixels
    assert (small.shape[1], small.shape[0]) == SIZE_PX


@pytest.mark.parametrize(
    ("state", "due_h", "done_h", "held_h", "standing", "hours"),
    [
        (WorkOrderState.OPEN, 5, None, None, Standing.LEFT, 5),
        (WorkOrderState.IN_PROGRESS, -3, None, None, Standing.LATE, 3),
        (WorkOrderState.ON_HOLD, 5, None, -2, Standing.STOPPED, 7),
        (WorkOrderState.ON_HOLD, -6, None, -2, Standing.LATE, 4),
        (WorkOrderState.DONE, -1, -2, None, Standing.KEPT, 1),
        (WorkOrderState.CLOSED, -9, -2, None, Standing.MISSED, 7),
        (WorkOrderState.CANCELLED, -9, None, None, Standing.NONE, 0),
    ],
)
def test_an_order_stands_against_its_due_time(
    state: WorkOrderState, due_h: int, done_h: int | None, held_h: int | None, standing: Standing, hours: int
) -> None:
    def at(after_h: int | None) -> datetime | None:
        return None if after_h is None else NOON + timedelta(hours=after_h)

    order = WorkOrder(state=state, due_at=at(due_h), done_at=at(done_h), held_at=at(held_h))
    due = read_due(order, NOON)
    assert (due.standing, abs(due.until - due.since)) == (standing, timedelta(hours=hours))
