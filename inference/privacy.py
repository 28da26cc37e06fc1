"""Finds the faces and licence plates in a picture, so that they can be made illegible before it is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inference.backends import ONNXRUNTIME, Backend, open_backend
from inference.errors import ModelRefused
from inference.heads import NMS_IOU, Candidates, Head, read_head
from inference.letterbox import Letterbox
from inference.overlap import iou_matrix
from inference.registry import ModelFile, load_model, read_registry, released_folder

FORMAT = "privacy-1"  # of the metadata: a defect detector is not opened as a privacy model, nor the other way round
NEWEST = "privacy"  # the name that stands for the last released privacy model
RELEASED_PREFIX = "privacy-"
COARSEST = 0.5
"""A picture is never looked at smaller than this share of its size alone: larger ones are looked at in parts too."""
OVERLAP_PX = 96  # of two parts, in input pixels: what is smaller than this is whole in one of them
_STRUCTURED = ("class_keys", "thresholds", "source_data", "teachers")

Kind = Literal["face", "plate"]
KINDS: tuple[Kind, ...] = ("face", "plate")
Score = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=32, le=4096)]


@dataclass(frozen=True)
class Region:
    """One face or plate: corners x0, y0, x1, y1 in upright pixels, score 0..1."""

    kind: Kind
    score: float
    xyxy_px: tuple[float, float, float, float]


class PrivacyCard(BaseModel):
    """What a privacy model is and was made from; travels as metadata inside its ONNX file, sha256 apart."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    class_keys: tuple[Kind, ...] = Field(min_length=1)
    input_height: Side
    input_width: Side
    fits_aspect: bool = False  # the input takes each picture's own aspect; its long side is the longer of the two
    stride: int = Field(ge=1)
    head: Head
    thresholds: dict[Kind, Score]
    source_data: tuple[str, ...]
    teachers: tuple[str, ...]
    license: str
    trained_at: str
    code_version: str
    sha256: str = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if len(set(self.class_keys)) != len(self.class_keys) or set(self.thresholds) != set(self.class_keys):
            raise ValueError(f"thresholds need exactly the class keys, got {self.thresholds} for {self.class_keys}")
        if self.input_height % self.stride or self.input_width % self.stride:
            raise ValueError(f"input {self.input_height}x{self.input_width} is not a multiple of {self.stride}")
        return self

    @property
    def long_side_px(self) -> int:
        return max(self.input_height, self.input_width)

    def to_metadata(self) -> dict[str, str]:
        """The metadata_props to store in the ONNX file; read_privacy_card reads them back unchanged."""
        fields = self.model_dump(mode="json", exclude={"sha256"})
        texts = {key: json.dumps(value) if key in _STRUCTURED else str(value) for key, value in fields.items()}
        return {"rasid_format": FORMAT} | texts


