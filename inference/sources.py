"""Finds and decodes the images a person names on the command line, so that one bad file never ends a run."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ImageRefused
from inference.images import DecodedImage, decode_image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_DECODE_THREADS = 2
_AHEAD = 4  # images decoded or being decoded while the detector works: at most 4 x 300 MB at 100 megapixels


class NoImagesError(Exception):
    """A path does not exist or holds no image; the message says which."""


@dataclass(frozen=True)
class Source:
    """One file, named as it was given or found, with its upright pixels or the reason there are none."""

    name: str
    content: DecodedImage | ImageRefused


def find_images(names: Iterable[str]) -> list[str]:
    """List files as given and folders recursively in sorted order, each name once."""
    found: dict[str, None] = {}
    for name in names:
        if not Path(name).exists():
            raise NoImagesError(f"expected a file or folder, {name} does not exist; check the spelling")
        found.update(dict.fromkeys(_search(name) if Path(name).is_dir() else [name]))
    return list(found)


def read_sources(names: Iterable[str]) -> Iterator[Source]:
    """Read and decode files in order, a few ahead of the caller, in threads."""
    with ThreadPoolExecutor(_DECODE_THREADS) as pool:
        waiting: deque[Future[Source]] = deque()
        for name in names:
            waiting.append(pool.submit(_read, name))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _search(folder: str) -> list[str]:
    inside = (p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    # A Path would drop the ./ a person may have given.
    images = [os.path.join(folder, p.relative_to(folder)) for p in sorted(inside)]  # noqa: PTH118
    if not images:
        raise NoImagesError(f"expected jpg, jpeg, png or webp files in {folder} or below, found none")
    return images


def _read(name: str) -> Source:
    try:
        return Source(name, decode_image(Path(name).read_bytes()))
    except ImageRefused as refused:
        return Source(name, refused)
    except OSError as error:
        got = error.strerror or str(error)
        return Source(name, ImageRefused("image.unreadable", "a file that can be read", got))
