"""Where image files live, a folder or a bucket; keys are content hashes, so a put repeats safely."""

from contextlib import suppress
from pathlib import Path

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from service.core.settings import Settings


class BlobMissing(Exception):
    """The database names a file that the store does not hold."""


class Store:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, key: str, data: bytes) -> None:
        obstore.put(self._store, key, data)

    def get(self, key: str) -> bytes:
        try:
            data: bytes = obstore.get(self._store, key).bytes().to_bytes()
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(
                f"expected the stored file {key!r}, the store has none; restore it from backup"
            ) from error
        return data

    def exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    def delete(self, key: str) -> None:
        """Does nothing when the file is gone already."""
        with suppress(NotFoundError, FileNotFoundError):
            obstore.delete(self._store, key)


def open_store(settings: Settings) -> Store:
    if settings.files_url:
        return Store(from_url(settings.files_url))
    folder: Path = settings.data_dir / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # personal data: the owner alone reads them
    return Store(LocalStore(folder.resolve()))
