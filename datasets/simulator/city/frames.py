"""What a survey delivers: frames with boxes as a detector would give them, and the truth beside each frame."""

from dataclasses import dataclass
from datetime import datetime

from datasets.simulator.city.vehicles import ToldCamera


@dataclass(frozen=True)
class ObservedBox:
    """xyxy_px in upright pixels; true_id None: a false alarm."""

    class_key: str
    score: float
    xyxy_px: tuple[float, float, float, float]
    true_id: str | None


@dataclass(frozen=True)
class FrameTruth:
    """The true pose: heading of the vehicle, pitch and roll of its camera with the bumps of that moment.

    visible_ids: defects inside the picture, at most 40 m away and hidden by nothing; occluded_ids: the same but hidden
    by a parked or passing car. What a building hides is in neither.
    """

    east_m: float
    north_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    visible_ids: tuple[str, ...]
    occluded_ids: tuple[str, ...]


@dataclass(frozen=True)
class ObservedFrame:
    """All but `truth` (and the boxes' true_id) is as the vehicle tells it; captured_at is by its camera's clock."""

    frame_id: str
    survey_id: str
    vehicle_id: str
    captured_at: datetime  # UTC
    lat: float
    lon: float
    heading_deg: float | None  # of the told track; None where it says none
    gps_dop: float | None
    gps_sd_m: float  # per axis, as the receiver states it
    speed_mps: float
    width: int
    height: int
    camera: ToldCamera | None
    boxes: tuple[ObservedBox, ...]  # highest score first
    truth: FrameTruth
