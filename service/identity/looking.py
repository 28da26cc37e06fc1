"""Whether a frame should have shown a defect, so that a look that saw nothing can be told from no look at all."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import cos, exp, hypot, log, radians, sin, sqrt, tan
from typing import TypeAlias

from service.identity.camera import Camera
from service.identity.gaussian import Ellipse
from service.identity.locate import LEAST_DROP_M
from service.identity.shapes import SHAPES, Shape

Chances: TypeAlias = tuple[float, ...]  # one for each of PLACES; empty: the frame says nothing of the place

# Share of the boxes that rasid-n 0.3 found on the test split at its thresholds (models/rasid-n-0.3.md, vehicle sources
# where there are any). An overlap of 0.5 was asked for, so these are too low rather than too high for "seen at all".
FOUND: dict[str, float] = {
    "pothole": 0.635, "road_crack": 0.523, "garbage": 0.340, "graffiti": 0.519, "construction_barrier": 0.385,
    "neglected_sidewalk": 0.490, "bad_billboard": 0.545, "sand_rubble": 0.450, "standing_water": 0.775,
    "damaged_sign": 0.0, "unkept_facade": 0.286,
}  # fmt: skip
# How that falls with the distance, as shares of its best: 240 drawn frames, `python -m training.measure_rates`, in
# datasets/simulator/city/rates.json; classes that are not drawn have those of their kind, flat or standing.
AT_M = (8.0, 12.5, 17.5, 22.5, 27.5, 35.0)
FAR_M = 40.0
_FLAT, _STANDING = (1.0, 0.93, 0.79, 0.69, 0.21, 0.0), (0.95, 1.0, 0.98, 0.94, 0.88, 0.87)
FALLS: dict[str, tuple[float, ...]] = {
    "pothole": (1.0, 0.99, 0.80, 0.75, 0.11, 0.0), "road_crack": (1.0, 0.77, 0.76, 0.54, 0.20, 0.0),
    "garbage": (0.92, 1.0, 1.0, 0.96, 0.92, 0.92), "graffiti": (1.0, 0.96, 0.96, 0.68, 0.62, 0.52),
    "construction_barrier": (0.97, 1.0, 0.99, 0.98, 0.96, 0.88), "neglected_sidewalk": _FLAT,
    "bad_billboard": _STANDING, "sand_rubble": (0.97, 1.0, 0.84, 0.84, 0.72, 0.70), "standing_water": _FLAT,
    "damaged_sign": _STANDING, "unkept_facade": _STANDING,
}  # fmt: skip

NEAR_M = 4.0  # nearer the bonnet hides the road: coverage.footprint
EDGE_SHARE = 0.04  # of the picture on each side: a thing cut by the edge is no look
LEAST_CHANCE = 0.15  # a frame that would hardly show it is no look
MOST_CHANCE = 0.9  # however good the model is: a passing car hides one side of the view

# Seven places that stand for a Gaussian on the ground, in standard deviations, and their weights: exact for
# polynomials to the fifth degree (Stroud, Approximate Calculation of Multiple Integrals, 1971, E2r2 5-1).
PLACES = ((0.0, 0.0), *((2 * sin(radians(60 * k)), 2 * cos(radians(60 * k))) for k in range(6)))
WEIGHTS = (1 / 2, *(1 / 12 for _ in range(6)))

NO_ERROR = Ellipse(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Pose:
    """Where the vehicle was, in metres of the plane that the defect's place is given in."""

    east_m: float
    north_m: float
    heading_deg: float | None  # clockwise from north
    ellipse: Ellipse = NO_ERROR  # of its fix


@dataclass(frozen=True)
class LookSum:
    """What the frames of one visit add up to; `unseen_log` is the logarithm of the chance that all looks without a
    sighting miss a thing that is there.

    Kept for each place where the thing may lie, because one error of the vehicle's fix moves all its frames alike.
    """

    looks: int = 0  # frames that should have shown it, and those that did
    logs: tuple[float, ...] = (0.0,) * len(PLACES)

    @classmethod
    def of(cls, looks: int, unseen_log: float) -> "LookSum":
        """Goes on from a visit that is stored."""
        return cls(looks, (unseen_log,) * len(PLACES))

    def add(self, chances: Chances, *, seen: bool = False) -> "LookSum":
        """With one more frame, told by `chances_of`; one that shows too little is no look unless it saw the thing."""
        if seen:
            return replace(self, looks=self.looks + 1)
        if _mean(chances) < LEAST_CHANCE:
            return self
        return LookSum(self.looks + 1, tuple(a + log(1 - p) for a, p in zip(self.logs, chances, strict=True)))

    @property
    def unseen_log(self) -> float:
        return min(0.0, log(sum(weight * exp(one) for weight, one in zip(WEIGHTS, self.logs, strict=True))))


