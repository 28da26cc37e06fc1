from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.accounts.service import issue_token
from service.core.clock import utc_now
from tests.control.lives import NOW, Street
from tests.factories import make_user
from tests.work_orders.orders import Town, make_town


class Desk:
    """Asks as users of Dammam, at the street's time."""

    def __init__(self, client: TestClient, session: Session, street: Street) -> None:
        self.client, self.session, self.street = client, session, street
        client.app.dependency_overrides[utc_now] = lambda: street.now  # type: ignore[attr-defined]
        self.headers = {role.value: self.sign_in(role) for role in (Role.SUPERVISOR, Role.INSPECTOR, Role.UNIT)}
        self.headers["admin"] = self.sign_in(Role.ADMIN)

    def sign_in(self, role: Role, street: Street | None = None) -> dict[str, str]:
        user = make_user(self.session, role, (street or self.street).municipality)
        secret = issue_token(self.session, user, NOW.replace(year=2040))
        self.session.commit()
        return {"Authorization": f"Bearer {secret}"}

    def get(self, path: str, who: str = "supervisor", **query: Any) -> Any:
        answer = self.client.get(f"/api/v1/{path}", headers=self.headers[who], params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def follow(self, url: str, **query: Any) -> list[dict[str, Any]]:
        """Every row behind a figure, page by page."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.client.get(url, headers=self.headers["supervisor"], params=page_of(url, query, after))
            assert page.status_code == 200, page.text
            found += page.json()["items"]
            after = page.json()["next"]
            if after is None:
                return found

    def status(self, method: str, path: str, who: str = "supervisor", **body: Any) -> tuple[int, str | None]:
        answer = self.client.request(
            method, f"/api/v1/{path}", headers=self.headers[who], json=body if method != "GET" else None
        )
        told = answer.json()
        return answer.status_code, told.get("code") if isinstance(told, dict) else None


def page_of(url: str, query: dict[str, Any], after: str | None) -> list[tuple[str, Any]]:
    from urllib.parse import parse_qsl, urlsplit

    more = {**query, "limit": 2, **({"after": after} if after else {})}
    return [*parse_qsl(urlsplit(url).query), *more.items()]


@pytest.fixture
def street(session: Session) -> Iterator[Street]:
    yield Street(session)


@pytest.fixture
def desk(client: TestClient, session: Session, street: Street) -> Desk:
    return Desk(client, session, street)


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    return make_town(client, session)
