"""Whatever happens to orders, and whenever the sums are refreshed, they are what counting anew makes of the tables."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.accounts.models import Municipality
from service.control.cases import COLUMNS, MEASURES
from service.control.counting import View, open_at, snapshot
from service.control.facts import rebuild, refresh
from service.control.models import DIMENSIONS
from service.control.periods import Span
from service.core.database import Database
from service.core.events import SYSTEM, record
from service.defects.models import Defect
from service.defects.service import move_defect
from service.defects.states import DefectAction
from tests.control.lives import NOW, Street

STEPS = ("refresh", "refresh", "find", "accept", "reject", "merge", "assign", "start", "hold", "resume", "done",
         "fail", "pass", "cancel", "reopen")  # fmt: skip


@pytest.fixture
def street(database: Database, session: Session) -> Iterator[Street]:
    yield Street(session)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7), st.integers(0, 60)), max_size=40))
def test_refreshed_at_any_moments_the_sums_are_those_of_a_rebuild(
    database: Database, session: Session, steps: list[tuple[str, int, int]]
) -> None:
    clear(session)
    street = Street(session)
    for step, which, hours in steps:
        street.now += timedelta(hours=hours)
        if step == "refresh":
            refresh(database, street.now)
        else:
            street.take(step, which)
    live = shown(database)
    refresh(database, street.now)
    refresh(database, street.now)
    kept = stored(session)
    assert shown(database) == live == kept
    rebuild(database, street.now)
    assert stored(session) == kept


def test_a_span_of_months_and_odd_days_sums_up_to_its_days(
    database: Database, session: Session, street: Street
) -> None:
    for _ in range(12):
        street.take("find")
        street.now += timedelta(days=9)
    rebuild(database, street.now)
    street.take("find")  # and one counted live
    with snapshot(database) as reading:
        view = View(reading)
        for first, last in ((0, 0), (3, 20), (0, 61), (20, 100), (-400, 400)):
            span = Span(NOW.date() + timedelta(first), NOW.date() + timedelta(last))
            by_day, mixed = view.days().c, view.days(span).c
            found = reading.scalar(select(func.sum(mixed.observed)).where(mixed.day.between(span.first, span.last)))
            assert found == reading.scalar(
                select(func.sum(by_day.observed)).where(by_day.day.between(span.first, span.last))
            )


def test_what_was_open_at_a_moment_is_found_whenever_it_ended(
    database: Database, session: Session, street: Street
) -> None:
    for step in ("find", "accept", "find", "accept", "assign", "cancel", "find", "accept", "start", "done", "pass"):
        street.take(step)
        street.now += timedelta(hours=31)
    rebuild(database, street.now)
    with snapshot(database) as reading:
        cases = View(reading).cases().c
        rows = reading.execute(select(cases.at, cases.ended_at).where(cases.kind == "order")).all()
        assert any(row.ended_at for row in rows) and not all(row.ended_at for row in rows)
        for hours in range(0, 400, 7):
            moment = NOW + timedelta(hours=hours)
            naive = sum(row.at <= moment and (row.ended_at is None or row.ended_at > moment) for row in rows)
            counted = reading.scalar(select(func.count()).where(open_at(cases, moment, street.now)))
            assert counted == naive


def test_a_second_refresh_changes_nothing(database: Database, session: Session, street: Street) -> None:
    street.take("find")
    street.take("accept")
    assert refresh(database, NOW) == 0  # the first only sets the mark
    assert refresh(database, NOW) == 1
    before = stored(session)
    assert refresh(database, NOW) == 0
    assert stored(session) == before


def test_an_event_that_commits_after_a_later_one_is_not_passed_over(
    database: Database, session: Session, street: Street
) -> None:
    first = street.find()
    elsewhere = Street(session, "khobar")
    with database.sessions() as slow:  # its event gets the lower id and is not committed until the end
        move_defect(slow, slow.get_one(Defect, first), DefectAction.REJECT, SYSTEM, NOW)
        slow.flush()
        elsewhere.find()
        for _ in range(3):
            refresh(database, NOW)
        assert observed(database) == 2
        slow.commit()
    assert observed(database) == 1  # counted live at once
    for _ in range(3):
        refresh(database, NOW)
    with snapshot(database) as reading:
        assert View(reading).dirty == []
    assert observed(database) == 1


def test_a_rebuild_waits_for_writers_and_leaves_nothing_to_count_live(
    database: Database, session: Session, street: Street
) -> None:
    for _ in range(3):
        street.take("find")
    assert rebuild(database, NOW) == 3
    with snapshot(database) as reading:
        assert View(reading).dirty == []


def test_an_event_about_something_else_moves_the_cursor_and_counts_nothing(
    database: Database, session: Session
) -> None:
    place = Municipality(key="dammam", name_en="Dammam", name_ar="الدمام")
    session.add(place)
    session.flush()
    record(session, at=NOW, actor=SYSTEM, subject_kind="municipality", subject_id=place.id, action="set_sla",
           municipality_id=place.id)  # fmt: skip
    session.commit()
    refresh(database, NOW)
    assert refresh(database, NOW) == 0
    assert session.scalar(text("SELECT cursor FROM indicator_state")) == 1
    assert stored(session) == ([], [])


def stored(session: Session) -> tuple[list[Any], list[Any]]:
    session.rollback()
    cases = session.execute(text(f"SELECT {', '.join(COLUMNS)} FROM indicator_case ORDER BY 1, 2, 3, 4")).all()
    columns = ", ".join((*DIMENSIONS, *MEASURES))
    days = session.execute(text(f"SELECT {columns} FROM indicator_day ORDER BY {', '.join(DIMENSIONS)}")).all()
    assert by_month(session, "indicator_month") == by_month(session, "indicator_day")
    return [tuple(row) for row in cases], [tuple(row) for row in days]


def by_month(session: Session, table: str) -> list[Any]:
    month = f"date_trunc('month', day)::date, {', '.join(DIMENSIONS[1:])}"
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    return list(session.execute(text(f"SELECT {month}, {sums} FROM {table} GROUP BY {month} ORDER BY {month}")))


def shown(database: Database) -> tuple[list[Any], list[Any]]:
    """What a question would count now, events beyond the cursor included."""
    with snapshot(database) as session:
        view = View(session)
        cases, days = view.cases(), view.days().c
        keys, sums = [days[name] for name in DIMENSIONS], [func.sum(days[name]) for name in MEASURES]
        summed = select(*keys, *sums).group_by(*keys).having(func.sum(days.cases) != 0).order_by(*keys)
        by_case = select(cases).order_by(*list(cases.c)[:4])
        return [tuple(row) for row in session.execute(by_case)], [tuple(row) for row in session.execute(summed)]


def observed(database: Database) -> int:
    with snapshot(database) as session:
        return sum(row.observed for row in session.execute(select(View(session).days())))


def clear(session: Session) -> None:
    session.rollback()
    session.execute(text(
        "TRUNCATE indicator_case, indicator_day, indicator_month, indicator_state, event, repair, review, work_order, "
        "sighting, detection, defect, frame, survey, vehicle, unit, municipality RESTART IDENTITY CASCADE"
    ))  # fmt: skip
    session.commit()
