"""What callers send and get of accounts."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from service.accounts.permissions import Role
from service.accounts.secrets import MIN_PASSWORD_LENGTH
from service.core.fields import NO_NUL, Key, Name, RowId
from service.core.tables import JsonObject

Email = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
    AfterValidator(str.lower),
    Field(max_length=254),  # after lowering, which lengthens some letters
]


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CameraProfile(BaseModel):
    """Where the camera sits and how it looks; an empty profile means positions fall back to the vehicle's own."""

    model_config = ConfigDict(extra="forbid")

    height_m: float | None = Field(None, gt=0.2, lt=6, description="lens above the road")
    pitch_deg: float | None = Field(None, ge=-30, le=90, description="downwards positive")
    yaw_deg: float = Field(0, ge=-180, le=180, description="clockwise from the direction of travel")
    hfov_deg: float | None = Field(None, gt=10, lt=170, description="horizontal field of view")
    distortion: tuple[float, ...] = Field((), max_length=5, description="k1 k2 p1 p2 k3 as OpenCV names them")
    pitch_sd_deg: float = Field(1.0, gt=0, le=20, description="how surely the pitch is known, one standard deviation")
    yaw_sd_deg: float = Field(1.0, gt=0, le=20)
    gps_sd_m: float | None = Field(None, gt=0, le=100, description="error of a fix per axis where it states none")


class Login(BaseModel):
    email: str = Field(max_length=254, pattern=NO_NUL)
    password: str = Field(max_length=1024)


class Token(BaseModel):
    token: str = Field(description="send as `Authorization: Bearer …`; shown once")
    expires_at: datetime


class MunicipalityIn(BaseModel):
    key: Key
    name_en: Name
    name_ar: Name
    boundary: JsonObject | None = Field(None, description="GeoJSON Polygon or MultiPolygon, or a Feature of one")


class MunicipalityOut(Row):
    id: int
    key: str
    name_en: str
    name_ar: str
    boundary: JsonObject | None


class UserIn(BaseModel):
    email: Email
    name: Name
    password: str = Field(min_length=MIN_PASSWORD_LENGTH, max_length=1024)
    role: Role
    municipality_ids: list[RowId] = []
    unit_id: RowId | None = None


class Active(BaseModel):
    active: bool


class UserOut(Row):
    id: int
    email: str
    name: str
    role: Role
    unit_id: int | None
    active: bool
    municipalities: list[MunicipalityOut]


class VehicleIn(BaseModel):
    municipality_id: RowId
    name: Name
    camera: CameraProfile = CameraProfile()


class VehicleOut(Row):
    id: int
    municipality_id: int
    name: str
    camera: CameraProfile
    key_prefix: str
    revoked: bool


class VehicleWithKey(BaseModel):
    vehicle: VehicleOut
    key: str = Field(description="shown once; the vehicle sends it as `Authorization: Bearer …`")
