"""Making and ending accounts: sign-in with a brake on guessing, municipalities, users, vehicles and their keys."""

from datetime import datetime, timedelta
from math import ceil

from psycopg.errors import UniqueViolation
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.accounts.boundaries import BadBoundary, containing, extent_of, parse_boundary
from service.accounts.caller import Caller, visible
from service.accounts.models import AccessToken, Municipality, User, Vehicle
from service.accounts.permissions import Role
from service.accounts.schemas import CameraProfile, MunicipalityIn, UserIn, VehicleIn
from service.accounts.secrets import (
    TOKEN_PREFIX,
    VEHICLE_KEY_PREFIX,
    hash_password,
    hash_secret,
    new_secret,
    verify_password,
)
from service.core.errors import Conflict, NotFound, TooManyRequests, Unprocessable
from service.core.events import SYSTEM, Actor, record

SYSTEM_CALLER = Caller(SYSTEM, Role.ADMIN, None)  # the operator at the command line
FREE_ATTEMPTS = 5
LOCK = timedelta(minutes=15)


def sign_in(session: Session, email: str, password: str, now: datetime, lifetime: timedelta) -> str | None:
    """A new access token, or None when e-mail or password is wrong (the attempt is counted).

    Raises TooManyRequests while the account is locked: five wrong passwords lock it for fifteen minutes.
    """
    user = session.scalar(select(User).where(User.email == email.lower().strip()).with_for_update())
    if user and user.locked_until and user.locked_until > now:
        raise TooManyRequests("auth.locked", f"too many wrong passwords; try again after {user.locked_until:%H:%M} UTC",
                              retry_after_s=ceil((user.locked_until - now).total_seconds()))  # fmt: skip
    if not verify_password(user.password_hash if user and user.active else None, password) or user is None:
        if user:
            _count_failure(session, user, now)
        return None
    user.failed_logins, user.locked_until = 0, None
    record(session, at=now, actor=Actor("user", user.id), subject_kind="user", subject_id=user.id,
           action="sign_in", municipality_id=None)  # fmt: skip
    return issue_token(session, user, now + lifetime)


def issue_token(session: Session, user: User, expires_at: datetime, *, sign_in_link: bool = False) -> str:
    """A secret that acts as the user until `expires_at`; as a sign-in link it only opens one session."""
    secret = new_secret(TOKEN_PREFIX)
    session.add(
        AccessToken(user_id=user.id, secret_hash=hash_secret(secret), expires_at=expires_at, sign_in_link=sign_in_link)
    )
    return secret


def redeem_sign_in_link(session: Session, secret: str, now: datetime, lifetime: timedelta) -> str | None:
    """Exchanges a sign-in link for an access token and uses it up; None when it is unknown, used or too old."""
    same = select(AccessToken).where(AccessToken.secret_hash == hash_secret(secret), AccessToken.sign_in_link)
    link = session.scalar(same.with_for_update())  # of two visitors at once the second finds it used
    if link is None or link.expires_at <= now or not link.user.active:
        return None
    session.delete(link)
    return issue_token(session, link.user, now + lifetime)


def sign_out(session: Session, secret: str) -> None:
    token = session.scalar(select(AccessToken).where(AccessToken.secret_hash == hash_secret(secret)))
    if token:
        session.delete(token)


def delete_expired_tokens(session: Session, now: datetime) -> None:
    session.execute(delete(AccessToken).where(AccessToken.expires_at <= now))


def create_municipality(session: Session, data: MunicipalityIn) -> Municipality:
    """Raises Conflict for a key that is taken and Unprocessable for a boundary that is no polygon."""
    municipality = Municipality(key=data.key, name_en=data.name_en, name_ar=data.name_ar)
    set_boundary(municipality, data.boundary)
    _insert(session, municipality, Conflict("municipality.exists", f"expected a new key, {data.key!r} is taken"))
    return municipality


def set_boundary(municipality: Municipality, geojson: dict[str, object] | None) -> None:
    """Raises Unprocessable for anything but a polygon in degrees."""
    try:
        boundary = parse_boundary(geojson) if geojson else None
    except BadBoundary as error:
        raise Unprocessable("municipality.boundary", str(error)) from error
    municipality.boundary = boundary
    extent = extent_of(boundary) if boundary else (None, None, None, None)
    municipality.west, municipality.south, municipality.east, municipality.north = extent


def municipality_at(session: Session, lat: float, lon: float, default: int) -> int:
    """The municipality whose boundary covers the place; `default` (the vehicle's own) when none does."""
    rows = session.execute(
        select(Municipality.id, Municipality.boundary).where(
            Municipality.west <= lon, lon <= Municipality.east, Municipality.south <= lat, lat <= Municipality.north
        )
    )
    boundaries = {row.id: row.boundary for row in rows if row.boundary}
    return containing(boundaries, lat, lon) or default


def create_user(session: Session, data: UserIn) -> User:
    """Raises Conflict for a known e-mail and Unprocessable where role, unit and municipalities do not fit."""
    email = data.email.lower()
    municipalities = list(session.scalars(select(Municipality).where(Municipality.id.in_(data.municipality_ids))))
    if len(municipalities) != len(set(data.municipality_ids)):
        raise Unprocessable("user.municipality", f"expected known municipalities, got ids {data.municipality_ids}")
    if data.role is not Role.ADMIN and not municipalities:
        raise Unprocessable("user.municipality", f"expected at least one municipality for a {data.role.value}")
    if (data.role is Role.UNIT) != (data.unit_id is not None):
        raise Unprocessable("user.unit", "expected a unit_id for the role 'unit' and for no other role")
    user = User(email=email, name=data.name, role=data.role, unit_id=data.unit_id, active=True, failed_logins=0,
                password_hash=hash_password(data.password), municipalities=municipalities)  # fmt: skip
    _insert(session, user, Conflict("user.exists", f"expected a new e-mail address, {email} has an account"))
    return user


