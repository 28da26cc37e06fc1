"""Who is calling and what may be seen: the one door through which every request enters."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.accounts.models import AccessToken, User, Vehicle
from service.accounts.permissions import Permission, Role, may
from service.accounts.secrets import VEHICLE_KEY_PREFIX, hash_secret
from service.core.api import NowDep, SessionDep
from service.core.errors import Forbidden, Unauthenticated
from service.core.events import Actor

SESSION_COOKIE = "rasid_session"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

Row = TypeVar("Row")
_bearer = HTTPBearer(auto_error=False, description="access token of a user, or key of a vehicle")
_cookie = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="browser session")
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
CookieDep = Annotated[str | None, Depends(_cookie)]


@dataclass(frozen=True)
class Caller:
    """An authenticated user or vehicle. `municipality_ids` None means all (an admin)."""

    actor: Actor
    role: Role | None
    municipality_ids: frozenset[int] | None
    unit_id: int | None = None
    user: User | None = None
    vehicle: Vehicle | None = None

    def sees(self, municipality_id: int) -> bool:
        return self.municipality_ids is None or municipality_id in self.municipality_ids


def visible(
    statement: Select[Row],
    municipality_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
    caller: Caller,
) -> Select[Row]:
    """Narrows a query to the caller's municipalities; every query of municipal data starts here.

    What belongs to no municipality is an administrator's alone.
    """
    if caller.municipality_ids is None:
        return statement
    return statement.where(municipality_id.in_(caller.municipality_ids))


def caller_of_secret(session: Session, secret: str, now: datetime) -> Caller | None:
    """The user of an unexpired token or the vehicle of a live key; None for anything else."""
    if secret.startswith(VEHICLE_KEY_PREFIX):
        vehicle = session.scalar(select(Vehicle).where(Vehicle.key_hash == hash_secret(secret)))
        return caller_of_vehicle(vehicle) if vehicle else None
    token = session.scalar(select(AccessToken).where(AccessToken.secret_hash == hash_secret(secret)))
    if token is None or token.sign_in_link or token.expires_at <= now or not token.user.active:
        return None
    return caller_of_user(token.user)


def caller_of_user(user: User) -> Caller:
    everywhere = user.role is Role.ADMIN
    own = None if everywhere else frozenset(municipality.id for municipality in user.municipalities)
    return Caller(Actor("user", user.id), user.role, own, unit_id=user.unit_id, user=user)


def caller_of_vehicle(vehicle: Vehicle) -> Caller:
    return Caller(Actor("vehicle", vehicle.id), None, frozenset({vehicle.municipality_id}), vehicle=vehicle)


def get_secret(bearer: BearerDep, cookie: CookieDep) -> str | None:
    """The secret that the request is judged by: the header's, else the cookie's."""
    return bearer.credentials if bearer else cookie


SecretDep = Annotated[str | None, Depends(get_secret)]


def get_caller(request: Request, session: SessionDep, now: NowDep, bearer: BearerDep, secret: SecretDep) -> Caller:
    caller = caller_of_secret(session, secret, now) if secret else None
    if caller is None:
        raise Unauthenticated("auth.required", "expected a valid bearer token or session, got none; sign in again")
    if bearer is None and request.method not in SAFE_METHODS:
        refuse_foreign_origin(request)
    return caller


def refuse_foreign_origin(request: Request) -> None:
    """A write that rides on a cookie must come from our own page (defence against cross-site request forgery)."""
    origin = request.headers.get("origin")
    host = request.headers.get("host")
    if host is None or origin not in {f"http://{host}", f"https://{host}"}:
        raise Forbidden("auth.origin", f"expected a request from this site's own pages, got origin {origin!r}")


CallerDep = Annotated[Caller, Depends(get_caller)]


def require(permission: Permission) -> Callable[[Caller], Caller]:
    """A dependency that lets through only callers whose role has the permission."""

    def check(caller: CallerDep) -> Caller:
        if not may(caller.role, permission):
            role = caller.role.value if caller.role else caller.actor.kind
            raise Forbidden("auth.permission", f"expected a role that may {permission.value}, got {role}")
        return caller

    return check
