"""Keeps every core at work on one image each, in order and within bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

File: TypeAlias = bytes | Callable[[], bytes]
"""The bytes of an image file, or a function that reads them where they are needed; it may raise ImageRefused."""

_AHEAD = 2  # items taken for each worker: the one at work and the one it goes on with


def map_in_order(
    work: Callable[[T], R], items: Iterable[tuple[K, T]], workers: int
) -> Generator[tuple[K, R], None, None]:
    """Work on items in threads; results come in the order of the items, each with its key.

    At most 2 x workers items are taken and not given back. What `work` or the iterable raises is raised here, at its
    place. However the stream ends, work that has begun is waited for and the rest dropped.
    """
    waiting: deque[tuple[K, Future[R]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="rasid-stream")
    try:
        for key, item in items:
            waiting.append((key, pool.submit(work, item)))
            del item
            if len(waiting) == _AHEAD * workers:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _next(waiting: deque[tuple[K, Future[R]]]) -> tuple[K, R]:
    key, future = waiting.popleft()
    return key, future.result()
