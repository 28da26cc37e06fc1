"""What a municipality demands of a repair is demanded of the unit, the agency and the command line alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from service.accounts.models import User
from service.accounts.permissions import Role
from service.core.commands import refuse
from service.core.errors import RasidError
from service.core.events import Event
from service.core.runtime import Runtime
from service.defects.models import Defect
from service.work_orders import proof_rules_cli
from tests.factories import jpeg, make_user
from tests.work_orders.orders import Town, bearer, make_town
from tests.work_orders.test_handing import answer, photo, refer


def demand(town: Town, *demands: str, who: str = "supervisor", **scope: Any) -> Any:
    told = {"municipality_id": town.municipality.id} | scope
    return town.put(who, "proof-rules", **told, demands=list(demands))


def unseen(town: Town, *steps: str) -> int:
    """An order for what no frame shows, as a citizen reports it."""
    order_id: int = town.accept()["id"]
    town.bring(order_id, *steps)
    town.session.execute(Defect.__table__.update().values(best_detection_id=None))  # type: ignore[attr-defined]
    town.session.commit()
    return order_id


def test_without_a_rule_nothing_is_demanded_and_what_is_missing_is_a_doubt(town: Town) -> None:
    order_id = unseen(town, "assign", "start")
    asked = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    assert town.get("unit", "proof/explain", **asked).json()["demands"] == []
    assert town.done(order_id).json()["state"] == "done"
    assert town.get("unit", f"work-orders/{order_id}").json()["doubts"] == ["no_picture_before"]


def test_a_report_without_the_photo_before_that_is_demanded_is_refused_and_says_how_to_give_it(town: Town) -> None:
    order_id = unseen(town, "assign", "start")
    rule = demand(town, "photo_before", "photo_after", "quantity").json()
    mended, hole = jpeg(), jpeg()
    refused = town.done(order_id, mended)
    assert (refused.status_code, refused.json()["code"]) == (422, "proof.missing")
    assert (refused.json()["missing"], refused.json()["rule_id"]) == (["photo_before"], rule["id"])
    assert f"POST /api/v1/work-orders/{order_id}/photos with kind=before" in refused.json()["detail"]
    order = town.get("unit", f"work-orders/{order_id}").json()
    assert (order["state"], order["proofs"], order["proof"]["given"]) == ("in_progress", [], [])
    assert photo(town, order_id, hole, "before").status_code == 200
    for _ in range(2):
        assert town.done(order_id, mended).json()["state"] == "done"
    order = town.get("unit", f"work-orders/{order_id}").json()
    assert order["proof"] == {
        "rule_id": rule["id"], "demanded": ["photo_after", "photo_before", "quantity"],
        "given": ["photo_after", "photo_before", "quantity"],
    }  # fmt: skip
    assert order["doubts"] == []


def test_the_photo_of_the_repair_is_not_the_one_before_it(town: Town) -> None:
    order_id = unseen(town, "assign", "start")
    demand(town, "photo_before")
    same = jpeg()
    photo(town, order_id, same, "before")
    assert town.done(order_id, same).json()["missing"] == ["photo_before"]
    assert town.done(order_id).json()["state"] == "done"


def test_a_frame_that_shows_the_defect_is_a_photo_before(town: Town) -> None:
    demand(town, "photo_before")
    order_id = town.accept()["id"]
    assert town.bring(order_id, "assign", "start", "done")["state"] == "done"


def test_a_report_sent_again_stays_done_when_more_is_demanded_since(town: Town) -> None:
    order_id, mended = unseen(town, "assign", "start"), jpeg()
    first = town.done(order_id, mended).json()
    demand(town, "photo_before")
    assert town.done(order_id, mended).json() == first


def test_an_order_in_another_state_is_told_so_before_what_it_lacks(town: Town) -> None:
    order_id = unseen(town, "assign")
    demand(town, "photo_before")
    assert town.done(order_id).json()["code"] == "work_order.state"


def test_what_an_agency_says_is_done_is_refused_without_the_photo_and_quantity_demanded(town: Town) -> None:
    demand(town, "photo_after", "quantity", class_key="pothole")
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start", "done", "fail")
    referral_id = refer(town, order_id).json()["id"]
    refused = answer(town, order_id, referral_id, "done").json()
    assert (refused["code"], refused["missing"]) == ("proof.missing", ["photo_after", "quantity"])
    assert town.get("supervisor", f"work-orders/{order_id}").json()["state"] == "referred"
    refused = answer(town, order_id, referral_id, "done", quantity=2.5).json()
    assert refused["missing"] == ["photo_after"], "the photo of the repair that failed is none of this one"
    assert photo(town, order_id, jpeg(), "after", "supervisor").status_code == 200
    for _ in range(2):
        assert answer(town, order_id, referral_id, "done", quantity=2.5).json()["outcome"] == "done"
    assert town.get("supervisor", f"work-orders/{order_id}").json()["doubts"] == []


def test_an_agency_may_send_work_back_whatever_is_demanded_of_repairs(town: Town) -> None:
    demand(town, "photo_after", "quantity")
    order_id = town.accept()["id"]
    referral_id = refer(town, order_id).json()["id"]
    assert answer(town, order_id, referral_id, "declined").json()["outcome"] == "declined"


def test_after_a_failed_repair_an_agency_s_word_without_a_photo_of_its_own_leaves_a_doubt(town: Town) -> None:
    order_id = town.accept()["id"]
    town.bring(order_id, "assign", "start", "done", "fail")
    referral_id = refer(town, order_id).json()["id"]
    answer(town, order_id, referral_id, "done", quantity=2.5)
    assert town.get("supervisor", f"work-orders/{order_id}").json()["doubts"] == ["no_picture_after"]


def test_the_own_rule_of_a_class_decides_before_that_of_all_classes_and_the_shared_one(town: Town) -> None:
    town.headers["admin"] = bearer(town.session, make_user(town.session, Role.ADMIN))
    town.session.commit()
    shared = demand(town, "quantity", who="admin", municipality_id=None).json()["id"]
    of_all = demand(town, "photo_before").json()["id"]
    of_potholes = demand(town, class_key="pothole").json()["id"]
    asked = {"municipality_id": town.municipality.id, "class_key": "pothole"}
    told = town.get("unit", "proof/explain", **asked).json()
    assert (told["rule_id"], told["demands"]) == (of_potholes, [])
    assert [one["rule_id"] for one in told["considered"]] == [of_potholes, of_all, shared, None]
    assert town.get("unit", "proof/explain", **asked | {"class_key": "garbage"}).json()["rule_id"] == of_all
    listed = town.get("unit", "proof-rules", municipality_id=town.municipality.id).json()["items"]
    assert [one["id"] for one in listed] == [shared, of_all, of_potholes]


def test_a_rule_is_set_and_deleted_once_however_often_it_is_asked_for(town: Town) -> None:
    for _ in range(2):
        rule = demand(town, "quantity", "photo_after", "quantity").json()
    assert rule["demands"] == ["photo_after", "quantity"]
    demand(town, "quantity")
    for _ in range(2):
        gone = town.client.delete(f"/api/v1/proof-rules/{rule['id']}", headers=town.headers["supervisor"])
        assert gone.status_code == 204
    events = town.session.scalars(select(Event).where(Event.subject_kind == "proof_rule").order_by(Event.id)).all()
    assert [one.action for one in events] == ["set", "set", "delete"]
    assert (events[1].data["before"], events[1].data["demands"]) == (["photo_after", "quantity"], ["quantity"])


def test_rules_are_set_by_who_manages_the_orders_of_their_own_municipality(town: Town) -> None:
    rule = demand(town, "quantity").json()
    assert demand(town, "quantity", who="unit").status_code == 403
    assert demand(town, "quantity", municipality_id=None).json()["code"] == "proof_rule.shared"
    assert demand(town, "a_drawing").status_code == 422
    neighbour = make_town(town.client, town.session, "khobar")
    assert neighbour.get("supervisor", "proof-rules").json()["items"] == []
    theirs = town.client.delete(f"/api/v1/proof-rules/{rule['id']}", headers=neighbour.headers["supervisor"])
    assert theirs.status_code == 404
    assert demand(neighbour, "quantity", municipality_id=town.municipality.id).status_code == 404


@pytest.fixture
def run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands over the test's database."""

    @contextmanager
    def opened(data_dir: Path | None) -> Iterator[Runtime]:
        try:
            yield runtime
        except RasidError as error:
            refuse(error.detail)

    @contextmanager
    def in_transaction(data_dir: Path | None) -> Iterator[tuple[Any, Runtime]]:
        with opened(data_dir) as own, own.database.transaction() as session:
            yield session, own

    monkeypatch.setattr(proof_rules_cli, "opened", opened)
    monkeypatch.setattr(proof_rules_cli, "in_transaction", in_transaction)

    def invoke(*words: object) -> Result:
        return CliRunner().invoke(proof_rules_cli.proof, [str(word) for word in words])

    return invoke


