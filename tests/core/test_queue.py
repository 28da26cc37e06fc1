"""A job is kept or lost with the transaction that asks for it."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from service.core.database import Database
from service.core.queue import enqueue
from tests.factories import make_municipality


def count_jobs(session: Session) -> int:
    count: int = session.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one()
    return count


def test_a_job_is_lost_with_the_row_it_is_about(database: Database, session: Session) -> None:
    with pytest.raises(RuntimeError, match="power"), database.transaction() as doomed:
        make_municipality(doomed)
        enqueue(doomed, "process_survey", survey_id=1)
        raise RuntimeError("power cut")
    assert count_jobs(session) == 0


def test_asking_twice_keeps_both_rows_and_one_job(database: Database, session: Session) -> None:
    for key in ("first", "second"):
        with database.transaction() as asking:
            make_municipality(asking, key)
            enqueue(asking, "process_survey", lock="survey:1", survey_id=1)
            make_municipality(asking, f"{key}_more")
    assert count_jobs(session) == 1
    assert session.execute(text("SELECT count(*) FROM municipality")).scalar_one() == 4
