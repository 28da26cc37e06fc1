"""Makes the pictures a privacy model learns from: agreed labels, covered doubts, drawn plates, boards that are none."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from datasets.export import LABELLED_FILE, ExportedData
from inference.blur import covered, make_illegible
from inference.overlap import iou_matrix
from inference.privacy import KINDS, Kind
from training.errors import TrainingError
from training.privacy.agreement import PLATE_LIMITS, Labels, XyxyPx, agree, rows
from training.privacy.config import PrivacyConfig
from training.privacy.drawing import draw_board, draw_plate, paste
from training.privacy.looking import Picture, Seen, read_picture

LEAST_VEHICLE_PX = 50
MOST_WIDE = 1.5  # width over height of a vehicle seen from ahead or behind; from the side it is wider
_PLATE_WIDTHS = (0.16, 0.3)  # of such a vehicle's width
_PLATE_HEIGHTS = (0.5, 0.85)  # where its middle lies, of the vehicle's height from above

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Example:
    """One training picture with its labels."""

    name: str
    pixels: Pixels
    boxes: tuple[tuple[Kind, XyxyPx], ...]


def write_examples(
    pictures: Iterable[Picture], seen: dict[str, Seen], config: PrivacyConfig, folder: Path
) -> tuple[ExportedData, dict[str, float]]:
    """Write those pictures that were looked at as a YOLO folder; the data and how often each picture is drawn.

    An earlier export in `folder` is replaced. The same labels and configuration give the same pictures.
    """
    for part in ("images", "labels"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part / "train").mkdir(parents=True)
    weights, digest = {}, hashlib.sha256()
    for picture in pictures:
        if picture.name not in seen:
            continue
        example = make_example(picture.name, read_picture(picture.path), seen[picture.name], config)
        digest.update(_write(example, folder))
        source = picture.name.partition("/")[0]
        busy = config.with_boxes_weight if example.boxes else 1.0
        weights[example.name] = busy * config.source_weights.get(source, 1.0)
    if not weights:
        raise TrainingError("expected pictures that the teachers have looked at, got none; run `rasid privacy label`")
    labelled = {f"{name}.jpg": list(range(len(KINDS))) for name in weights}
    (folder / LABELLED_FILE).write_text(json.dumps(labelled), encoding="utf-8")
    content = {"path": str(folder.resolve()), "train": "images/train", "val": "images/train"}
    data_yaml = folder / "data.yaml"
    data_yaml.write_text(yaml.safe_dump(content | {"names": dict(enumerate(KINDS))}, sort_keys=False), "utf-8")
    return ExportedData(data_yaml, digest.hexdigest(), {"train": len(weights)}), weights


def make_example(name: str, pixels: Pixels, seen: Seen, config: PrivacyConfig) -> Example:
    """The picture with doubts covered and with what chance, fixed by its name, pastes into it."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{config.seed}{name}".encode()).digest()[:8], "big"))
    labels = agree(seen)
    pixels = make_illegible(pixels, doubts(labels, pixels.shape[1], pixels.shape[0]))
    boxes = list(labels.boxes)
    for vehicle in bare_vehicles(seen, labels):
        if rng.random() < config.pasted_plates:
            pixels, box = paste(pixels, draw_plate(rng).pixels, _plate_corners(vehicle, rng), rng)
            boxes.append(("plate", box))
    if rng.random() < config.boards:
        pixels = _with_boards(pixels, seen, boxes, rng)
    return Example(name.replace("/", "__"), pixels, tuple(boxes))


def doubts(labels: Labels, width: int, height: int) -> list[XyxyPx]:
    """What is covered without touching what is believed."""
    believed = np.array([covered(box, width, height) for _, box in labels.boxes], np.float64).reshape(-1, 4)
    places = [(box, np.array([covered(box, width, height)], np.float64)) for box in labels.covered]
    return [box for box, place in places if not iou_matrix(place, believed).any()]