def recall(class_key: str, distance_m: float, best: float | None = None) -> float:
    """Chance that a frame shows a present defect so that the model finds it, `distance_m` from the camera.

    `best`: what was measured for this camera and town at the best distance; without it the model's own (FOUND).
    """
    shares = FALLS[class_key]
    best = FOUND[class_key] if best is None else best
    if distance_m >= FAR_M:
        return 0.0
    index = bisect_right(AT_M, distance_m)
    if index in (0, len(AT_M)):
        return best * shares[max(index - 1, 0)]
    way = (distance_m - AT_M[index - 1]) / (AT_M[index] - AT_M[index - 1])
    return best * (shares[index - 1] + (shares[index] - shares[index - 1]) * way)


def chances_of(
    east_m: float, north_m: float, ellipse: Ellipse, pose: Pose, camera: Camera | None, width_px: int, height_px: int,
    class_key: str, use: str = "defects", best: float | None = None,
) -> Chances:  # fmt: skip
    """Chance that this frame shows a defect, for each of the places where it may lie if its place and the vehicle's are
    as sure as the ellipses say.

    Empty for a frame that is not for finding defects (`FootageUse`), of a vehicle whose heading or camera is not known,
    and where the defect's most likely place is out of sight.
    """
    if use != "defects" or pose.heading_deg is None or camera is None:
        return ()
    east_m, north_m = east_m - pose.east_m, north_m - pose.north_m
    if east_m * east_m + north_m * north_m > FAR_M * FAR_M:
        return ()
    looks = radians(pose.heading_deg + camera.yaw_deg)
    sight = _Sight(sin(looks), cos(looks), camera, SHAPES[class_key], height_px / width_px)
    if not sight.shows(east_m, north_m):
        return ()
    both = ellipse + pose.ellipse
    a = sqrt(both.cov_ee_m2)
    b = both.cov_en_m2 / a if a else 0.0
    c = sqrt(max(both.cov_nn_m2 - b * b, 0.0))
    places = ((east_m + a * x, north_m + b * x + c * y) for x, y in PLACES)
    return tuple(
        min(recall(class_key, hypot(*place), best), MOST_CHANCE) if sight.shows(*place) else 0.0 for place in places
    )


def should_show(
    east_m: float, north_m: float, ellipse: Ellipse, pose: Pose, camera: Camera | None, width_px: int, height_px: int,
    class_key: str, use: str = "defects", best: float | None = None,
) -> float:  # fmt: skip
    """Chance of a sighting by this frame if the defect is there, over all places where it may lie; for the frames of a
    visit add `chances_of` to a LookSum, which knows that they err alike."""
    return _mean(chances_of(east_m, north_m, ellipse, pose, camera, width_px, height_px, class_key, use, best))


@dataclass(frozen=True)
class _Sight:
    """Which ground a camera shows: the road's picture without distortion, a margin inside its edges."""

    sine: float  # of the direction it looks, clockwise from north
    cosine: float
    camera: Camera
    shape: Shape
    aspect: float  # height / width

    def shows(self, east_m: float, north_m: float) -> bool:
        ahead_m = east_m * self.sine + north_m * self.cosine
        right_m = east_m * self.cosine - north_m * self.sine
        drop_m = max(self.camera.height_m - self.shape.base_m, LEAST_DROP_M)
        pitch = radians(self.camera.pitch_deg)
        depth_m = ahead_m * cos(pitch) + drop_m * sin(pitch)
        if ahead_m < NEAR_M or depth_m <= 0:
            return False
        half_m = depth_m * tan(radians(self.camera.hfov_deg) / 2) * (1 - 2 * EDGE_SHARE)
        return abs(right_m) <= half_m and abs(drop_m * cos(pitch) - ahead_m * sin(pitch)) <= half_m * self.aspect


def _mean(chances: Chances) -> float:
    return sum(weight * one for weight, one in zip(WEIGHTS, chances, strict=True)) if chances else 0.0
