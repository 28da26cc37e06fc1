"""Keeps the cases and their sums by day equal to the tables, a little at a time, by a cursor over the events.

Ids of events are given out before their transactions commit, so a lower id may appear after a higher one. The cursor
therefore moves in two steps: a run notes the highest id it sees (the mark) together with its own transaction id, which
is higher than that of every transaction that had written by then; a later run moves the cursor to the mark when
PostgreSQL says that no transaction of a lower id runs any more. What lies beyond the cursor is counted live by whoever
asks (`counting`), so no figure waits for a run.
"""

import time
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from service.control.cases import COLUMNS, IDS, MEASURES, derived, summands
from service.control.models import DIMENSIONS
from service.core.database import Database

log = structlog.get_logger()
BATCH = 5_000  # defects written anew in one statement
QUIET_WITHIN_S, LOOK_EVERY_S = 30.0, 0.05

HIGHEST = text("SELECT coalesce(max(id), 0) FROM event")
STATE = text("SELECT cursor, mark, mark_xid FROM indicator_state WHERE id = 1 FOR UPDATE")
NEW_STATE = text("INSERT INTO indicator_state (id, cursor) VALUES (1, 0) ON CONFLICT DO NOTHING")
OWN_XID = text("SELECT pg_current_xact_id()::text::bigint")
OLDEST_XID = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
KEEP = text(
    "UPDATE indicator_state SET cursor = :cursor, mark = :mark, mark_xid = :xid, refreshed_at = :now WHERE id = 1"
)

# The defects that events in (after, until] speak of, what they were merged into, and what a report was taken from;
# of a report that was rated minus its own id, under which it is counted while it has no defect.
NAMED = """
    WITH told AS (
        SELECT subject_kind, subject_id, data FROM event
        WHERE id > :after AND id <= :until AND subject_kind IN ('defect', 'work_order', 'report', 'contract')
    ), named AS (
        SELECT DISTINCT subject_kind, subject_id FROM told WHERE subject_kind <> 'contract'
        UNION SELECT 'work_order', (data ->> 'work_order_id')::bigint FROM told
        WHERE subject_kind = 'contract' AND data ->> 'work_order_id' IS NOT NULL
    ), own AS (
        SELECT subject_id AS id FROM named WHERE subject_kind = 'defect'
        UNION SELECT o.defect_id FROM named JOIN work_order AS o ON o.id = named.subject_id
        WHERE named.subject_kind = 'work_order'
        UNION SELECT report.defect_id FROM named JOIN report ON report.id = named.subject_id
        WHERE named.subject_kind = 'report' AND report.defect_id IS NOT NULL
        UNION SELECT -subject_id FROM named
        WHERE subject_kind = 'report' AND EXISTS (SELECT FROM rating WHERE rating.report_id = subject_id)
        UNION SELECT coalesce(data ->> 'former_defect_id', data ->> 'merged_id')::bigint FROM told
        WHERE subject_kind = 'report' AND (data ->> 'former_defect_id' IS NOT NULL OR data ->> 'merged_id' IS NOT NULL)
    )
    SELECT id FROM own UNION
    SELECT d.merged_into_id FROM own JOIN defect AS d ON d.id = own.id WHERE d.merged_into_id IS NOT NULL
"""
# What a changed district or contract may have put elsewhere: all orders of its municipality. That is too much to count
# live, so figures by district and contractor follow with the next run.
WIDE = text("""
    SELECT DISTINCT o.defect_id FROM work_order AS o WHERE o.municipality_id IN (
        SELECT municipality_id FROM event
        WHERE id > :after AND id <= :until AND (subject_kind = 'district' OR subject_kind = 'contract'
            AND action NOT IN ('charge', 'credit', 'issue_statement'))
    )
""")
OF_DEFECTS = IDS.format("defect_id")
_CASES = ", ".join(COLUMNS)
_DAYS = ", ".join((*DIMENSIONS, *MEASURES))
_STORED = f"(SELECT * FROM indicator_case WHERE {OF_DEFECTS}) AS stored"


def _add(summed: str, table: str, day: str) -> TextClause:
    """Adds summands to the sums of a table in which `day` stands for their day; each day's rows lie together."""
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    more = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)
    dimensions = ", ".join((f"{day} AS day", *DIMENSIONS[1:]))
    places = ", ".join(str(place + 1) for place in range(len(DIMENSIONS)))
    return text(f"""
        INSERT INTO {table} ({_DAYS}) SELECT {dimensions}, {sums} FROM ({summed}) AS one
        GROUP BY {places} ORDER BY {places}
        ON CONFLICT ON CONSTRAINT uq_{table} DO UPDATE SET {more}
    """)


