"""A candidate follows the names that its sightings give it; a judged defect keeps the name that a person saw."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import caller_of_user
from service.core.events import Event
from service.defects.models import Verdict
from service.defects.reviews import review
from tests.defects.sightings import box, make_defect, see
from tests.factories import NOW, make_user


def test_a_candidate_takes_the_class_that_most_of_its_sightings_say(session: Session) -> None:
    defect = make_defect(session, box("garbage", score=0.3))
    for _ in range(3):
        see(session, [box("sand_rubble", score=0.8)])
    assert defect.class_key == "sand_rubble" and defect.sightings_count == 4
    told = session.scalars(select(Event).where(Event.action == "rename")).one()
    assert told.data["class_before"] == "garbage" and told.data["class_after"] == "sand_rubble"


def test_a_judged_defect_keeps_its_class(session: Session) -> None:
    defect = make_defect(session, box("garbage", score=0.3))
    review(session, caller_of_user(make_user(session)), defect.id, Verdict.ACCEPT, now=NOW)
    session.commit()
    for _ in range(3):
        see(session, [box("sand_rubble", score=0.8)])
    assert defect.class_key == "garbage" and defect.sightings_count == 4
