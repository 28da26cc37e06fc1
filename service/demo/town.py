"""The two municipalities of the demo, their staff and their survey vehicles."""

import math
import secrets
from dataclasses import dataclass
from datetime import timedelta

from datasets.simulator import CameraModel
from service.accounts.models import User
from service.accounts.permissions import Role
from service.accounts.schemas import CameraProfile, MunicipalityIn, UserIn, VehicleIn
from service.accounts.service import SYSTEM_CALLER, create_user, create_vehicle, issue_token
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.core.tables import JsonObject
from service.work_orders.operations import create_municipality

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Town:
    """A municipality of the demo; its boundary is a box around the city, not the official one."""

    key: str
    name_en: str
    name_ar: str
    west: float
    south: float
    east: float
    north: float

    def boundary(self) -> JsonObject:
        corners = [
            (self.west, self.south),
            (self.east, self.south),
            (self.east, self.north),
            (self.west, self.north),
        ]
        return {"type": "Polygon", "coordinates": [[list(corner) for corner in [*corners, corners[0]]]]}


TOWNS = (
    Town("dammam", "Dammam", "الدمام", 49.95, 26.34, 50.20, 26.52),
    Town("khobar", "Khobar", "الخبر", 50.12, 26.15, 50.26, 26.339),
)


@dataclass(frozen=True)
class Staff:
    """What the demo signs in with: access tokens by role, vehicle keys by town, one link for a browser."""

    inspector: str
    supervisor: str
    vehicle_keys: dict[str, str]
    sign_in_link: str


def found_towns(runtime: Runtime, camera: CameraProfile) -> Staff:
    """Makes the municipalities, one vehicle each, an inspector and a supervisor of both, all with random secrets."""
    now = utc_now()
    with runtime.database.transaction() as session:
        places = []
        for town in TOWNS:
            data = MunicipalityIn(key=town.key, name_en=town.name_en, name_ar=town.name_ar, boundary=town.boundary())
            places.append(create_municipality(session, data))
        keys = {
            place.key: create_vehicle(
                session,
                SYSTEM_CALLER,
                VehicleIn(municipality_id=place.id, name=f"Survey vehicle {place.name_en}", camera=camera),
                now,
            )[1]
            for place in places
        }

        def hire(role: Role) -> User:
            data = UserIn(
                email=f"{role.value}@demo.example",
                name=role.value.title(),
                password=secrets.token_urlsafe(24),
                role=role,
                municipality_ids=[place.id for place in places],
            )
            return create_user(session, data)

        inspector, supervisor = hire(Role.INSPECTOR), hire(Role.SUPERVISOR)
        return Staff(
            inspector=issue_token(session, inspector, now + WEEK),
            supervisor=issue_token(session, supervisor, now + WEEK),
            vehicle_keys=keys,
            sign_in_link=issue_token(session, supervisor, now + WEEK, sign_in_link=True),
        )


def profile_of(camera: CameraModel) -> CameraProfile:
    """The vehicle's camera profile for frames of the simulator."""
    hfov_deg = math.degrees(2 * math.atan(camera.width / 2 / camera.focal_px))
    return CameraProfile(height_m=camera.height_m, pitch_deg=camera.pitch_deg, yaw_deg=0, hfov_deg=hfov_deg)
