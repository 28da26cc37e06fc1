from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.core.events import Event
from tests.contracts.conftest import body, company, make_contract, put_district
from tests.factories import make_user
from tests.work_orders.orders import Town, bearer, make_town, unit_of

READS = ("", "/charges", "/statements", "/statements/2026-03", "/statements/2026-03/pdf", "/statements/2026-03/xlsx",
         "/statements/2026-03/check")  # fmt: skip


def test_a_contract_is_made_once_however_often_it_is_sent(town: Town, contract: dict[str, Any]) -> None:
    again = town.post("supervisor", "contracts", **body(town, contract["contractor_id"]))
    assert (again.status_code, again.json()) == (201, contract)
    other = town.post("supervisor", "contracts", **body(town, contract["contractor_id"], vat_percent="5"))
    assert (other.status_code, other.json()["code"]) == (409, "contract.exists")
    assert town.post("supervisor", "contractors", **company(town)).json()["id"] == contract["contractor_id"]
    renamed = town.post("supervisor", "contractors", **(company(town) | {"name_en": "Other"}))
    assert renamed.json()["code"] == "contractor.exists"
    made = town.session.scalars(select(Event.action).where(Event.subject_kind == "contract")).all()
    assert sorted(made) == ["add_penalty"] * 3 + ["add_price", "create"]


def test_two_contracts_never_cover_the_same_work(town: Town, contract: dict[str, Any]) -> None:
    def answer(**changes: Any) -> Any:
        changed = {"reference": "DMM-2026-18", "prices": [], "penalties": []} | changes
        return town.post("supervisor", "contracts", **body(town, contract["contractor_id"], **changed))

    assert answer().json()["code"] == "contract.overlap"
    assert answer(class_keys=["garbage"]).json()["code"] == "contract.overlap"  # the first has every class
    north, south = (put_district(town, key)["id"] for key in ("north", "south"))
    next_year = answer(first_day="2027-01-01", last_day="2027-12-31", class_keys=["pothole"], district_ids=[north])
    assert next_year.status_code == 201
    beside = {"first_day": "2027-01-01", "last_day": "2027-12-31", "reference": "DMM-2026-19"}
    assert answer(**beside, class_keys=["pothole"], district_ids=[north, south]).json()["code"] == "contract.overlap"
    assert answer(**beside, class_keys=["pothole"], district_ids=[south]).status_code == 201


def test_a_new_price_ends_the_old_one_the_day_before_and_a_taken_day_is_refused(
    town: Town, contract: dict[str, Any]
) -> None:
    path = f"contracts/{contract['id']}/prices"
    dearer = {"class_key": "pothole", "unit_price": 120.5, "first_day": "2026-07-01"}
    first, second = town.post("supervisor", path, **dearer), town.post("supervisor", path, **dearer)
    assert first.status_code == 201 and first.json() == second.json()
    prices = town.get("supervisor", f"contracts/{contract['id']}").json()["prices"]
    assert [(one["unit_price"], one["first_day"], one["last_day"]) for one in prices] == [
        ("100.50", "2026-01-01", "2026-06-30"), ("120.50", "2026-07-01", None),
    ]  # fmt: skip
    taken = town.post("supervisor", path, **(dearer | {"first_day": "2026-06-01", "unit_price": "1"}))
    assert (taken.status_code, taken.json()["code"]) == (409, "contract.terms_overlap")


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_ids": []},
        {"last_day": "2025-12-31"},
        {"prices": [{"class_key": "pothole", "unit_price": "0.001", "first_day": "2026-01-01"}]},
        {"prices": [{"class_key": "pothole", "unit_price": "-1", "first_day": "2026-01-01"}]},
        {"prices": [{"class_key": "pothole", "unit_price": "NaN", "first_day": "2026-01-01"}]},
        {"penalties": [{"kind": "breach", "amount": "1", "percent": "1", "first_day": "2026-01-01"}]},
        {"penalties": [{"kind": "breach", "first_day": "2026-01-01"}]},
        {"class_keys": ["unknown"]},
        {"vat_percent": "101"},
        {"contractor_id": 999},
        {"unit_ids": [9999]},
    ],
)
def test_terms_that_say_nothing_sensible_are_refused(town: Town, changes: dict[str, Any]) -> None:
    contractor = town.post("supervisor", "contractors", **company(town)).json()
    answer = town.post("supervisor", "contracts", **(body(town, contractor["id"]) | changes))
    assert answer.status_code == 422, answer.text


