"""A municipality with its default units, users of every role, and orders brought as far as a test needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality, User
from service.accounts.permissions import Role
from service.accounts.service import issue_token
from service.core.clock import utc_now
from service.defects.recording import SeenBox
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit
from tests.defects.sightings import box, make_defect
from tests.factories import (
    NOW,
    jpeg,
    make_frame,
    make_municipality,
    make_survey,
    make_user,
    make_vehicle,
)


@dataclass
class Town:
    """Sends requests as its users, at a time that the test sets."""

    client: TestClient
    session: Session
    municipality: Municipality
    headers: dict[str, dict[str, str]]
    now: datetime = NOW

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def get(self, who: str, path: str, **query: Any) -> Response:
        return self.client.get(f"/api/v1/{path}", headers=self.headers[who], params=query)

    def post(self, who: str, path: str, **body: Any) -> Response:
        return self.client.post(f"/api/v1/{path}", headers=self.headers[who], json=body)

    def put(self, who: str, path: str, **body: Any) -> Response:
        return self.client.put(f"/api/v1/{path}", headers=self.headers[who], json=body)

    def act(self, who: str, order_id: int, action: str, **body: Any) -> Response:
        return self.post(who, f"work-orders/{order_id}/{action}", **body)

    def done(
        self,
        order_id: int,
        photo: bytes | None = None,
        quantity: float | str = 2.5,
        who: str = "unit",
        **form: Any,
    ) -> Response:
        files = {"photo": ("proof.jpg", jpeg() if photo is None else photo, "image/jpeg")}
        path = f"/api/v1/work-orders/{order_id}/done"
        return self.client.post(path, headers=self.headers[who], files=files, data={"quantity": quantity} | form)

    def accept(self, seen: SeenBox | None = None) -> dict[str, Any]:
        """A new defect's order, open and routed to its unit."""
        vehicle, _ = make_vehicle(self.session, self.municipality)
        frame = make_frame(self.session, make_survey(self.session, vehicle), captured_at=self.now)
        defect = make_defect(self.session, seen or box(), frame)
        order: dict[str, Any] = self.review(defect.id)["work_order"]
        return order

    def review(self, defect_id: int, verdict: str = "accept") -> dict[str, Any]:
        answer = self.post("inspector", f"defects/{defect_id}/reviews", verdict=verdict)
        assert answer.status_code == 200, answer.text
        reviewed: dict[str, Any] = answer.json()
        return reviewed

    def bring(self, order_id: int, *steps: str) -> dict[str, Any]:
        """Takes the straight way: assign, start, done, pass, fail, hold, resume, cancel, reopen."""
        for step in steps:
            answer = self._step(order_id, step)
            assert answer.status_code == 200, f"{step}: {answer.text}"
        found: dict[str, Any] = self.get("supervisor", f"work-orders/{order_id}").json()
        return found

    def _step(self, order_id: int, step: str) -> Response:
        if step == "done":
            return self.done(order_id)
        if step in {"pass", "fail"}:
            return self.act("inspector", order_id, "inspection", passed=step == "pass", note="looked at it")
        if step == "start":
            return self.act("unit", order_id, "start")
        reason = {"reason": "told so"} if step in {"hold", "cancel", "reopen"} else {}
        return self.act("supervisor", order_id, step, **reason)


def make_town(client: TestClient, session: Session, key: str = "dammam") -> Town:
    municipality = make_municipality(session, key)
    create_default_operations(session, municipality)
    machine, cleaning = (unit_of(session, municipality, unit) for unit in ("pothole_machine", "cleaning"))
    users = {
        "inspector": make_user(session, Role.INSPECTOR, municipality),
        "supervisor": make_user(session, Role.SUPERVISOR, municipality),
        "unit": make_user(session, Role.UNIT, municipality, machine),
        "other_unit": make_user(session, Role.UNIT, municipality, cleaning),
    }
    headers = {who: bearer(session, user) for who, user in users.items()}
    _, headers["vehicle"] = make_vehicle(session, municipality)
    town = Town(client, session, municipality, headers)
    client.app.dependency_overrides[utc_now] = lambda: town.now  # type: ignore[attr-defined]
    return town


def bearer(session: Session, user: User) -> dict[str, str]:
    """A sign-in that outlasts every journey of the town's clock."""
    return {"Authorization": f"Bearer {issue_token(session, user, NOW + timedelta(days=3650))}"}


def unit_of(session: Session, municipality: Municipality, key: str) -> Unit:
    return session.scalars(select(Unit).filter_by(municipality_id=municipality.id, key=key)).one()
