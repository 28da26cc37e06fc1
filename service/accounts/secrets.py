"""Secrets: made by us, shown once, kept only as hashes."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

VEHICLE_KEY_PREFIX = "rvk_"
TOKEN_PREFIX = "rat_"
MIN_PASSWORD_LENGTH = 12

_hasher = PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low-memory profile)
_NOBODY = _hasher.hash(secrets.token_urlsafe())  # verified for unknown e-mails, so that timing tells nothing


def new_secret(prefix: str) -> str:
    """256 random bits; the prefix lets secret scanners and people tell what leaked."""
    return prefix + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 is enough for a secret of 256 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (VerifyMismatchError, InvalidHashError):
        return False
