"""Classes that the machine is not trusted with: no order without a person, none at all where the class is off."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datasets.taxonomy import CLASSES
from service.app import create_app
from service.core.errors import Conflict
from service.core.events import SYSTEM, Actor, Event
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.defects.evidence import REOPEN_AFTER
from service.defects.models import Defect
from service.defects.service import move_defect
from service.defects.states import DefectAction, DefectState, machine_may_confirm
from service.surveys.models import FrameState
from service.work_orders.models import WorkOrder
from service.work_orders.opening import open_work_order
from service.work_orders.service import reopen_after_sighting
from tests.defects.sightings import box, make_defect, see
from tests.factories import NOW, make_frame, make_survey, make_vehicle
from tests.work_orders.orders import Town, make_town

EXPERIMENTAL = [kind.key for kind in CLASSES if kind.experimental]
BY_PERSON_ALONE = [kind.key for kind in CLASSES if not machine_may_confirm(kind.key)]


@pytest.fixture
def enabled_town(runtime: Runtime, session: Session) -> Iterator[Town]:
    settings = runtime.settings.model_copy(update={"experimental_work_orders": frozenset({"damaged_sign"})})
    with TestClient(create_app(Runtime(settings, runtime.database, runtime.store))) as client:
        yield make_town(client, session)


def candidate(town: Town, class_key: str, days: int = 0) -> Defect:
    vehicle, _ = make_vehicle(town.session, town.municipality)
    frame = make_frame(town.session, make_survey(town.session, vehicle), captured_at=NOW + timedelta(days=days))
    return make_defect(town.session, box(class_key), frame)


def orders(town: Town) -> int:
    return town.session.scalar(select(func.count(WorkOrder.id))) or 0


def test_the_classes_that_wait_for_a_person_are_those_of_the_taxonomy() -> None:
    assert sorted(BY_PERSON_ALONE) == ["damaged_sign", "standing_water", "unkept_facade"]


@pytest.mark.parametrize("class_key", EXPERIMENTAL)
def test_an_accepted_defect_of_an_experimental_class_opens_no_order(town: Town, class_key: str) -> None:
    defect = candidate(town, class_key)
    listed = town.get("inspector", "defects", state="candidate").json()["items"]
    assert [(one["id"], one["experimental"]) for one in listed] == [(defect.id, True)]
    for _ in range(2):
        reviewed = town.review(defect.id)
        assert (reviewed["defect"]["state"], reviewed["work_order"]) == ("confirmed", None)
    assert orders(town) == 0


def test_an_object_drawn_of_an_experimental_class_opens_no_order_either(town: Town) -> None:
    vehicle, _ = make_vehicle(town.session, town.municipality)
    frame = make_frame(town.session, make_survey(town.session, vehicle), state=FrameState.PROCESSED)
    town.session.commit()
    body: dict[str, Any] = {"class_key": "unkept_facade", "box_xyxy_px": [10, 10, 90, 90]}
    drawn = town.post("inspector", f"frames/{frame.id}/objects", **body).json()
    assert (drawn["defect"]["state"], drawn["work_order"]) == ("confirmed", None)


def test_where_the_class_is_enabled_accepting_opens_the_order(enabled_town: Town) -> None:
    sign, facade = candidate(enabled_town, "damaged_sign"), candidate(enabled_town, "unkept_facade")
    assert enabled_town.review(sign.id)["work_order"]["state"] == "open"
    assert enabled_town.review(facade.id)["work_order"] is None


def test_a_class_enabled_later_gets_its_order_when_it_is_accepted_again(
    town: Town, runtime: Runtime, session: Session
) -> None:
    defect = candidate(town, "damaged_sign")
    town.review(defect.id)
    settings = runtime.settings.model_copy(update={"experimental_work_orders": frozenset({"damaged_sign"})})
    with TestClient(create_app(Runtime(settings, runtime.database, runtime.store))) as client:
        town.client = client
        assert town.review(defect.id)["work_order"]["defect_id"] == defect.id


@pytest.mark.parametrize("told", ["pothole", "damaged_sign,unicorn"])
def test_only_experimental_classes_can_be_enabled(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("RASID_EXPERIMENTAL_WORK_ORDERS", told)
    with pytest.raises(ValidationError, match="expected some of damaged_sign, unkept_facade"):
        Settings()


def test_enabled_classes_are_named_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASID_EXPERIMENTAL_WORK_ORDERS", "damaged_sign, unkept_facade")
    assert Settings().experimental_work_orders == {"damaged_sign", "unkept_facade"}
    monkeypatch.delenv("RASID_EXPERIMENTAL_WORK_ORDERS")
    assert Settings().experimental_work_orders == frozenset()


@pytest.mark.parametrize("class_key", BY_PERSON_ALONE)
@pytest.mark.parametrize("actor", [SYSTEM, Actor("vehicle", 1)], ids=lambda actor: actor.kind)
def test_the_machine_neither_confirms_it_nor_opens_its_order(town: Town, class_key: str, actor: Actor) -> None:
    defect = candidate(town, class_key)
    for attempt in (
        lambda: move_defect(town.session, defect, DefectAction.ACCEPT, actor, NOW),
        lambda: open_work_order(town.session, defect, actor, NOW),
        lambda: reopen_after_sighting(town.session, defect, NOW, actor),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "defect.needs_person"
    assert defect.state is DefectState.CANDIDATE and orders(town) == 0


@pytest.mark.parametrize("class_key", BY_PERSON_ALONE)
def test_sightings_alone_never_confirm_it_however_many_and_however_sure(town: Town, class_key: str) -> None:
    defect = candidate(town, class_key)
    for day in range(1, 6):
        vehicle, _ = make_vehicle(town.session, town.municipality)
        frame = make_frame(town.session, make_survey(town.session, vehicle), captured_at=NOW + timedelta(days=day))
        see(town.session, [box(class_key, score=1.0)], frame)
    assert (defect.state, defect.sightings_count, orders(town)) == (DefectState.CANDIDATE, 6, 0)


def test_water_seen_again_after_its_repair_waits_for_a_person_and_reopens_nothing(town: Town) -> None:
    defect = candidate(town, "standing_water")
    order = town.review(defect.id)["work_order"]
    unit = town.session.get_one(WorkOrder, order["id"]).unit_id
    town.post("supervisor", f"work-orders/{order['id']}/assign", unit_id=unit)
    closed = town.session.get_one(WorkOrder, order["id"])
    town.session.refresh(defect)
    move_defect(town.session, defect, DefectAction.RESOLVE, Actor("user", 1), NOW)
    defect.resolved_at = NOW
    town.session.commit()

    vehicle, _ = make_vehicle(town.session, town.municipality)
    survey = make_survey(town.session, vehicle)
    old = see(town.session, [box("standing_water")], make_frame(town.session, survey, captured_at=NOW))
    assert (old.created, old.confirmed, old.reopened) == ((), (defect,), ())  # the street as it was
    later = [make_frame(town.session, survey, captured_at=NOW + REOPEN_AFTER * days) for days in (1, 2)]
    (again,) = see(town.session, [box("standing_water", score=0.99)], later[0]).created
    seen = see(town.session, [box("standing_water")], later[1])
    assert (seen.created, seen.confirmed, seen.reopened) == ((), (again,), ())
    assert (defect.state, again.state) == (DefectState.RESOLVED, DefectState.CANDIDATE)
    town.session.commit()
    assert orders(town) == 1 and closed.state.value == "assigned"
    assert town.review(again.id)["work_order"]["id"] != order["id"]


@pytest.mark.parametrize("class_key", BY_PERSON_ALONE)
def test_every_confirmation_on_record_names_the_person(enabled_town: Town, class_key: str) -> None:
    town = enabled_town
    town.review(candidate(town, class_key).id)
    told = select(Event).where(Event.to_state.in_(["confirmed", "open"]))
    events = town.session.scalars(told).all()
    assert events and {event.actor_kind for event in events} == {"user"}
    assert all(event.actor_id for event in events)