class PrivacyModel:
    """One opened model. It holds no state between calls, so threads may share it."""

    def __init__(self, backend: Backend, card: PrivacyCard, thresholds: Mapping[Kind, float] | None = None) -> None:
        self.card = card
        self._backend = backend
        told = card.thresholds if thresholds is None else thresholds
        self._thresholds = np.array([told[key] for key in card.class_keys], dtype=np.float32)

    @classmethod
    def open(
        cls,
        model: str | Path = NEWEST,
        threads: int = 1,
        backend: str = ONNXRUNTIME,
        folder: Path | None = None,
        thresholds: Mapping[Kind, float] | None = None,
    ) -> "PrivacyModel":
        """Open the last released privacy model, another by its name, or an .onnx file by path, and run it once.

        threads are the processor cores one picture may use. Raises ModelRefused.
        """
        file = _load(model, folder or released_folder())
        opened = open_backend(backend, file.data, threads)
        found = cls(opened, read_privacy_card(opened.metadata, file.sha256), thresholds)
        found._check_output()
        return found

    def find(self, pixels: NDArray[np.uint8]) -> tuple[Region, ...]:
        """The faces and plates in upright BGR pixels (H, W, 3), the surest first.

        The picture is looked at as a whole at the model's input size, smaller pictures enlarged to it. One more than
        1 / COARSEST times as large is then looked at again in overlapping parts, at that share of its size.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(f"pixels: expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
        looks = [self._look(pixels)]
        for left, top, part in parts_of(pixels, self.card.long_side_px):
            looks.append(_moved(self._look(part), left, top, scale=COARSEST))
        found = looks[0] if len(looks) == 1 else _joined(looks)
        height, width = pixels.shape[:2]
        boxes = np.clip(found.xyxy_input_px, 0, [width, height, width, height]).tolist()
        named = zip(found.class_index.tolist(), found.score.tolist(), boxes, strict=True)
        return tuple(
            Region(self.card.class_keys[index], score, (x0, y0, x1, y1))
            for index, score, (x0, y0, x1, y1) in named
            if x0 < x1 and y0 < y1
        )

    def _look(self, pixels: NDArray[np.uint8]) -> Candidates:
        """One run of the network; boxes are in the pixels it was given."""
        letterbox = self._letterbox(pixels.shape[1], pixels.shape[0])
        output = self._backend.run(self._backend.feed(letterbox.canvas(pixels)))[0]
        found = read_head(self.card.head, output, self._thresholds)
        return Candidates(letterbox.to_image(found.xyxy_input_px).astype(np.float32), found.score, found.class_index)

    def _letterbox(self, width: int, height: int) -> Letterbox:
        card = self.card
        if not card.fits_aspect:
            return Letterbox(width, height, card.input_width, card.input_height)
        return Letterbox.around(width, height, card.long_side_px, card.stride)

    def _check_output(self) -> None:
        canvas = self._letterbox(8, 1).canvas(np.zeros((1, 8, 3), np.uint8))
        shape = self._backend.run(self._backend.feed(canvas)).shape
        axis, size = (2, 6) if self.card.head is Head.END2END else (1, 4 + len(self.card.class_keys))
        if len(shape) != 3 or shape[axis] != size:
            raise ModelRefused("model.shape", f"{self.card.head} output with {size} values a box", f"{shape}")


def read_privacy_card(metadata: Mapping[str, str], sha256: str) -> PrivacyCard:
    """Parse an ONNX file's metadata_props; raises ModelRefused naming what is missing or wrong."""
    told = metadata.get("rasid_format", "none")
    if told != FORMAT:
        raise ModelRefused("model.metadata", f"a privacy model (rasid_format {FORMAT})", f"rasid_format {told}")
    try:
        fields = {key: json.loads(text) if key in _STRUCTURED else text for key, text in metadata.items()}
        return PrivacyCard.model_validate({**fields, "sha256": sha256})
    except (json.JSONDecodeError, ValidationError) as error:
        raise ModelRefused("model.metadata", "complete, agreeing fields of a privacy model", str(error)) from error


def parts_of(pixels: NDArray[np.uint8], side_px: int) -> list[tuple[float, float, NDArray[np.uint8]]]:
    """Overlapping parts of the picture at COARSEST of its size, each at most side_px wide and high, with the place of
    their left top corner in the picture; none for a picture that one look at side_px shows large enough."""
    height, width = pixels.shape[:2]
    if max(width, height) * COARSEST <= side_px:
        return []
    size = max(1, round(width * COARSEST)), max(1, round(height * COARSEST))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    corners = product(_starts(size[1], side_px), _starts(size[0], side_px))
    return [
        (left / COARSEST, top / COARSEST, np.ascontiguousarray(small[top : top + side_px, left : left + side_px]))
        for top, left in corners
    ]


def _starts(length_px: int, side_px: int) -> list[int]:
    """Where parts of side_px begin so that they cover the length with OVERLAP_PX at least, evenly."""
    if length_px <= side_px:
        return [0]
    count = -(-(length_px - OVERLAP_PX) // (side_px - OVERLAP_PX))
    return [round(number * (length_px - side_px) / (count - 1)) for number in range(count)]


def _moved(found: Candidates, left: float, top: float, scale: float) -> Candidates:
    boxes = found.xyxy_input_px / scale + np.array([left, top, left, top])
    return Candidates(boxes.astype(np.float32), found.score, found.class_index)


def _joined(looks: list[Candidates]) -> Candidates:
    """The boxes of all looks; of those that overlap, the surest."""
    boxes = np.concatenate([found.xyxy_input_px for found in looks])
    score = np.concatenate([found.score for found in looks])
    index = np.concatenate([found.class_index for found in looks])
    order = np.argsort(-score, kind="stable")
    exact, sorts = boxes[order].astype(np.float64), index[order]
    overlaps = (iou_matrix(exact, exact) > NMS_IOU) & (sorts[:, None] == sorts)
    kept: list[int] = []
    for row in range(len(order)):
        if not overlaps[row, kept].any():
            kept.append(row)
    chosen = order[kept]
    return Candidates(boxes[chosen], score[chosen], index[chosen])


def _load(model: str | Path, folder: Path) -> ModelFile:
    return load_model(_newest(folder) if model == NEWEST else model, folder)


def _newest(folder: Path) -> str:
    released = {
        name: entry.released_at
        for name, entry in read_registry(folder).models.items()
        if name.startswith(RELEASED_PREFIX)
    }
    if not released:
        got = "none; give the path of an .onnx file, or turn blurring off"
        raise ModelRefused("model.unknown", f"a released model {RELEASED_PREFIX}... in {folder}", got)
    return max(released, key=lambda name: (released[name], name))
