"""Standard Webhooks signatures: a receiver knows that a message is ours, whole, and not an old one sent again."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32  # the standard asks for 24 to 64


def new_secret() -> str:
    return SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secret_texts: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers; one signature for each secret that is good now, the newest first."""
    seconds = str(int(at.timestamp()))
    signatures = [sign(secret, message_id, seconds, body) for secret in secret_texts]
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    mac = hmac.digest(key, b".".join((message_id.encode(), timestamp.encode(), body)), "sha256")
    return "v1," + b64encode(mac).decode()