def bare_vehicles(seen: Seen, labels: Labels) -> list[XyxyPx]:
    """Vehicles seen from ahead or behind, large enough, wholly in the picture and without any suspected plate."""
    taken = np.array([box for _, box in labels.boxes] + list(labels.covered), np.float64).reshape(-1, 4)
    sure = rows(seen.vehicles)
    sure = sure[sure[:, 4] >= PLATE_LIMITS.sure_carrier][:, :4]
    chosen = []
    for index, (x0, y0, x1, y1) in enumerate(sure.tolist()):
        apart = iou_matrix(sure[index : index + 1], np.delete(sure, index, axis=0)).max(initial=0) < 0.2
        inside = x0 > 2 and y0 > 2 and x1 < seen.width - 2 and y1 < seen.height - 2
        upright = LEAST_VEHICLE_PX <= x1 - x0 <= MOST_WIDE * (y1 - y0)
        middles = (taken[:, :2] + taken[:, 2:]) / 2
        bare = not np.any((middles > (x0, y0)).all(axis=1) & (middles < (x1, y1)).all(axis=1))
        if apart and inside and upright and bare:
            chosen.append((x0, y0, x1, y1))
    return chosen


def _plate_corners(vehicle: XyxyPx, rng: np.random.Generator) -> NDArray[np.float32]:
    x0, y0, x1, y1 = vehicle
    width = rng.uniform(*_PLATE_WIDTHS) * (x1 - x0)
    height = width / rng.choice([2.0, 4.6, 4.6])
    middle = np.array(
        [(x0 + x1) / 2 + rng.uniform(-0.08, 0.08) * (x1 - x0), y0 + rng.uniform(*_PLATE_HEIGHTS) * (y1 - y0)]
    )
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    turn = np.array([[rng.uniform(0.75, 1.0), rng.uniform(-0.08, 0.08)], [rng.uniform(-0.12, 0.12), 1.0]])
    corners: NDArray[np.float32] = (flat @ turn.T + middle).astype(np.float32)
    return corners


def _with_boards(pixels: Pixels, seen: Seen, boxes: list[tuple[Kind, XyxyPx]], rng: np.random.Generator) -> Pixels:
    """One to three boards of any size, away from vehicles, people and labels."""
    taken = np.concatenate([rows(seen.vehicles)[:, :4], rows(seen.people)[:, :4],
                            np.array([box for _, box in boxes], np.float64).reshape(-1, 4)])  # fmt: skip
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        board = draw_board(rng).pixels
        wide = float(np.exp(rng.uniform(np.log(14), np.log(0.25 * width))))
        high = wide * board.shape[0] / board.shape[1]
        if high + 4 >= height or wide + 4 >= width:
            continue
        x0, y0 = rng.uniform(1, width - wide - 2), rng.uniform(1, height - high - 2)
        place = np.array([[x0, y0, x0 + wide, y0 + high]])
        if iou_matrix(place, taken).any():
            continue
        corners = np.array([[x0, y0], [x0 + wide, y0], [x0 + wide, y0 + high], [x0, y0 + high]], np.float32)
        pixels, _ = paste(pixels, board, corners, rng)
    return pixels


def _write(example: Example, folder: Path) -> bytes:
    """The bytes that tell this example from another."""
    done, jpeg = cv2.imencode(".jpg", example.pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise TrainingError(f"expected to encode {example.name}, the library refused")
    height, width = example.pixels.shape[:2]
    lines = "".join(_row(kind, box, width, height) for kind, box in example.boxes)
    (folder / "images" / "train" / f"{example.name}.jpg").write_bytes(jpeg.tobytes())
    (folder / "labels" / "train" / f"{example.name}.txt").write_text(lines, "utf-8")
    return hashlib.sha256(jpeg.tobytes() + lines.encode()).digest()


def _row(kind: Kind, box: XyxyPx, width: int, height: int) -> str:
    x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height]).tolist()
    middle = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height
    return f"{KINDS.index(kind)} {middle[0]:.6f} {middle[1]:.6f} {(x1 - x0) / width:.6f} {(y1 - y0) / height:.6f}\n"
