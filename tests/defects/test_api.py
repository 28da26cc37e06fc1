import csv
from io import StringIO
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from datasets.taxonomy import KEYS
from service.accounts.permissions import Role
from service.defects.sheets import COLUMNS
from tests.defects.sightings import box, make_defect, see
from tests.factories import make_frame, make_municipality, make_survey, make_user, make_vehicle, sign_in


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    return sign_in(session, make_user(session))


def all_pages(client: TestClient, headers: dict[str, str], path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while True:
        answer = client.get(path, headers=headers, params=query | after)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        after = {"after": page["next"]}


def test_the_queue_gives_every_candidate_once_over_its_pages(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    scores = [0.5, 0.9, 0.5, 0.7, 0.5]
    ids = [make_defect(session, box(east_m=40 * n, score=score)).id for n, score in enumerate(scores)]
    oldest = all_pages(client, headers, "/api/v1/defects", state="candidate", limit=2)
    assert [item["id"] for item in oldest] == ids
    best = all_pages(client, headers, "/api/v1/defects", state="candidate", order="score", limit=2)
    assert [item["score"] for item in best] == sorted(scores, reverse=True)
    assert sorted(item["id"] for item in best) == ids


def test_defects_are_filtered_by_class_state_and_municipality(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    hole, heap = make_defect(session, box("pothole")), make_defect(session, box("garbage"))
    client.post(f"/api/v1/defects/{hole.id}/reviews", headers=headers, json={"verdict": "reject"})
    found = all_pages(client, headers, "/api/v1/defects", class_key="garbage")
    assert [item["id"] for item in found] == [heap.id]
    assert [item["id"] for item in all_pages(client, headers, "/api/v1/defects", state="rejected")] == [hole.id]
    assert all_pages(client, headers, "/api/v1/defects", municipality_id=hole.municipality_id + 1) == []
    assert client.get("/api/v1/defects", headers=headers, params={"class_key": "unicorn"}).status_code == 422


def test_a_defect_comes_with_its_sightings_and_history(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    first, second = make_frame(session), make_frame(session)
    defect = make_defect(session, box(score=0.9), first)
    see(session, [box(score=0.6, distance_m=7.0)], second)
    session.commit()
    found = client.get(f"/api/v1/defects/{defect.id}", headers=headers).json()
    assert found["image_url"] == f"/api/v1/frames/{first.id}/image" and found["box_xyxy_px"] == [
        10,
        20,
        110,
        70,
    ]
    assert [row["frame_id"] for row in found["sightings"]] == [second.id, first.id]
    newest = found["sightings"][0]
    assert (newest["score"], newest["model_name"], newest["distance_m"]) == (0.6, "tiny", 7.0)
    assert newest["image_url"] == f"/api/v1/frames/{second.id}/image"
    assert [event["action"] for event in found["events"]] == ["find"] and found["reviews"] == []
    paged = all_pages(client, headers, f"/api/v1/defects/{defect.id}/sightings", limit=1)
    assert paged == found["sightings"]


def test_what_a_model_saw_on_a_frame_is_listed_with_its_defects(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    frame = make_frame(session)
    recorded = see(session, [box("pothole", score=0.4), box("garbage", score=0.8)], frame)
    session.commit()
    found = client.get(f"/api/v1/frames/{frame.id}/detections", headers=headers).json()
    assert [row["class_key"] for row in found] == ["garbage", "pothole"]
    assert [row["defect_id"] for row in found] == [recorded.created[1].id, recorded.created[0].id]


def test_the_taxonomy_is_listed_in_the_order_of_the_models_output(client: TestClient, headers: dict[str, str]) -> None:
    found = client.get("/api/v1/classes", headers=headers).json()
    assert tuple(row["key"] for row in found) == KEYS
    assert found[0]["unit"] == "m2" and found[0]["name_ar"]


def test_the_neighbours_defects_are_neither_listed_nor_found(client: TestClient, session: Session) -> None:
    frame = make_frame(session)
    defect = make_defect(session, box(), frame)
    neighbour = sign_in(session, make_user(session, Role.SUPERVISOR, make_municipality(session, "khobar")))
    assert all_pages(client, neighbour, "/api/v1/defects") == []
    assert all_pages(client, neighbour, "/api/v1/defects", municipality_id=defect.municipality_id) == []
    for path in (f"defects/{defect.id}", f"defects/{defect.id}/sightings", f"frames/{frame.id}/detections"):
        assert client.get(f"/api/v1/{path}", headers=neighbour).status_code == 404


def test_a_vehicle_may_not_read_defects(client: TestClient, session: Session) -> None:
    frame = make_frame(session)
    defect = make_defect(session, box(), frame)
    _, vehicle = make_vehicle(session)
    assert client.get(f"/api/v1/defects/{defect.id}", headers=vehicle).status_code == 403
    assert client.get("/api/v1/defects", headers={}).status_code == 401


def test_an_admin_sees_every_municipality(client: TestClient, session: Session) -> None:
    vehicle, _ = make_vehicle(session, make_municipality(session, "khobar"))
    theirs = make_defect(session, box(), make_frame(session, make_survey(session, vehicle)))
    ours = make_defect(session)
    found = all_pages(client, sign_in(session, make_user(session, Role.ADMIN)), "/api/v1/defects")
    assert [item["id"] for item in found] == [theirs.id, ours.id]


def test_defects_are_exported_in_both_languages_within_the_callers_rights(
    client: TestClient, session: Session, headers: dict[str, str]
) -> None:
    ids = [make_defect(session, box("pothole", east_m=40 * n)).id for n in range(3)]
    make_defect(session, box("garbage", east_m=200))
    told = client.get("/api/v1/defects.csv", headers=headers, params={"class_key": "pothole", "lang": "ar"})
    assert told.status_code == 200, told.text
    rows = list(csv.reader(StringIO(told.content.decode("utf-8-sig"))))
    assert [int(row[0]) for row in rows[1:]] == ids
    assert rows[0] == [arabic for _, arabic in COLUMNS.values()] and rows[1][1] == "بانتظار المراجعة"
    neighbour = sign_in(session, make_user(session, municipality=make_municipality(session, "khobar")))
    assert len(client.get("/api/v1/defects.csv", headers=neighbour).text.splitlines()) == 1
    assert client.get("/api/v1/defects.xlsx", headers=headers).content.startswith(b"PK")
    assert client.get("/api/v1/defects.pdf", headers=headers).status_code == 422
