"""Gives boxes on a frame their places on the ground and their sizes, the same for a model's and a person's."""

from collections.abc import Iterable
from typing import Protocol

from service.accounts.service import camera_of
from service.defects.boxes import BoxPx
from service.defects.mountings import corrected
from service.defects.recording import SeenBox
from service.identity.locate import FramePose, locate
from service.surveys.models import Frame
from service.work_orders.quantities import estimate_error, estimate_quantity


class FoundBox(Protocol):
    """A box as a detector gives it: upright pixels of the frame."""

    @property
    def class_key(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def xyxy_px(self) -> BoxPx: ...


def see_boxes(frame: Frame, pose: FramePose, found: Iterable[FoundBox]) -> list[SeenBox]:
    """The boxes of a frame, in upright pixels of the size that the pose names."""
    camera = corrected(camera_of(frame.vehicle), frame.survey.mounting)
    boxes = []
    for one in found:
        position = locate(one.xyxy_px, camera, pose, one.class_key)
        size = estimate_quantity(one.class_key, position)
        size_sd = estimate_error(one.class_key, position, size)
        boxes.append(SeenBox(one.class_key, one.score, one.xyxy_px, position, size, size_sd))
    return boxes