def test_a_neighbour_finds_nothing(client: TestClient, session: Session, town: Town, contract: dict[str, Any]) -> None:
    order = town.accept()
    neighbour = make_town(client, session, "khobar")
    for path in READS:
        assert neighbour.get("supervisor", f"contracts/{contract['id']}{path}").status_code == 404, path
    assert neighbour.get("supervisor", f"work-orders/{order['id']}/cost").status_code == 404
    for listed in ("contracts", "contractors"):
        rows = neighbour.get("supervisor", listed, municipality_id=town.municipality.id)
        assert rows.json()["items"] == []
    writes: dict[str, dict[str, Any]] = {
        "contracts": body(town, contract["contractor_id"]),
        "contractors": company(town),
        f"contracts/{contract['id']}/prices": {"class_key": "pothole", "unit_price": 1, "first_day": "2026-01-01"},
        f"contracts/{contract['id']}/penalties": {"kind": "breach", "amount": 1, "first_day": "2026-01-01"},
        f"contracts/{contract['id']}/end": {"last_day": "2026-05-01", "reason": "x"},
        f"contracts/{contract['id']}/statements/2026-01/issue": {},
    }
    for path, sent in writes.items():
        assert neighbour.post("supervisor", path, **sent).status_code == 404, path
    names = {"name_en": "x", "name_ar": "x"}
    assert neighbour.put("supervisor", f"contractors/{contract['contractor_id']}", **names).status_code == 404
    foreign = body(neighbour, contract["contractor_id"])
    assert neighbour.post("supervisor", "contracts", **foreign).status_code == 422
    foreign = body(neighbour, contract["contractor_id"], unit_ids=contract["unit_ids"])
    assert neighbour.post("supervisor", "contracts", **foreign).status_code == 422


def test_a_units_user_sees_its_own_contractors_contracts_and_statements_alone(
    town: Town, contract: dict[str, Any]
) -> None:
    cleaning = unit_of(town.session, town.municipality, "cleaning")
    sweeper = company(town) | {"registration": "777", "name_en": "Sweepers"}
    other = town.post("supervisor", "contractors", **sweeper).json()
    theirs = town.post(
        "supervisor", "contracts", **body(town, other["id"], reference="DMM-CLEAN", unit_ids=[cleaning.id])
    ).json()
    assert [row["id"] for row in town.get("unit", "contracts").json()["items"]] == [contract["id"]]
    assert [row["id"] for row in town.get("other_unit", "contracts").json()["items"]] == [theirs["id"]]
    assert [row["id"] for row in town.get("unit", "contractors").json()["items"]] == [contract["contractor_id"]]
    for path in READS[:-1]:
        assert town.get("unit", f"contracts/{contract['id']}{path}").status_code == 200, path
    for path in READS:
        assert town.get("unit", f"contracts/{theirs['id']}{path}").status_code == 404, path
    order = town.accept()
    costs = {
        who: town.get(who, f"work-orders/{order['id']}/cost").json()["considered"] for who in ("supervisor", "unit")
    }
    assert [one["reference"] for one in costs["supervisor"]] == ["DMM-2026-17", "DMM-CLEAN"]
    assert [one["reference"] for one in costs["unit"]] == ["DMM-2026-17"]
    issued = town.post("unit", f"contracts/{contract['id']}/statements/2026-01/issue")
    assert (issued.status_code, issued.json()["code"]) == (403, "auth.permission")
    assert town.post("unit", "contractors", **company(town)).status_code == 403


def test_a_unit_without_a_contract_sees_none(town: Town) -> None:
    walls = unit_of(town.session, town.municipality, "walls")
    town.headers["walls"] = bearer(town.session, make_user(town.session, Role.UNIT, town.municipality, walls))
    town.session.commit()
    make_contract(town)
    assert town.get("walls", "contracts").json()["items"] == []
    assert town.get("walls", "contractors").json()["items"] == []


@pytest.mark.parametrize("who", ["inspector", "vehicle"])
def test_who_may_not_see_contracts_is_refused(town: Town, contract: dict[str, Any], who: str) -> None:
    for path in ("contracts", "contractors", *(f"contracts/{contract['id']}{one}" for one in READS)):
        assert town.get(who, path).status_code == 403, path
