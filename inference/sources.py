"""Finds and reads the images a person names on the command line, so that one bad file never ends a run."""

import os
from collections.abc import Iterable
from pathlib import Path

from inference.errors import ImageRefused

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


class NoImagesError(Exception):
    """A path does not exist or holds no image; the message says which."""


def find_images(names: Iterable[str]) -> list[str]:
    """List files as given and folders recursively in sorted order, each name once."""
    found: dict[str, None] = {}
    for name in names:
        if not Path(name).exists():
            raise NoImagesError(f"expected a file or folder, {name} does not exist; check the spelling")
        found.update(dict.fromkeys(_search(name) if Path(name).is_dir() else [name]))
    return list(found)


def read_image(name: str) -> bytes:
    """The bytes of a file; raises ImageRefused when there are none to read."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        got = error.strerror or str(error)
        raise ImageRefused("image.unreadable", "a file that can be read", got) from error


def _search(folder: str) -> list[str]:
    inside = (p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    # A Path would drop the ./ a person may have given.
    images = [os.path.join(folder, p.relative_to(folder)) for p in sorted(inside)]  # noqa: PTH118
    if not images:
        raise NoImagesError(f"expected jpg, jpeg, png or webp files in {folder} or below, found none")
    return images