def set_active(session: Session, caller: Caller, user_id: int, active: bool, now: datetime) -> User:
    """Lets someone in again, or no more: then their tokens and sessions end at once. What they did keeps their name.

    Raises NotFound, and Conflict for the last administrator: nobody could let anyone in again.
    """
    admins = session.scalars(select(User).where(User.role == Role.ADMIN).order_by(User.id).with_for_update()).all()
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound("user.unknown", f"expected the id of an account, got {user_id}")
    if user.active is active:
        return user
    if not active and user.role is Role.ADMIN and not any(one.active for one in admins if one is not user):
        raise Conflict("user.last_admin", "expected another active administrator, this is the last; make one first")
    user.active = active
    if not active:
        session.execute(delete(AccessToken).where(AccessToken.user_id == user.id))
    record_account(session, caller, user, "activate" if active else "deactivate", now)
    return user


def record_account(session: Session, caller: Caller, user: User, action: str, now: datetime) -> None:
    """Who gave whom which rights, or took them."""
    told = {"role": user.role.value, "municipality_ids": sorted(one.id for one in user.municipalities)}
    record(session, at=now, actor=caller.actor, subject_kind="user", subject_id=user.id, action=action,
           municipality_id=None, data=told)  # fmt: skip


def find_user(session: Session, email: str) -> User:
    found = session.scalar(select(User).where(User.email == email.lower().strip()))
    if found is None:
        raise NotFound("user.unknown", f"expected the e-mail address of an account, got {email!r}")
    return found


def find_municipality(session: Session, key: str) -> Municipality:
    found = session.scalar(select(Municipality).where(Municipality.key == key))
    if found is None:
        known = ", ".join(session.scalars(select(Municipality.key))) or "none yet"
        raise NotFound("municipality.unknown", f"expected the key of a municipality ({known}), got {key!r}")
    return found


def create_vehicle(session: Session, caller: Caller, data: VehicleIn, now: datetime) -> tuple[Vehicle, str]:
    """The vehicle and its key; the key is shown this once. Raises NotFound outside the caller's municipalities
    and Conflict for a name that is registered."""
    if not caller.sees(data.municipality_id) or session.get(Municipality, data.municipality_id) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {data.municipality_id}")
    vehicle = Vehicle(municipality_id=data.municipality_id, name=data.name, camera=data.camera.model_dump())
    key = _give_key(vehicle)
    taken = Conflict("vehicle.exists", f"expected a new name, {data.name!r} is registered; rotate its key instead")
    _insert(session, vehicle, taken)
    _record_key(session, caller, vehicle, "register", now)
    return vehicle, key


def rotate_key(session: Session, caller: Caller, vehicle_id: int, now: datetime) -> tuple[Vehicle, str]:
    """A new key; the old one stops working with this transaction."""
    vehicle = get_vehicle(session, caller, vehicle_id)
    key = _give_key(vehicle)
    _record_key(session, caller, vehicle, "rotate_key", now)
    return vehicle, key


def revoke_key(session: Session, caller: Caller, vehicle_id: int, now: datetime) -> Vehicle:
    vehicle = get_vehicle(session, caller, vehicle_id)
    if vehicle.key_hash is not None:
        vehicle.key_hash = None
        _record_key(session, caller, vehicle, "revoke_key", now)
    return vehicle


def get_vehicle(session: Session, caller: Caller, vehicle_id: int) -> Vehicle:
    found = session.scalar(visible(select(Vehicle), Vehicle.municipality_id, caller).where(Vehicle.id == vehicle_id))
    if found is None:
        raise NotFound("vehicle.unknown", f"expected a vehicle of your municipalities, got id {vehicle_id}")
    return found


def camera_of(vehicle: Vehicle) -> CameraProfile:
    return CameraProfile.model_validate(vehicle.camera)


def _insert(session: Session, row: User | Vehicle | Municipality, taken: Conflict) -> None:
    """Writes the row now and leaves it to the table's constraints whether it may stand, so that of two equal requests
    at once one is refused. Raises `taken`, and Unprocessable for a row that points at nothing."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            raise taken from error
        raise Unprocessable("row.reference", "expected ids of things that exist, got one that is unknown") from error


def _count_failure(session: Session, user: User, now: datetime) -> None:
    user.failed_logins += 1
    if user.failed_logins >= FREE_ATTEMPTS:
        user.locked_until, user.failed_logins = now + LOCK, 0
    record(session, at=now, actor=SYSTEM, subject_kind="user", subject_id=user.id,
           action="sign_in_failed", municipality_id=None)  # fmt: skip


def _give_key(vehicle: Vehicle) -> str:
    key = new_secret(VEHICLE_KEY_PREFIX)
    vehicle.key_hash, vehicle.key_prefix = hash_secret(key), key[:10]
    return key


def _record_key(session: Session, caller: Caller, vehicle: Vehicle, action: str, now: datetime) -> None:
    record(session, at=now, actor=caller.actor, subject_kind="vehicle", subject_id=vehicle.id,
           action=action, municipality_id=vehicle.municipality_id)  # fmt: skip
