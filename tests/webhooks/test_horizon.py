"""Events whose transactions end in another order than they began: none is lost, none comes twice."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.core.clock import utc_now
from service.core.database import Database
from service.core.events import Event
from service.core.runtime import Runtime
from service.webhooks.horizon import settle
from service.webhooks.spreading import spread
from tests.factories import make_municipality
from tests.webhooks.support import deliveries, happen, happened, register

URL = "http://127.0.0.1:9/"


@pytest.fixture
def endpoint_id(hooks: Runtime) -> int:
    return register(hooks, URL)[0]


@pytest.fixture
def early(database: Database) -> Iterator[Session]:
    """A transaction that draws its id first and ends last."""
    with database.sessions() as other:
        yield other


def known(session: Session, endpoint_id: int) -> list[int]:
    return [one.event.subject_id for one in deliveries(session, endpoint_id)]


def test_an_event_that_commits_after_a_later_one_is_not_lost(
    hooks: Runtime, session: Session, early: Session, endpoint_id: int
) -> None:
    happen(early, subject_id=1)
    early.flush()
    with hooks.database.transaction() as late:
        happen(late, subject_id=2)
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == []  # the later one alone must not move the cursor past the earlier
    early.commit()
    spread(hooks, utc_now())
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == [1, 2]


def test_an_id_that_was_drawn_and_rolled_back_holds_nothing_up(
    hooks: Runtime, session: Session, early: Session, endpoint_id: int
) -> None:
    happen(early, subject_id=1)
    early.flush()
    happened(hooks)
    spread(hooks, utc_now())
    early.rollback()
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == [12]


def test_a_writer_that_came_later_does_not_hold_up_what_was_before(
    hooks: Runtime, session: Session, early: Session, database: Database, endpoint_id: int
) -> None:
    happen(early, subject_id=1)
    early.flush()
    happened(hooks)
    spread(hooks, utc_now())
    with database.sessions() as newer:
        happen(newer, subject_id=99)
        newer.flush()
        early.commit()
        spread(hooks, utc_now())
        assert known(session, endpoint_id) == [1, 12]
        newer.commit()
    spread(hooks, utc_now())
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == [1, 12, 99]


def test_an_id_drawn_before_its_transaction_has_a_number_is_waited_for(
    hooks: Runtime, session: Session, early: Session, endpoint_id: int
) -> None:
    """The moment in an INSERT between the default and the row: the lock is there, a transaction id is not."""
    early.execute(text("LOCK TABLE event IN ROW EXCLUSIVE MODE"))
    drawn = early.scalar(text("SELECT nextval(pg_get_serial_sequence('event', 'id'))"))
    happened(hooks)
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == []
    early.execute(
        text(
            "INSERT INTO event (id, at, municipality_id, actor_kind, subject_kind, subject_id, action, data)"
            " OVERRIDING SYSTEM VALUE VALUES (:id, now(), :place, 'system', 'work_order', 1, 'assign', '{}')"
        ),
        {"id": drawn, "place": make_municipality(early).id},
    )
    early.commit()
    spread(hooks, utc_now())
    assert known(session, endpoint_id) == [1, 12]


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "write", "commit", "roll", "spread"]), st.integers(0, 2)), max_size=30
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
@example([("write", 0), ("write", 1), ("commit", 1), ("spread", 0), ("commit", 0)])
def test_whatever_the_order_in_which_writers_end_each_committed_event_is_delivered_once(
    hooks: Runtime, database: Database, session: Session, steps: list[tuple[str, int]]
) -> None:
    endpoint_id, _ = register(hooks, f"{URL}{session.scalar(select(func.max(Event.id)))}")
    session.rollback()
    with ExitStack() as closing:
        committed = play(steps, hooks, [closing.enter_context(database.sessions()) for _ in range(3)])
    spread(hooks, utc_now())
    spread(hooks, utc_now())
    heard = known(session, endpoint_id)
    session.rollback()
    assert sorted(heard) == sorted(committed)


def play(steps: list[tuple[str, int]], hooks: Runtime, writers: list[Session]) -> list[int]:
    """What each writer does, one after the other; returns the subjects of the events that were committed."""
    open_subjects: list[list[int]] = [[] for _ in writers]
    committed: list[int] = []
    for number, (step, index) in enumerate(steps):
        if step == "spread":
            spread(hooks, utc_now())
        elif step == "write":
            happen(writers[index], subject_id=number)
            writers[index].flush()
            open_subjects[index].append(number)
        else:
            writers[index].commit() if step == "commit" else writers[index].rollback()
            committed += open_subjects[index] if step == "commit" else []
            open_subjects[index] = []
    return committed


def test_the_horizon_never_goes_back(hooks: Runtime) -> None:
    seen = []
    for _ in range(3):
        happened(hooks)
        with hooks.database.transaction() as session:
            seen.append(settle(session, utc_now()))
    assert all(earlier < later for earlier, later in pairwise(seen))
