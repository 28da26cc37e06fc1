"""The drive simulator: survey drives through made-up streets of Dammam and Khobar with exact ground truth."""

from datasets.simulator.camera import CameraModel
from datasets.simulator.drive import DEMO_SEEDS, drive
from datasets.simulator.frame import RenderedFrame, Truth
from datasets.simulator.track import ROUTES, TrackPoint, synthetic_track

__all__ = [
    "DEMO_SEEDS",
    "ROUTES",
    "CameraModel",
    "RenderedFrame",
    "TrackPoint",
    "Truth",
    "drive",
    "synthetic_track",
]
