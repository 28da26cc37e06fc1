"""Secrets at rest: sealed with a key that does not lie in the database, so that a copy of it signs nothing."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from service.core.settings import Settings

KEY_FILE = "webhook.key"


class SecretUnreadable(Exception):
    """The key that sealed it is not among ours."""


class Vault:
    def __init__(self, keys: list[str]) -> None:
        """The first key seals, each of them opens."""
        self._keys = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str) -> str:
        return self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        try:
            return self._keys.decrypt(sealed).decode()
        except InvalidToken as error:
            raise SecretUnreadable(
                f"expected a secret sealed with a key of RASID_WEBHOOK_KEY or of {KEY_FILE} in the data folder, got"
                " another; give every server and worker the same key, or rotate the secret"
            ) from error


def open_vault(settings: Settings) -> Vault:
    """The keys of the setting, newest first, then the data folder's; that one is made where there is no other."""
    told = settings.webhook_key.get_secret_value() if settings.webhook_key else ""
    keys = [key for key in map(str.strip, told.split(",")) if key]
    file = settings.data_dir / KEY_FILE
    if not keys and not file.exists():
        _make_key(file)
    if file.exists():
        keys.append(file.read_text("ascii").strip())
    return Vault(keys)


def _make_key(file: Path) -> None:
    """Whole or not at all, readable to the owner alone; of two processes at once the first wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("wb", dir=file.parent, prefix=".webhook-key-") as draft:  # 0600
        draft.write(Fernet.generate_key())
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, file)
        except FileExistsError:
            return