def _add_to_all(summed: str) -> tuple[TextClause, ...]:
    return tuple(_add(summed, table, day) for table, day in SUMS.items())


SUMS = {"indicator_day": "one.day", "indicator_month": "date_trunc('month', one.day)::date"}
TAKE_AWAY = _add_to_all(summands(_STORED, -1))
FORGET = text(f"DELETE FROM indicator_case WHERE {OF_DEFECTS}")
DERIVE = text(f"INSERT INTO indicator_case ({_CASES}) {derived(everything=False)}")
ADD = _add_to_all(summands(_STORED))
TIDY = tuple(text(f"DELETE FROM {table} WHERE cases = 0") for table in SUMS)
EMPTY = tuple(text(f"DELETE FROM {table}") for table in ("indicator_case", *SUMS))
DERIVE_ALL = text(f"INSERT INTO indicator_case ({_CASES}) {derived(everything=True)}")
ADD_ALL = _add(summands("indicator_case"), "indicator_day", SUMS["indicator_day"])
ADD_MONTHS = _add("SELECT * FROM indicator_day", "indicator_month", SUMS["indicator_month"])
MEMORY = text("SET LOCAL work_mem = '128MB'")
NO_JIT = text("SET LOCAL jit = off")  # compiling took longer than the whole query of a few defects


def refresh(database: Database, now: datetime) -> int:
    """Writes anew what events changed since the last run; returns how many defects that were. Safe to run at any time
    and by several at once."""
    with database.transaction() as session:
        seen = _highest(session)
    with database.transaction() as session:
        cursor, mark, mark_xid = _lock_state(session)
        oldest = session.scalar(OLDEST_XID) or 0
        touched: Sequence[int] = []
        if mark is not None and mark_xid is not None and oldest > mark_xid:
            events = {"after": cursor, "until": mark}
            touched = sorted({*session.scalars(text(NAMED), events), *session.scalars(WIDE, events)})
            write_anew(session, touched)
            cursor, mark = mark, None
        if mark is None:
            mark, mark_xid = max(seen, cursor), session.scalar(OWN_XID)
        session.execute(KEEP, {"cursor": cursor, "mark": mark, "xid": mark_xid, "now": now})
    if touched:
        log.info("indicators.refreshed", defects=len(touched), cursor=cursor)
    return len(touched)


def rebuild(database: Database, now: datetime) -> int:
    """Counts everything anew; returns the number of cases. Figures of before stay readable until it is done.

    It first waits for the transactions that run, so that the cursor can move to the newest event; where one does not
    end, the cursor stays and the events since are counted live.
    """
    with database.transaction() as session:
        seen = _highest(session)
    quiet = _wait_for_writers(database)
    with database.transaction() as session:
        cursor, mark, xid = _lock_state(session)
        session.execute(MEMORY)
        for step in (*EMPTY, DERIVE_ALL, ADD_ALL, ADD_MONTHS):
            session.execute(step)
        cases = session.scalar(text("SELECT count(*) FROM indicator_case")) or 0
        if quiet:
            cursor, mark, xid = max(seen, cursor), None, None
        session.execute(KEEP, {"cursor": cursor, "mark": mark, "xid": xid, "now": now})
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
            text("VACUUM (ANALYZE) indicator_case, indicator_day, indicator_month")
        )
    log.info("indicators.rebuilt", cases=cases, cursor=cursor)
    return cases


def write_anew(session: Session, defect_ids: Sequence[int]) -> None:
    """Derives the cases of these defects again and mends the sums by the difference."""
    session.execute(NO_JIT)
    for start in range(0, len(defect_ids), BATCH):
        ids = {"ids": list(defect_ids[start : start + BATCH])}
        for step in (*TAKE_AWAY, FORGET, DERIVE, *ADD):
            session.execute(step, ids)
    if defect_ids:
        for step in TIDY:
            session.execute(step)


def _highest(session: Session) -> int:
    """In a transaction before the one whose id is noted: ids that are visible now were given out before that."""
    session.execute(NEW_STATE)
    return int(session.scalar(HIGHEST) or 0)


def _lock_state(session: Session) -> tuple[int, int | None, int | None]:
    cursor, mark, xid = session.execute(STATE).one()
    return cursor, mark, xid


def _wait_for_writers(database: Database) -> bool:
    """Until every transaction has ended that ran when this was called; False when one outlasts QUIET_WITHIN_S."""
    with database.transaction() as session:
        own = session.scalar(OWN_XID) or 0
    deadline = time.monotonic() + QUIET_WITHIN_S
    while True:
        with database.transaction() as session:
            if (session.scalar(OLDEST_XID) or 0) > own:
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
