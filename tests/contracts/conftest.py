from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from tests.factories import DAMMAM, square
from tests.work_orders.orders import Town, make_town, unit_of


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    return make_town(client, session)


@pytest.fixture
def contract(town: Town) -> dict[str, Any]:
    return make_contract(town)


def company(town: Town) -> dict[str, Any]:
    return {
        "municipality_id": town.municipality.id, "registration": "2050012345", "vat_number": "310123456700003",
        "name_en": "Asphalt Works", "name_ar": "شركة أعمال الأسفلت",
    }  # fmt: skip


def body(town: Town, contractor_id: int, **changes: Any) -> dict[str, Any]:
    """Potholes of the pothole machine in 2026: 100.50 a square metre."""
    machine = unit_of(town.session, town.municipality, "pothole_machine")
    values = {
        "municipality_id": town.municipality.id, "contractor_id": contractor_id, "reference": "DMM-2026-17",
        "first_day": "2026-01-01", "last_day": "2026-12-31", "unit_ids": [machine.id], "warranty_days": 90,
        "prices": [{"class_key": "pothole", "unit_price": "100.50", "minimum_charge": "60", "first_day": "2026-01-01"}],
        "penalties": [
            {"kind": "breach", "amount": "500", "first_day": "2026-01-01"},
            {"kind": "late_hour", "amount": "10", "cap": "400", "first_day": "2026-01-01"},
            {"kind": "failed_repair", "percent": "20", "first_day": "2026-01-01"},
        ],
    }  # fmt: skip
    return values | changes


def make_contract(town: Town, **changes: Any) -> dict[str, Any]:
    contractor = town.post("supervisor", "contractors", **company(town))
    assert contractor.status_code == 201, contractor.text
    answer = town.post("supervisor", "contracts", **body(town, contractor.json()["id"], **changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def put_district(town: Town, key: str, side: float = 0.1) -> dict[str, Any]:
    """Around the place of the defects."""
    lat, lon = DAMMAM
    place = {"municipality_id": town.municipality.id, "key": key, "name_en": key, "name_ar": "حي"}
    answer = town.put("supervisor", "districts", **place, boundary=square(lon - side / 2, lat - side / 2, side))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
