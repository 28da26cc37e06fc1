"""A reviewer at the API, and frames that a model has looked at."""

from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.defects.models import Defect
from service.surveys.models import Frame, FrameState
from tests.defects.test_api import all_pages
from tests.factories import make_frame

MOVED = [12.5, 21.0, 111.0, 72.25]
DRAWN = [300.0, 200.0, 360.0, 240.0]


def processed(session: Session, **columns: Any) -> Frame:
    return make_frame(session, state=FrameState.PROCESSED, **columns)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


class Desk:
    """Sends what a reviewer sends."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/api/v1/{path}", headers=self.headers, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def review(self, defect: Defect, verdict: str, **more: Any) -> Response:
        body = {"verdict": verdict} | more
        return self.client.post(f"/api/v1/defects/{defect.id}/reviews", headers=self.headers, json=body)

    def draw(self, frame: Frame, class_key: str = "pothole", box_px: list[float] | None = None) -> Response:
        body = {"class_key": class_key, "box_xyxy_px": box_px or DRAWN}
        return self.client.post(f"/api/v1/frames/{frame.id}/objects", headers=self.headers, json=body)

    def check(self, frame: Frame, *class_keys: str) -> Response:
        body = {"class_keys": class_keys}
        return self.client.post(f"/api/v1/frames/{frame.id}/checks", headers=self.headers, json=body)

    def withdraw(self, frame: Frame, class_key: str) -> Response:
        return self.client.delete(f"/api/v1/frames/{frame.id}/checks/{class_key}", headers=self.headers)

    def checked(self, frame: Frame) -> list[str]:
        return [one["class_key"] for one in self.get(f"frames/{frame.id}/checks")["checks"]]

    def exported(self, **query: Any) -> list[dict[str, Any]]:
        return all_pages(self.client, self.headers, "/api/v1/reviews/export", **query)


def processed_now(session: Session) -> Frame:
    frame = processed(session)
    session.commit()
    return frame
