"""HTTP for accounts: sign-in, municipalities, users, vehicles."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import selectinload, undefer

from service.accounts import service
from service.accounts.caller import SESSION_COOKIE, Caller, CallerDep, SecretDep, require, visible
from service.accounts.models import Municipality, User, Vehicle
from service.accounts.permissions import Permission
from service.accounts.schemas import (
    Active,
    Login,
    MunicipalityOut,
    Token,
    UserIn,
    UserOut,
    VehicleIn,
    VehicleOut,
    VehicleWithKey,
)
from service.core.api import (
    PROBLEMS,
    AfterQuery,
    LimitQuery,
    NowDep,
    Page,
    RuntimeDep,
    SessionDep,
    limit_host,
    paginate,
    problems,
)
from service.core.audit import record_reads
from service.core.errors import Forbidden, NotFound, Unauthenticated
from service.core.fields import RowId

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["accounts"])
PERSONAL = ("email", "name")  # of a user
AdminDep = Annotated[Caller, Depends(require(Permission.MANAGE_ACCOUNTS))]
FleetDep = Annotated[Caller, Depends(require(Permission.MANAGE_VEHICLES))]


@router.post("/login", responses=problems(429))
def login(body: Login, request: Request, runtime: RuntimeDep, now: NowDep) -> Token:
    """Signs a program in; browsers use the sign-in page. Five wrong passwords lock the account for 15 minutes."""
    limit_host(request, "sign_in", runtime.settings.sign_ins_per_minute)
    lifetime = timedelta(hours=runtime.settings.session_hours)
    with runtime.database.transaction() as session:  # of its own: a failed attempt is counted though we answer 401
        token = service.sign_in(session, body.email, body.password, now, lifetime)
    if token is None:
        raise Unauthenticated("auth.credentials", "expected a known e-mail address and its password")
    return Token(token=token, expires_at=now + lifetime)


@router.post("/logout", status_code=204)
def logout(caller: CallerDep, secret: SecretDep, session: SessionDep) -> Response:
    """Ends the session whose token was sent; doing it again is a 401."""
    service.sign_out(session, secret or "")
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/me")
def me(caller: CallerDep) -> UserOut:
    if caller.user is None:
        raise Forbidden("auth.user", "expected a user's token, got a vehicle's key")
    return UserOut.model_validate(caller.user)


@router.get("/municipalities")
def list_municipalities(
    caller: CallerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[MunicipalityOut]:
    own = select(Municipality).options(undefer(Municipality.boundary))
    statement = visible(own, Municipality.id, caller)
    rows, following = paginate(session, statement, Municipality.id, after, limit)
    return Page(items=[MunicipalityOut.model_validate(row) for row in rows], next=following)


@router.put("/municipalities/{municipality_id}/boundary")
def set_boundary(
    municipality_id: RowId, body: dict[str, object], caller: AdminDep, session: SessionDep
) -> MunicipalityOut:
    """Imports a boundary: GeoJSON Polygon, MultiPolygon, or a Feature of one, in WGS 84."""
    municipality = session.get(Municipality, municipality_id)
    if municipality is None:
        raise NotFound("municipality.unknown", f"expected a known municipality, got id {municipality_id}")
    service.set_boundary(municipality, body)
    return MunicipalityOut.model_validate(municipality)


@router.get("/users")
def list_users(
    caller: AdminDep, session: SessionDep, now: NowDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[UserOut]:
    users = select(User).options(selectinload(User.municipalities).undefer(Municipality.boundary))
    rows, following = paginate(session, users, User.id, after, limit)
    record_reads(session, at=now, actor=caller.actor, subject_kind="user", subject_ids=[row.id for row in rows],
                 fields=PERSONAL, via="GET /api/v1/users")  # fmt: skip
    return Page(items=[UserOut.model_validate(row) for row in rows], next=following)


@router.post("/users", status_code=201)
def create_user(body: UserIn, caller: AdminDep, session: SessionDep, now: NowDep) -> UserOut:
    user = service.create_user(session, body)
    service.record_account(session, caller, user, "create", now)
    return UserOut.model_validate(user)


@router.put("/users/{user_id}/active")
def set_active(user_id: RowId, body: Active, caller: AdminDep, session: SessionDep, now: NowDep) -> UserOut:
    """Lets nobody in as this user any more: every token and session of theirs ends at once. `true` lets them in again,
    to sign in anew."""
    return UserOut.model_validate(service.set_active(session, caller, user_id, body.active, now))


@router.get("/vehicles")
def list_vehicles(
    caller: FleetDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[VehicleOut]:
    statement = visible(select(Vehicle), Vehicle.municipality_id, caller)
    rows, following = paginate(session, statement, Vehicle.id, after, limit)
    return Page(items=[_vehicle_out(row) for row in rows], next=following)


@router.post("/vehicles", status_code=201)
def create_vehicle(body: VehicleIn, caller: FleetDep, session: SessionDep, now: NowDep) -> VehicleWithKey:
    """Registers a vehicle and gives its key, this once."""
    vehicle, key = service.create_vehicle(session, caller, body, now)
    return VehicleWithKey(vehicle=_vehicle_out(vehicle), key=key)


@router.post("/vehicles/{vehicle_id}/key")
def rotate_key(vehicle_id: RowId, caller: FleetDep, session: SessionDep, now: NowDep) -> VehicleWithKey:
    """Gives a new key; the old one stops working at once."""
    vehicle, key = service.rotate_key(session, caller, vehicle_id, now)
    return VehicleWithKey(vehicle=_vehicle_out(vehicle), key=key)


@router.delete("/vehicles/{vehicle_id}/key")
def revoke_key(vehicle_id: RowId, caller: FleetDep, session: SessionDep, now: NowDep) -> VehicleOut:
    return _vehicle_out(service.revoke_key(session, caller, vehicle_id, now))


def _vehicle_out(vehicle: Vehicle) -> VehicleOut:
    return VehicleOut(
        id=vehicle.id,
        municipality_id=vehicle.municipality_id,
        name=vehicle.name,
        camera=service.camera_of(vehicle),
        key_prefix=vehicle.key_prefix,
        revoked=vehicle.key_hash is None,
    )
