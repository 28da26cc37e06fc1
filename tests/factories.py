"""Rows and uploads with sensible defaults, so that a test states only what it is about."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from httpx2 import Response
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality, User, Vehicle
from service.accounts.permissions import Role
from service.accounts.secrets import VEHICLE_KEY_PREFIX, hash_secret, new_secret
from service.accounts.service import issue_token, set_boundary
from service.core.clock import utc_now
from service.surveys.models import Frame, FrameState, Survey
from service.work_orders.models import Unit

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
DAMMAM = (26.4282, 50.0910)  # lat, lon
CAMERA = {"height_m": 1.6, "pitch_deg": 8.0, "yaw_deg": 0.0, "hfov_deg": 70.0}
_numbers = count(1)


def square(west: float, south: float, side: float = 0.2) -> dict[str, Any]:
    """A GeoJSON polygon, degrees."""
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def make_municipality(session: Session, key: str = "dammam", boundary: dict[str, Any] | None = None) -> Municipality:
    found = session.scalar(select(Municipality).where(Municipality.key == key))
    if found:
        return found
    municipality = Municipality(key=key, name_en=key.title(), name_ar="الدمام")
    set_boundary(municipality, boundary)
    session.add(municipality)
    session.flush()
    return municipality


def make_user(
    session: Session,
    role: Role = Role.INSPECTOR,
    municipality: Municipality | None = None,
    unit: Unit | None = None,
    password_hash: str = "x",
) -> User:
    municipality = municipality or make_municipality(session)
    user = User(
        email=f"{role.value}{next(_numbers)}@example.org",
        name=role.value.title(),
        password_hash=password_hash,
        role=role,
        unit_id=unit.id if unit else None,
        active=True,
        failed_logins=0,
        municipalities=[municipality],
    )
    session.add(user)
    session.flush()
    return user


def sign_in(session: Session, user: User) -> dict[str, str]:
    """The headers of a signed-in user; commits, so that the API sees them."""
    secret = issue_token(session, user, utc_now() + timedelta(hours=1))
    session.commit()
    return {"Authorization": f"Bearer {secret}"}


def make_vehicle(session: Session, municipality: Municipality | None = None) -> tuple[Vehicle, dict[str, str]]:
    """A vehicle with a calibrated camera and the headers with its key; commits."""
    municipality = municipality or make_municipality(session)
    key = new_secret(VEHICLE_KEY_PREFIX)
    vehicle = Vehicle(
        municipality_id=municipality.id,
        name=f"vehicle {next(_numbers)}",
        camera=CAMERA,
        key_hash=hash_secret(key),
        key_prefix=key[:10],
    )
    session.add(vehicle)
    session.commit()
    return vehicle, {"Authorization": f"Bearer {key}"}


def make_survey(session: Session, vehicle: Vehicle | None = None, name: str = "drive") -> Survey:
    if vehicle is None:
        vehicle, _ = make_vehicle(session)
    survey = Survey(vehicle_id=vehicle.id, municipality_id=vehicle.municipality_id, name=name)
    session.add(survey)
    session.flush()
    return survey


def make_frame(session: Session, survey: Survey | None = None, **columns: Any) -> Frame:
    """A received frame at DAMMAM heading north; any column can be given."""
    survey = survey or make_survey(session)
    number = next(_numbers)
    values = {
        "survey_id": survey.id,
        "vehicle_id": survey.vehicle_id,
        "municipality_id": survey.municipality_id,
        "sha256": f"{number:064x}",
        "filename": f"{number}.jpg",
        "state": FrameState.RECEIVED,
        "media_type": "image/jpeg",
        "size_bytes": 1000,
        "width": 640,
        "height": 480,
        "captured_at": NOW + timedelta(seconds=number),
        "lat": DAMMAM[0],
        "lon": DAMMAM[1],
        "heading_deg": 0.0,
        "position_source": "metadata",
        "received_at": NOW,
    }
    frame = Frame(**(values | columns))
    session.add(frame)
    session.flush()
    return frame


def jpeg(pixels: NDArray[np.uint8] | None = None, exif: Image.Exif | None = None) -> bytes:
    """A JPEG of BGR pixels; without any, a plain grey street that no other call repeats."""
    if pixels is None:
        shade = np.random.default_rng(next(_numbers)).integers(110, 130, (120, 160, 1), np.uint8)
        pixels = np.repeat(shade, 3, axis=2)
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).save(buffer, "JPEG", quality=95, exif=exif or Image.Exif())
    return buffer.getvalue()


def send_frame(
    client: TestClient,
    headers: dict[str, str],
    data: bytes | None = None,
    *,
    name: str = "a.jpg",
    **metadata: Any,
) -> Response:
    """Uploads one frame through the API with a full geotag, unless the metadata says otherwise (None leaves out)."""
    told = {"lat": DAMMAM[0], "lon": DAMMAM[1], "captured_at": NOW.isoformat(), "heading_deg": 0.0} | metadata
    body = json.dumps({key: value for key, value in told.items() if value is not None})
    files = {"image": (name, jpeg() if data is None else data, "image/jpeg")}
    return client.post("/api/v1/frames", headers=headers, files=files, data={"metadata": body})
