"""The learning loop: what a model saw and people said of it comes out as the pictures the next model learns from."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.records import LabelledBox
from datasets.reviews import read_reviews
from datasets.reviews_download import Choice, Fetched, ServiceFailed, fetch_reviews
from service import pipeline
from service.accounts.permissions import Role
from service.core.runtime import Runtime
from service.surveys.models import Survey
from tests.factories import jpeg, make_user, make_vehicle, send_frame, sign_in
from tests.models import blob_image

SEEN = {"pothole": [(280, 330, 344, 394)], "garbage": [(80, 360, 144, 424)], "graffiti": [(480, 300, 544, 364)]}
MOVED = [288.0, 324.0, 352.0, 396.0]
DRAWN = [400.0, 400.0, 448.0, 432.0]


class Loop:
    """A street as a vehicle and a supervisor live it, over HTTP."""

    def __init__(self, client: TestClient, session: Session, runtime: Runtime) -> None:
        self.client, self.session, self.runtime = client, session, runtime
        _, self.vehicle = make_vehicle(session)
        self.supervisor = sign_in(session, make_user(session, Role.SUPERVISOR))

    def drive(self, *images: bytes, survey: str = "morning") -> list[dict[str, Any]]:
        frames = [send_frame(self.client, self.vehicle, data, survey=survey).json() for data in images]
        for survey_id in self.session.scalars(select(Survey.id)).all():
            pipeline.process_survey(self.runtime, survey_id)
        self.session.rollback()
        return frames

    def detections(self, frame: dict[str, Any]) -> dict[str, dict[str, Any]]:
        answer = self.client.get(f"/api/v1/frames/{frame['id']}/detections", headers=self.supervisor)
        return {one["class_key"]: one for one in answer.json()}

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.client.post(f"/api/v1/{path}", headers=self.supervisor, json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def review(self, seen: dict[str, Any], verdict: str, **more: Any) -> None:
        self.post(f"defects/{seen['defect_id']}/reviews", verdict=verdict, detection_id=seen["id"], **more)

    def fetch(self, folder: Path, **choice: Any) -> Fetched:
        self.client.headers.update(self.supervisor)
        return fetch_reviews(self.client, folder, Choice(**choice))


@pytest.fixture
def loop(client: TestClient, session: Session, runtime: Runtime) -> Loop:
    return Loop(client, session, runtime)


def judged_street(loop: Loop) -> dict[str, Any]:
    """A frame with a moved hole, rejected litter, writing that is a billboard, and a hole that the model missed."""
    (frame,) = loop.drive(jpeg(blob_image(SEEN)))
    seen = loop.detections(frame)
    assert set(seen) == set(SEEN)
    loop.review(seen["pothole"], "move", box_xyxy_px=MOVED)
    loop.review(seen["pothole"], "accept")
    loop.review(seen["garbage"], "reject")
    loop.review(seen["graffiti"], "reclassify", class_key="bad_billboard")
    loop.review(seen["graffiti"], "accept")
    loop.post(f"frames/{frame['id']}/objects", class_key="pothole", box_xyxy_px=DRAWN)
    loop.post(f"frames/{frame['id']}/checks", class_keys=["pothole", "garbage", "bad_billboard"])
    return frame


def test_verdicts_come_back_as_exactly_the_pictures_boxes_and_classes_that_people_gave(
    loop: Loop, tmp_path: Path
) -> None:
    frame = judged_street(loop)
    board = loop.detections(frame)["graffiti"]["box_xyxy_px"]
    fetched = loop.fetch(tmp_path / "out")
    (image,) = read_reviews(tmp_path / "out")
    assert [image] == fetched.images and fetched.left_out == []
    assert image.labelled_classes == {"pothole", "garbage", "bad_billboard"}
    expected = [("pothole", MOVED), ("bad_billboard", board), ("pothole", DRAWN)]
    assert sorted(image.boxes, key=str) == sorted((_fraction(key, px) for key, px in expected), key=str)
    assert image.image_path.read_bytes() == loop.client.get(f"/api/v1/frames/{frame['id']}/image").content
    assert (image.source, image.group) == ("reviews", f"survey{frame['survey_id']}")
    rejected = (tmp_path / "out" / "rejected.csv").read_text().splitlines()
    assert len(rejected) == 2 and ",garbage," in rejected[1]


def test_a_second_fetch_takes_new_verdicts_and_fetches_no_picture_again(loop: Loop, tmp_path: Path) -> None:
    frame = judged_street(loop)
    first = loop.fetch(tmp_path / "out")
    written = first.images[0].image_path.stat().st_mtime_ns
    loop.post(f"frames/{frame['id']}/checks", class_keys=["graffiti"])
    second = loop.fetch(tmp_path / "out")
    assert (first.kept, second.kept) == (0, 1)
    assert second.images[0].image_path.stat().st_mtime_ns == written
    (image,) = read_reviews(tmp_path / "out")
    assert "graffiti" in image.labelled_classes and "graffiti" not in first.images[0].labelled_classes


def test_a_fetch_that_broke_off_goes_on_and_mends_half_a_picture(loop: Loop, tmp_path: Path) -> None:
    judged_street(loop)
    (image,) = loop.fetch(tmp_path / "out").images
    whole = image.image_path.read_bytes()
    image.image_path.write_bytes(whole[:500])
    (tmp_path / "out" / "groups.csv").unlink()
    fetched = loop.fetch(tmp_path / "out")
    assert (fetched.kept, image.image_path.read_bytes()) == (0, whole)
    assert read_reviews(tmp_path / "out") == [image]


def test_frames_that_cannot_be_used_are_named_with_their_reason(loop: Loop, tmp_path: Path) -> None:
    kept = judged_street(loop)
    lost, unchecked = loop.drive(jpeg(), jpeg(blob_image({"standing_water": [(280, 330, 344, 394)]})), survey="noon")
    loop.post(f"frames/{lost['id']}/checks", class_keys=["pothole"])
    loop.review(loop.detections(unchecked)["standing_water"], "accept")
    (loop.runtime.settings.data_dir / "files" / "frames" / lost["sha256"][:2] / lost["sha256"]).unlink()
    fetched = loop.fetch(tmp_path / "out")
    assert [(one.frame_id, one.code) for one in fetched.left_out] == [
        (lost["id"], "image.missing"),
        (unchecked["id"], "frame.nothing_labelled"),
    ]
    assert [image.image_path.stem.split("_")[0] for image in fetched.images] == [str(kept["id"])]
    rows = (tmp_path / "out" / "left_out.csv").read_text().splitlines()
    assert rows[0] == "frame_id,code,detail" and len(rows) == 3
    counted = loop.fetch(tmp_path / "weaker", verdicts_count=True)
    water = next(image for image in counted.images if image.image_path.stem.startswith(f"{unchecked['id']}_"))
    assert water.labelled_classes == {"standing_water"} and len(water.boxes) == 1


def test_a_refused_or_silent_service_is_told_in_words(loop: Loop, tmp_path: Path) -> None:
    loop.client.headers.update(loop.vehicle)
    with pytest.raises(ServiceFailed, match="export_reviews"):
        fetch_reviews(loop.client, tmp_path, Choice())
    with (
        httpx2.Client(base_url="http://127.0.0.1:9") as nobody,
        pytest.raises(ServiceFailed, match="run it again"),
    ):
        fetch_reviews(nobody, tmp_path, Choice())


def _fraction(class_key: str, box_px: list[float]) -> LabelledBox:
    x0, y0, x1, y1 = box_px
    return LabelledBox(class_key, (round(x0 / 640, 6), round(y0 / 480, 6), round(x1 / 640, 6), round(y1 / 480, 6)))
