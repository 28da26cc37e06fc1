"""Many files on all cores: in order, in bounded memory, and stopped by nothing but the caller."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from inference.detections import Detections
from inference.detector import Detector
from inference.errors import ImageRefused
from inference.images import decode_image
from inference.stream import File, map_in_order
from tests.images import encode_image
from tests.models import blob_image, write_blob_model

WIDE = 640  # the network's long side is 320: a JPEG is decoded at half its size


def street(number: int, file_format: str = "PNG", orientation: int = 1) -> bytes:
    x0 = 8 * (number % 60)
    return encode_image(blob_image({"pothole": [(x0, 100, x0 + 64, 164)]}), file_format, orientation)


STREETS = [street(number) for number in range(12)]


def same(some: Detections | ImageRefused, other: Detections) -> bool:
    parts = ("xyxy_px", "score", "class_index")
    return isinstance(some, Detections) and all(
        np.array_equal(getattr(some, part), getattr(other, part)) for part in parts
    )


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_a_stream_gives_in_order_what_each_image_gives_alone(detector: Detector, workers: int | None) -> None:
    alone = [detector.detect([decode_image(data).pixels])[0] for data in STREETS]
    found = list(detector.stream(enumerate(STREETS), workers))
    assert [key for key, _ in found] == list(range(len(STREETS)))
    assert all(same(one, expected) for (_, one), expected in zip(found, alone, strict=True))


def test_nothing_in_gives_nothing_out(detector: Detector) -> None:
    assert list(detector.stream([])) == []


def test_a_broken_file_in_the_middle_is_told_at_its_place_and_stops_nothing(detector: Detector) -> None:
    def gone() -> bytes:
        raise ImageRefused("image.missing", "a file", "none")

    files: list[tuple[str, File]] = [
        ("whole", STREETS[0]),
        ("cut", STREETS[1][:-40]),
        ("gone", gone),
        ("also whole", STREETS[2]),
    ]
    found = dict(detector.stream(files, 2))
    codes = {name: one.code if isinstance(one, ImageRefused) else len(one) for name, one in found.items()}
    assert list(codes.items()) == [
        ("whole", 1),
        ("cut", "image.truncated"),
        ("gone", "image.missing"),
        ("also whole", 1),
    ]


def test_the_limit_of_pixels_holds_in_a_stream(detector: Detector) -> None:
    ((_, refused),) = detector.stream([("big", STREETS[0])], max_pixels=1000)
    assert isinstance(refused, ImageRefused) and refused.code == "image.too_many_pixels"


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_decoded_smaller_gives_the_same_boxes_within_a_pixel_and_a_half(
    detector: Detector, orientation: int
) -> None:
    for number in (0, 7, 31):
        data = street(number, "JPEG", orientation)
        (whole,) = detector.detect([decode_image(data).pixels])
        ((_, reduced),) = detector.stream([("", data)])
        assert isinstance(reduced, Detections)
        assert (reduced.width, reduced.height, reduced.orientation) == (WIDE, 480, orientation)
        assert np.abs(reduced.xyxy_px - whole.xyxy_px).max() <= 1.5
        assert np.abs(reduced.score - whole.score).max() <= 0.05


def test_boxes_of_a_turned_file_go_to_the_pixels_as_stored(detector: Detector) -> None:
    ((_, found),) = detector.stream([("", street(3, orientation=6))])
    assert isinstance(found, Detections)
    stored = found.to_stored()
    assert (stored.width, stored.height) == (480, WIDE)
    assert np.abs(stored.xyxy_px[0] - (100, WIDE - 88, 164, WIDE - 24)).max() <= 2


class Watched:
    """An endless row of items that counts how many were taken, and at most how many of them at once."""

    def __init__(self) -> None:
        self.taken = 0
        self.given = 0
        self.most = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for number in count():
            self.taken += 1
            self.most = max(self.most, self.taken - self.given)
            yield number, number


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rasid-stream")]


@pytest.mark.parametrize("workers", [1, 3])
def test_at_most_two_items_a_worker_are_in_memory_however_many_come(workers: int) -> None:
    items = Watched()
    with closing(map_in_order(lambda item: item, items, workers)) as stream:
        for key, result in islice(stream, 400):
            assert key == result == items.given
            items.given += 1
    assert items.most == 2 * workers


def test_a_stream_nobody_asks_takes_nothing_and_starts_no_thread() -> None:
    items = Watched()
    stream = map_in_order(lambda item: item, items, 2)
    assert items.taken == 0 and not alive()
    stream.close()


def test_closing_early_ends_the_workers_and_takes_no_more() -> None:
    items = Watched()
    stream = map_in_order(lambda item: item, items, 2)
    next(stream)
    assert alive()
    stream.close()
    assert not alive() and items.taken == 4


def test_an_exception_of_the_caller_ends_the_workers() -> None:
    with pytest.raises(RuntimeError, match="the caller's"), closing(map_in_order(str, Watched(), 2)) as stream:
        for _ in stream:
            raise RuntimeError("the caller's")
    assert not alive()


@pytest.mark.parametrize("workers", [1, 3])
def test_an_exception_that_is_no_refusal_comes_at_its_place_and_ends_the_workers(workers: int) -> None:
    def work(number: int) -> int:
        return 10 // (5 - number)

    got: list[int] = []
    with pytest.raises(ZeroDivisionError):
        got.extend(result for _, result in map_in_order(work, ((n, n) for n in range(100)), workers))
    assert not alive()


def test_an_exception_of_the_iterable_ends_the_workers() -> None:
    def items() -> Iterator[tuple[int, int]]:
        yield 1, 1
        raise OSError("the folder is gone")

    with pytest.raises(OSError, match="the folder is gone"):
        list(map_in_order(str, items(), 2))
    assert not alive()


def test_workers_work_at_once() -> None:
    together = threading.Barrier(3, timeout=20)  # passes only when three are inside at the same time
    results = map_in_order(lambda _: together.wait(), ((n, n) for n in range(6)), 3)
    assert len(list(results)) == 6


def test_a_file_is_read_on_the_worker(tmp_path: Path) -> None:
    detector = Detector.open(write_blob_model(tmp_path / "m.onnx"))
    readers: list[str] = []

    def reader(data: bytes) -> Callable[[], bytes]:
        def read() -> bytes:
            readers.append(threading.current_thread().name)
            return data

        return read

    assert len(list(detector.stream([(n, reader(data)) for n, data in enumerate(STREETS[:3])]))) == 3
    assert all(name.startswith("rasid-stream") for name in readers)
