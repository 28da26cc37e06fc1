"""Gives boxes on a frame their places on the ground and their sizes, the same for a model's and a person's."""

from collections.abc import Iterable
from typing import Protocol

from service.accounts.service import camera_of
from service.defects.boxes import BoxPx
from service.defects.locate import Camera, FramePose, locate
from service.defects.service import SeenBox
from service.surveys.models import Frame
from service.work_orders.quantities import estimate_quantity


class FoundBox(Protocol):
    """A box as a detector gives it: upright pixels of the frame."""

    @property
    def class_key(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def xyxy_px(self) -> BoxPx: ...


def see_boxes(frame: Frame, width: int, height: int, found: Iterable[FoundBox]) -> list[SeenBox]:
    """The boxes of a frame of width x height upright pixels."""
    profile = camera_of(frame.vehicle)
    camera = None
    if profile.height_m is not None and profile.pitch_deg is not None and profile.hfov_deg is not None:
        camera = Camera(profile.height_m, profile.pitch_deg, profile.hfov_deg, profile.yaw_deg)
    assert frame.lat is not None and frame.lon is not None  # a received frame has a place
    pose = FramePose(frame.lat, frame.lon, frame.heading_deg, width, height)
    boxes = []
    for one in found:
        position = locate(one.xyxy_px, camera, pose)
        size = estimate_quantity(one.class_key, position)
        boxes.append(SeenBox(one.class_key, one.score, one.xyxy_px, position, size))
    return boxes
