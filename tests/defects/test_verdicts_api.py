"""What comes of the verdicts, over HTTP: the export of judged frames, and precision by class and model."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.defects.models import Review
from tests.defects.desk import DRAWN, MOVED, Desk, processed
from tests.defects.sightings import box, make_defect, see
from tests.factories import make_survey


def test_the_export_tells_of_every_judged_frame_once_with_all_of_its_boxes(desk: Desk, session: Session) -> None:
    survey = make_survey(session)
    frames = [processed(session, survey=survey) for _ in range(4)]
    seen = [box("pothole", score=0.9), box("garbage", east_m=60), box("graffiti", east_m=120), box("sand_rubble", 300)]
    hole, litter, writing, _heap = see(session, seen, frames[0]).created
    see(session, [box("pothole", score=0.5)], frames[1])  # joins the hole, nobody looked at it there
    see(session, [box("bad_billboard", east_m=600)], frames[3])  # nobody judged anything here
    session.commit()
    desk.review(hole, "move", detection_id=hole.best_detection_id, box_xyxy_px=MOVED)
    desk.review(hole, "accept")
    desk.review(litter, "reject")
    desk.review(writing, "reclassify", class_key="bad_billboard")
    desk.review(writing, "accept")
    drawn = desk.draw(frames[2], "damaged_sign").json()["detection"]
    desk.check(frames[1], "pothole")

    exported = desk.exported(limit=1)
    assert [one["frame_id"] for one in exported] == [frame.id for frame in frames[:3]]
    first, second, third = exported
    assert (first["survey_id"], first["sha256"], first["width"]) == (survey.id, frames[0].sha256, 640)
    told = {
        one["model_class_key"]: (one["class_key"], one["verdict"], one["looked_at"], one["moved"])
        for one in first["boxes"]
    }
    assert told == {
        "pothole": ("pothole", "accepted", True, True),
        "garbage": ("garbage", "rejected", True, False),
        "graffiti": ("bad_billboard", "reclassified", True, False),
        "sand_rubble": ("sand_rubble", "undecided", False, False),
    }
    assert (first["boxes"][0]["box_xyxy_px"], first["boxes"][0]["model_box_xyxy_px"]) == (MOVED, [10, 20, 110, 70])
    assert first["boxes"][0]["model_version"] == "1" and first["checked_classes"] == []
    (joined,) = second["boxes"]
    assert (joined["verdict"], joined["looked_at"], second["checked_classes"]) == ("accepted", False, ["pothole"])
    (added,) = third["boxes"]
    assert (added["verdict"], added["box_xyxy_px"], added["score"]) == ("added", drawn["box_xyxy_px"], None)


def test_the_export_since_a_time_leaves_out_what_was_said_before(desk: Desk, session: Session) -> None:
    old, new = processed(session), processed(session)
    defect = make_defect(session, box(), old)
    desk.review(defect, "accept")
    said = session.scalars(select(Review)).one()
    said.created_at -= timedelta(days=2)
    since = (said.created_at + timedelta(days=1)).isoformat()
    session.commit()
    desk.check(new, "garbage")
    assert [one["frame_id"] for one in desk.exported(since=since)] == [new.id]
    assert [one["frame_id"] for one in desk.exported()] == [old.id, new.id]
    answer = desk.client.get("/api/v1/reviews/export", headers=desk.headers, params={"since": "2026-01-01T00:00:00"})
    assert answer.status_code == 422  # a time without a zone says nothing


def test_precision_counts_the_boxes_that_people_looked_at_by_class_and_model(desk: Desk, session: Session) -> None:
    frames = [processed(session) for _ in range(3)]
    scores = [0.95, 0.85, 0.31, 0.35]
    holes = see(session, [box(score=score, east_m=60 * n) for n, score in enumerate(scores)], frames[0]).created
    see(session, [box(score=0.6)], frames[1])  # one more sighting of the first hole: nobody looked at it
    session.commit()
    desk.review(holes[0], "accept")
    desk.review(holes[1], "merge", merged_into_id=holes[0].id)
    desk.review(holes[2], "reject")
    desk.review(holes[3], "reclassify", class_key="road_crack")
    desk.review(holes[3], "accept")
    desk.draw(frames[2], box_px=DRAWN)
    (found,) = desk.get("reviews/precision")
    assert (found["class_key"], found["model_name"], found["model_version"]) == ("pothole", "tiny", "1")
    assert (found["judged"], found["accepted"], found["rejected"], found["reclassified"]) == (4, 2, 1, 1)
    assert found["precision"] == 0.5 and found["low"] == pytest.approx(0.15, abs=1e-3) and found["high"] < 0.86
    assert [(band["score_from"], band["judged"], band["accepted"]) for band in found["bands"]] == [
        (0.3, 2, 0),
        (0.8, 1, 1),
        (0.9, 1, 1),
    ]
    assert desk.get("reviews/precision", class_key="garbage") == []
    assert desk.get("reviews/precision", model_version="2") == []
    assert desk.get("reviews/precision", until="2020-01-01T00:00:00Z") == []
    assert desk.get("reviews/precision", since="2020-01-01T00:00:00Z") == [found]


def test_precision_is_a_metric_read_from_the_database(desk: Desk, session: Session) -> None:
    good, bad = make_defect(session, box()), make_defect(session, box(east_m=50))
    desk.review(good, "accept")
    desk.review(bad, "reject")
    said = desk.client.get("/metrics").text
    labels = 'class_key="pothole",model_name="tiny",model_version="1"'
    assert f"rasid_recent_precision_ratio{{{labels}}} 0.5" in said
    assert (
        'rasid_recent_verdicts{class_key="pothole",model_name="tiny",model_version="1",outcome="rejected"} 1.0' in said
    )
