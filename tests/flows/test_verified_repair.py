"""A vehicle's frame becomes an order that later passes of vehicles close, by what they no longer see."""

from dataclasses import replace
from math import atan, radians, tan
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import pipeline
from service.core.runtime import Runtime
from service.surveys.models import Survey
from tests.factories import CAMERA, DAMMAM, jpeg, send_frame
from tests.models import blob_image
from tests.work_orders.orders import Town, make_town

METRE = 1 / 110_800  # of latitude, in degrees
AHEAD_M = (6.2, 5.2, 4.2, 3.2)  # of the hole, frame by frame
PASSES = 6  # in vain, of a model whose recall nobody measured, until a repair counts as verified
FOCAL_PX = 320 / tan(radians(CAMERA["hfov_deg"] / 2))  # of frames of 640 x 480


def hole_at(ahead_m: float) -> tuple[int, int, int, int]:
    """Where a hole half a metre wide shows, so far ahead of the vehicle's camera and 1.9 m to its right."""
    below_rad = atan(CAMERA["height_m"] / ahead_m) - radians(CAMERA["pitch_deg"])
    bottom, side = 240 + FOCAL_PX * tan(below_rad), FOCAL_PX * 0.5 / ahead_m
    middle = 320 + FOCAL_PX * 1.9 / ahead_m
    return round(middle - side / 2), round(bottom - side / 2), round(middle + side / 2), round(bottom)


class Road:
    """One street of a town, driven along by its vehicle; everything it knows came in as a frame."""

    def __init__(self, town: Town, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.town, self.runtime, self.sent = town, runtime, 0
        monkeypatch.setattr(pipeline, "utc_now", lambda: town.now)

    def drive(self, *, hole: bool) -> None:
        """Four frames, a metre after the other, at the same spots each time."""
        for ahead_m in AHEAD_M:
            self.town.later(seconds=1)
            lat = DAMMAM[0] - ahead_m * METRE
            pixels = blob_image({"pothole": [hole_at(ahead_m)]} if hole else {})
            self.sent += 1
            for bit in range(8):  # no two frames are the same file
                pixels[:8, 8 * bit : 8 * bit + 8] = 255 * (self.sent >> bit & 1)
            sent = send_frame(
                self.town.client, self.town.headers["vehicle"], jpeg(pixels), lat=lat,
                captured_at=self.town.now.isoformat(),
            )  # fmt: skip
            assert sent.status_code == 201, sent.text
        self.town.later(minutes=5)
        for survey_id in self.town.session.scalars(select(Survey.id)).all():
            pipeline.process_survey(self.runtime, survey_id)
        self.town.session.rollback()  # the test's session looks again

    def pass_in_vain(self, times: int) -> None:
        for _ in range(times):
            self.town.later(days=10)
            self.drive(hole=False)

    def order(self) -> dict[str, Any]:
        (one,) = self.town.get("supervisor", "work-orders").json()["items"]
        found: dict[str, Any] = self.town.get("supervisor", f"work-orders/{one['id']}").json()
        return found

    def repair_what_was_seen(self) -> int:
        """Three passes see the hole, an inspector accepts it, the machine's crew mends it."""
        for _ in range(3):
            self.drive(hole=True)
            self.town.later(days=5)
        (defect,) = self.town.get("inspector", "defects").json()["items"]
        assert (defect["class_key"], defect["sightings_count"]) == ("pothole", 12)
        order = self.town.review(defect["id"])["work_order"]
        self.town.bring(order["id"], "assign", "start")
        assert self.town.done(order["id"], quantity=order["quantity_estimated"]).status_code == 200
        return int(order["id"])


@pytest.fixture
def town(client: TestClient, session: Session) -> Town:
    made = make_town(client, session)
    session.commit()
    return made


def test_passes_that_no_longer_see_the_hole_close_its_order(
    town: Town, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = runtime.settings.model_copy(update={"close_verified_repairs": True})
    road = Road(town, replace(runtime, settings=closing), monkeypatch)
    order_id = road.repair_what_was_seen()
    road.pass_in_vain(1)
    assert road.order()["state"] == "done"  # one pass is not enough
    road.pass_in_vain(PASSES - 1)
    closed = road.order()
    assert (closed["id"], closed["state"]) == (order_id, "closed")
    assert closed["events"][-1]["action"] == "pass" and closed["events"][-1]["data"] == {"by": "pass"}
    (defect,) = town.get("inspector", "defects").json()["items"]
    assert (defect["state"], defect["absence"]) == ("resolved", "fixed")
    town.later(days=10)
    road.drive(hole=True)  # the repair did not last
    assert road.order()["state"] == "open"


def test_where_a_person_decides_the_passes_propose_and_the_persons_word_closes(
    town: Town, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = Road(town, runtime, monkeypatch)
    order_id = road.repair_what_was_seen()
    road.pass_in_vain(PASSES)
    (item,) = town.get("inspector", "absences").json()["items"]
    assert (item["kind"], item["work_order_id"], road.order()["state"]) == ("fixed", order_id, "done")
    assert [one["sightings"] for one in item["passes"]] == [4, 4, 4, *[0] * PASSES]
    said = town.post("inspector", f"defects/{item['defect']['id']}/absence", decision="confirm")
    assert said.status_code == 200, said.text
    assert road.order()["state"] == "closed" and road.order()["events"][-1]["data"]["by"] == "pass"


def test_a_hole_that_is_still_seen_after_its_repair_closes_nothing(
    town: Town, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = runtime.settings.model_copy(update={"close_verified_repairs": True})
    road = Road(town, replace(runtime, settings=closing), monkeypatch)
    road.repair_what_was_seen()
    for _ in range(PASSES):
        town.later(days=10)
        road.drive(hole=True)
    assert road.order()["state"] != "closed"
    assert town.get("inspector", "absences").json()["items"] == []