def test_the_commands_set_what_is_demanded_and_refuse_a_report_without_it(town: Town, run: Any, tmp_path: Path) -> None:
    order_id = unseen(town, "assign", "start")
    told = run("set", "--municipality", "dammam", "--class", "pothole", "--demand", "photo_before")
    assert told.exit_code == 0 and "photo_before" in told.output
    assert "photo_before" in run("rules", "--municipality", "dammam").output
    assert "demanded: photo_before" in run("explain", "--municipality", "dammam", "--class", "pothole").output
    hole, mended = tmp_path / "hole.jpg", tmp_path / "mended.jpg"
    hole.write_bytes(jpeg()), mended.write_bytes(jpeg())
    foreman = town.session.scalars(select(User.email).where(User.role == Role.UNIT).order_by(User.id)).first()
    report = ("report", order_id, mended, "--quantity", 2.5, "--by", foreman)
    refused = run(*report)
    assert refused.exit_code == 2 and f"rasid proof photo {order_id} FILE --kind before" in refused.output
    assert run("photo", order_id, hole, "--kind", "before", "--by", foreman).exit_code == 0
    for _ in range(2):
        assert f"work order {order_id}: done, 2.5 m2" in run(*report).output
    rule_id = town.get("unit", "proof-rules").json()["items"][0]["id"]
    assert run("drop", rule_id).exit_code == 0
    assert "demanded: nothing" in run("explain", "--municipality", "dammam", "--class", "pothole").output
    assert run("set", "--municipality", "dammam", "--demand", "a_drawing").exit_code == 2
