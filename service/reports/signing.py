"""One secret of this service, from which links and webhook signatures are made, so that none of them is stored."""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.core.errors import NotFound
from service.core.settings import Settings

FILE = "secret.key"


@dataclass(frozen=True)
class Link:
    """What a reporter's link stands for: one closing of one report, until a time."""

    report_id: int
    closing: int
    until: datetime


def secret_of(settings: Settings) -> bytes:
    """`secret_key`, else 32 random bytes that are made once in a file that the owner alone reads."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / FILE
    if not path.exists():
        _make(path)
    return path.read_bytes()


def sign_link(secret: bytes, link: Link) -> str:
    told = f"{link.report_id}.{link.closing}.{int(link.until.timestamp())}"
    return f"{told}.{_mac(secret, f'link:{told}')}"


def read_link(secret: bytes, token: str, now: datetime) -> Link:
    """Raises NotFound for anything that was not signed here, and for a link whose time is over."""
    told, _, signature = token.rpartition(".")
    expected = _mac(secret, f"link:{told}")
    parts = told.split(".")
    if not hmac.compare_digest(signature.encode(), expected.encode()) or len(parts) != 3:
        raise NotFound("report.link", "expected a link as it was sent to you, got another; open it from the message")
    report_id, closing, until_s = map(int, parts)
    link = Link(report_id, closing, datetime.fromtimestamp(until_s, UTC))
    if link.until <= now:
        raise NotFound("report.link", f"expected a link that is still good, this one ended {link.until:%Y-%m-%d}")
    return link


def notice_secret(secret: bytes, api_key_id: int) -> bytes:
    """With which notices to the program of an API key are signed; shown once as `whsec_` and its base64."""
    return hmac.digest(secret, f"notice:{api_key_id}".encode(), hashlib.sha256)


def shown_secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def webhook_headers(key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Standard Webhooks: id, time and HMAC-SHA256 of both with the body."""
    stamp = str(int(at.timestamp()))
    signature = base64.b64encode(hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def _mac(secret: bytes, told: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret, told.encode(), hashlib.sha256)).decode().rstrip("=")


def _make(path: Path) -> None:
    """Of two processes that start at once one writes it, and both read that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(secrets.token_bytes(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
