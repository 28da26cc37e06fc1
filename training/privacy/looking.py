"""Shows pictures to the teachers, whole and in close-ups of every person and vehicle, and keeps all they saw.

A plate of a far car has 15 pixels in a whole frame, and its finder learnt on pictures of single cars: a close-up of
each car shows it what it knows. What was seen is kept with its scores, so that rules can change without looking again.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from datasets.reading import DataError, read_pictures
from datasets.records import Split
from datasets.sources import SOURCES
from inference.stream import map_in_order
from training.privacy.teachers import PERSON, VEHICLES, Rows, Teachers

FOLDER = "privacy"  # under the runs folder: teachers, what they saw, and the runs
SEEN_FILE = "seen.jsonl"
WHOLE_PX = 1120  # long side of a survey frame here; smaller pictures are enlarged to it
CLOSE_PX = 640  # of a close-up: what the plate finder was trained at
MOST_ZOOM = 4.0
LEAST_PERSON_PX, LEAST_VEHICLE_PX = 24, 40  # smaller ones have no face or plate that anybody could read
LEAST_CONTEXT, LEAST_FACE, LEAST_PLATE = 0.1, 0.15, 0.1
# Survey frames first: a run that is stopped has then looked at what matters most.
ORDER = (
    "smartathon", "neg_india_dash", "india_obstacle_pothole", "flood_street_cn", "bianka_br_highway",
    "graffiti_athens", "flood_web_in_uk", "puddle_handheld_in_kr", "chitholian_665", "fan_stereo_pothole",
    "marshell_topdown_crack",
)  # fmt: skip

Box = tuple[float, float, float, float, float]


class Seen(BaseModel):
    """What the teachers saw in one picture: x0, y0, x1, y1 in its pixels and the score, in no order."""

    model_config = ConfigDict(frozen=True)

    name: str  # source/stem
    split: Split
    width: int
    height: int
    people: tuple[Box, ...]
    vehicles: tuple[Box, ...]
    faces_whole: tuple[Box, ...]
    faces_close: tuple[Box, ...]
    plates_whole: tuple[Box, ...]
    plates_close: tuple[Box, ...]


class Picture(BaseModel):
    """A street picture to learn from or to choose by; test pictures are never read here."""

    model_config = ConfigDict(frozen=True)

    name: str
    split: Split
    path: Path


def list_pictures(data: Path) -> list[Picture]:
    """Those of train and val of every source that may be trained on, the most like a survey's first."""
    by_name = {source.name: source for source in SOURCES if not source.evaluation_only}
    ordered = [by_name[name] for name in (*ORDER, *sorted(by_name.keys() - set(ORDER))) if name in by_name]
    return [
        Picture(name=f"{source.name}/{rows.image_path.stem}", split=rows.split, path=rows.image_path)
        for source in ordered
        if (data / source.name).is_dir()
        for rows in read_pictures(data / source.name, source, corrected=False)
        if rows.split is not Split.TEST
    ]


def read_seen(path: Path) -> dict[str, Seen]:
    """By name; a last line that a stopped run left unfinished is passed over."""
    if not path.exists():
        return {}
    lines = path.read_text("utf-8").splitlines(keepends=True)
    seen = (Seen.model_validate_json(line) for line in lines if line.endswith("\n"))
    return {one.name: one for one in seen}


def look_at_all(
    pictures: Iterable[Picture], teachers: Teachers, path: Path, workers: int = 1
) -> Generator[Seen, None, None]:
    """Look at the pictures that `path` does not hold yet, adding each to it: stop and start again at any time.

    workers pictures are looked at at a time, each on one core.
    """
    known = read_seen(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = b"".join(line for line in _lines(path) if line.endswith(b"\n"))
    path.write_bytes(whole)
    waiting = ((picture, picture) for picture in pictures if picture.name not in known)
    with (
        path.open("a", encoding="utf-8") as file,
        closing(map_in_order(lambda one: look(one, read_picture(one.path), teachers), waiting, workers)) as looks,
    ):
        for _, seen in looks:
            file.write(seen.model_dump_json() + "\n")
            file.flush()
            yield seen


def read_picture(path: Path) -> NDArray[np.uint8]:
    """BGR pixels (H, W, 3)."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise DataError(f"expected a readable picture at {path}, got none; restore the file")
    return np.asarray(pixels, dtype=np.uint8)


def look(picture: Picture, pixels: NDArray[np.uint8], teachers: Teachers) -> Seen:
    """All looks at one picture."""
    height, width = pixels.shape[:2]
    people = teachers.context.find(pixels, WHOLE_PX, LEAST_CONTEXT, PERSON)
    vehicles = teachers.context.find(pixels, WHOLE_PX, LEAST_CONTEXT, VEHICLES)
    close_faces = [_moved(teachers.faces.find(cut, side, LEAST_FACE), x, y) for cut, x, y, side in
                   close_ups(pixels, people, LEAST_PERSON_PX)]  # fmt: skip
    close_plates = [_moved(teachers.plates.find(cut, side, LEAST_PLATE, (0,)), x, y) for cut, x, y, side in
                    close_ups(pixels, vehicles, LEAST_VEHICLE_PX)]  # fmt: skip
    return Seen(
        name=picture.name, split=picture.split, width=width, height=height,
        people=_boxes(people), vehicles=_boxes(vehicles),
        faces_whole=_boxes(teachers.faces.find(pixels, WHOLE_PX, LEAST_FACE)),
        faces_close=_boxes(*close_faces),
        plates_whole=_boxes(teachers.plates.find(pixels, WHOLE_PX, LEAST_PLATE, (0,))),
        plates_close=_boxes(*close_plates),
    )  # fmt: skip


def close_ups(
    pixels: NDArray[np.uint8], rows: Rows, least_px: int
) -> Iterator[tuple[NDArray[np.uint8], int, int, int]]:
    """Of each box at least so large: its pixels with some around, their left and top, and the long side to show."""
    height, width = pixels.shape[:2]
    for x0, y0, x1, y1, _ in rows.tolist():
        if max(x1 - x0, y1 - y0) < least_px:
            continue
        around = 0.1 * max(x1 - x0, y1 - y0)
        left, top = max(int(x0 - around), 0), max(int(y0 - around), 0)
        cut = pixels[top : min(int(y1 + around) + 1, height), left : min(int(x1 + around) + 1, width)]
        long_side = min(CLOSE_PX, int(max(cut.shape[:2]) * MOST_ZOOM))
        yield np.ascontiguousarray(cut), left, top, max(long_side, 32)


def _moved(rows: Rows, left: int, top: int) -> Rows:
    moved: Rows = rows + np.array([left, top, left, top, 0.0])
    return moved


def _boxes(*several: Rows) -> tuple[Box, ...]:
    rows = np.concatenate([np.zeros((0, 5)), *several]).round(3).tolist()
    return tuple((x0, y0, x1, y1, score) for x0, y0, x1, y1, score in rows)


def _lines(path: Path) -> Sequence[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []
