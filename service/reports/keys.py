"""Keys with which programs write reports: shown once, kept as hashes, ended at any time."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.secrets import hash_secret, new_secret
from service.core.errors import Forbidden, NotFound
from service.core.events import record
from service.reports.access import check_municipality
from service.reports.models import ApiKey

PREFIX = "rok_"


def make_key(
    session: Session, caller: Caller, name: str, municipality_id: int | None, notice_url: str | None, now: datetime
) -> tuple[ApiKey, str]:
    """The key and its secret. Only who sees every municipality may make a key for all of them."""
    if municipality_id is None and caller.municipality_ids is not None:
        raise Forbidden("api_key.municipality", "expected one of your municipalities, got none; name it")
    check_municipality(session, caller, municipality_id)
    secret = new_secret(PREFIX)
    key = ApiKey(
        name=name, municipality_id=municipality_id, key_hash=hash_secret(secret), key_prefix=secret[:10],
        notice_url=notice_url,
    )  # fmt: skip
    session.add(key)
    session.flush()
    _record(session, caller, key, "make", now)
    return key, secret


def revoke_key(session: Session, caller: Caller, key_id: int, now: datetime) -> ApiKey:
    key = session.get(ApiKey, key_id)
    seen = caller.municipality_ids is None or (key and key.municipality_id in caller.municipality_ids)
    if key is None or not seen:
        raise NotFound("api_key.unknown", f"expected a key of your municipalities, got id {key_id}")
    if key.revoked_at is None:
        key.revoked_at = now
        _record(session, caller, key, "revoke", now)
    return key


def key_of(session: Session, secret: str | None) -> ApiKey:
    """Raises Forbidden for none, an unknown and a revoked one alike."""
    key = session.scalar(select(ApiKey).where(ApiKey.key_hash == hash_secret(secret or "")))
    if key is None or key.revoked_at is not None:
        raise Forbidden(
            "api_key", "expected a valid api_key, got none or an unknown one; see key_service of /discovery"
        )
    return key


def _record(session: Session, caller: Caller, key: ApiKey, action: str, now: datetime) -> None:
    record(
        session, at=now, actor=caller.actor, subject_kind="api_key", subject_id=key.id, action=action,
        municipality_id=key.municipality_id, data={"name": key.name},
    )  # fmt: skip
