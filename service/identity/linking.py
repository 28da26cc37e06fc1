"""Follows things from frame to frame of one pass: whatever a vehicle sees of one thing within seconds is one track.

Within seconds the vehicle's fix errs by nearly the same, so what two frames tell can be compared to a degree, though
both may lie five metres off the truth. Lines of sight are compared as angles (`triangulation`); what a vehicle without
a measured camera sees, as places on the ground.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, log, pi

import numpy as np

from service.identity.gaussian import Ellipse, Spot, fuse
from service.identity.rays import Ray
from service.identity.shapes import SHAPES
from service.identity.triangulation import ALIKE, FARTHEST_M, Eye, Fit, expected, triangulate

LONGEST_GAP_S = 20.0  # later the vehicle's fix has drifted too far; `alignment` joins what was parted
DRIFT_SD_M = 0.16  # per axis and root of a second, per metre of the fix's own deviation: correlated over about 80 s
WHITE_SHARE = 0.15  # of the fix's deviation that changes from fix to fix
GATE_2 = 16.0  # squared standard deviations of three angles: one in a thousand true steps is larger
NEW_PER_M2 = 3e-4  # things that a frame is the first to show, on ground where it shows any
EYES_APART_M = 0.4  # what two halves of a track are parted by besides: the drift of the fix between them
# Classes that the detector takes for one another (echoes and confusions in datasets/simulator/city/rates.json).
ALIKE_CLASSES = (
    frozenset({"pothole", "road_crack"}),
    frozenset({"garbage", "sand_rubble", "construction_barrier", "neglected_sidewalk"}),
    frozenset({"graffiti", "bad_billboard", "unkept_facade", "construction_barrier"}),
)
OTHER_CLASS = log(0.02)  # that it names a thing so in one frame and otherwise in the next
UNLIKE_CLASS = log(1e-5)  # that it does so between classes that are not alike: two things at one place


@dataclass(frozen=True)
class Sight:
    """One box of one frame, as a line of sight from its pass's fix; without a measured camera, as a place."""

    frame: int  # any number that tells frames apart
    at_s: float
    spot: Spot  # metres of a local plane, by the vehicle's own fix; by this box alone
    class_key: str
    score: float
    gps_sd_m: float
    eye_m: Eye | None = None  # where the vehicle was
    ray: Ray | None = None


@dataclass
class Track:
    """Sights of one thing in one pass, in the order of time; those of the frames `filed` an earlier batch filed under
    `defect`."""

    sights: list[Sight]
    defect: int | None = None
    filed: frozenset[int] = frozenset()
    votes: dict[str, float] = field(init=False)  # score by class
    spot: Spot = field(init=False)  # by all its sights together, by the vehicle's fixes
    fit: Fit | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.sights, self.votes = list(self.sights), {}
        for sight in self.sights:
            self.votes[sight.class_key] = self.votes.get(sight.class_key, 0.0) + sight.score
        self._place(None)

    @property
    def class_key(self) -> str:
        """The one with the most score; of equals the first by name."""
        return min(self.votes, key=lambda key: (-self.votes[key], key))

    @property
    def new_sights(self) -> list[Sight]:
        return [sight for sight in self.sights if sight.frame not in self.filed]

    @property
    def frames(self) -> frozenset[int]:
        return frozenset(sight.frame for sight in self.sights)

    @property
    def first_s(self) -> float:
        return self.sights[0].at_s

    @property
    def last_s(self) -> float:
        return self.sights[-1].at_s

    @property
    def middle_s(self) -> float:
        return sum(sight.at_s for sight in self.sights) / len(self.sights)

    def add(self, sight: Sight) -> None:
        before = self.class_key
        self.sights.append(sight)
        self.votes[sight.class_key] = self.votes.get(sight.class_key, 0.0) + sight.score
        self._place(self.fit if self.class_key == before else None)

    def _place(self, start: Fit | None) -> None:
        self.spot, self.fit = place_of(self.sights, self.class_key, start)


def place_of(sights: Sequence[Sight], class_key: str, start: Fit | None = None) -> tuple[Spot, Fit | None]:
    """The place of one thing by all sights of it (n >= 1) and, where there are lines of sight, what explains them.

    Places of a vehicle without a measured camera err alike (`triangulation.ALIKE`).
    """
    rays = [(one.eye_m, one.ray) for one in sights if one.ray is not None and one.eye_m is not None]
    if rays:
        fit = triangulate([eye for eye, _ in rays], [ray for _, ray in rays], class_key, start)
        return fit.spot, fit
    alike = max(1.0, 1 + ALIKE * (len(sights) - 2))
    return fuse(Spot(one.spot.east_m, one.spot.north_m, one.spot.ellipse.scaled(alike)) for one in sights), None


def link(frames: Iterable[Sequence[Sight]], going_on: Iterable[Track] = ()) -> list[Track]:
    """Gives every sight to one track; `frames` in the order of their times, `going_on` from before them.

    Within a frame no two sights share a track: two holes in one picture are two. The surest pairs come first, so the
    order of boxes in a frame changes nothing. Tracks that one thing explains as well are joined at the end. Tracks
    without a new sight are left out.
    """
    tracks = list(going_on)
    for sights in frames:
        live = [track for track in tracks if sights and abs(sights[0].at_s - track.last_s) <= LONGEST_GAP_S]
        pairs = sorted(
            (-gain, number, index)
            for index, sight in enumerate(sights)
            for number, track in enumerate(live)
            if (gain := _gain(sight, track)) > 0
        )
        taken: dict[int, int] = {}
        for _, number, index in pairs:
            if index not in taken and number not in taken.values():
                taken[index] = number
        for index, sight in enumerate(sights):
            if index in taken:
                live[taken[index]].add(sight)
            else:
                tracks.append(Track([sight]))
    return [track for track in _joined(tracks) if track.new_sights]


def class_cost(class_key: str, votes: Mapping[str, float]) -> float:
    """How much less likely it is that a sight of this class shows a thing with these votes, as a logarithm; <= 0."""
    total = sum(votes.values())
    if not total:
        return 0.0
    alike = any(class_key in group and not group.isdisjoint(votes) for group in ALIKE_CLASSES)
    return max(log(max(votes.get(class_key, 0.0) / total, 1e-9)), OTHER_CLASS if alike else UNLIKE_CLASS)


def _gain(sight: Sight, track: Track) -> float:
    """How much likelier it is that the sight shows the track's thing than a new one, as a logarithm; 0 if at all."""
    white, drift = WHITE_SHARE * sight.gps_sd_m, DRIFT_SD_M * sight.gps_sd_m
    moved_var_m2 = white**2 + drift**2 * abs(sight.at_s - track.last_s)
    if sight.ray is None or sight.eye_m is None or track.fit is None:
        both = sight.spot.ellipse + track.spot.ellipse + Ellipse.round(moved_var_m2**0.5)
        step = sight.spot.east_m - track.spot.east_m, sight.spot.north_m - track.spot.north_m
        if both.mahalanobis2(*step) > GATE_2:
            return 0.0
        return max(both.log_density(*step) + class_cost(sight.class_key, track.votes) - log(NEW_PER_M2), 0.0)
    away_m = hypot(track.spot.east_m - sight.eye_m[0], track.spot.north_m - sight.eye_m[1])
    if away_m > FARTHEST_M + 20:
        return 0.0
    off, cov = expected(track.fit, sight.eye_m, sight.ray, track.class_key, moved_var_m2)
    apart2 = float(off @ np.linalg.solve(cov, off))
    if apart2 > GATE_2:
        return 0.0
    same = -0.5 * apart2 - 0.5 * log(float(np.linalg.det(cov))) - 1.5 * log(2 * pi)
    return max(same + class_cost(sight.class_key, track.votes) - _log_new(sight, sight.ray, sight.eye_m), 0.0)


def _log_new(sight: Sight, ray: Ray, eye_m: Eye) -> float:
    """Density of bearing, slope and span of things seen for the first time: NEW_PER_M2 on the ground, where a slope
    changes by drop / range^2 for each metre, and spans as wide as the class's shapes."""
    shape = SHAPES[sight.class_key]
    range_m = max(hypot(sight.spot.east_m - eye_m[0], sight.spot.north_m - eye_m[1]), 2.0)
    drop_m = max(ray.lens_m - shape.base_m, 0.15)
    if shape.height_m is None:
        spread = 2 * drop_m / range_m**2 * shape.half_depth_sd_m
    else:
        spread = max(ray.span, 1e-4) * shape.height_sd
    return log(NEW_PER_M2) + log(range_m**3 / drop_m) - log(spread) - 0.5 * log(2 * pi)


def _joined(tracks: Sequence[Track]) -> list[Track]:
    """The tracks with those as one that never share a frame and that one place explains as well: a start far away
    misplaced the first of them. Two that are filed already stay two."""
    kept = sorted(tracks, key=lambda track: (track.first_s, track.sights[0].frame))
    pairs = sorted(
        (-gain, first, second)
        for second, later in enumerate(kept)
        for first in range(second)
        if (gain := _join_gain(kept[first], later)[0]) > 0
    )
    into = list(range(len(kept)))
    for _, first, second in pairs:
        first, second = _root(into, first), _root(into, second)
        gain, whole = _join_gain(kept[first], kept[second]) if first != second else (0.0, None)
        if whole is not None and gain > 0:
            kept[first], into[second] = whole, first
    return [track for number, track in enumerate(kept) if into[number] == number]


def _root(into: Sequence[int], number: int) -> int:
    while into[number] != number:
        number = into[number]
    return number


def _join_gain(one: Track, other: Track) -> tuple[float, Track | None]:
    """How much likelier both are one thing, as a logarithm, and that thing; (0, None) where they cannot be."""
    gap_s = max(other.first_s - one.last_s, one.first_s - other.last_s)
    if gap_s > LONGEST_GAP_S or one.fit is None or other.fit is None:
        return 0.0, None
    if (one.defect is not None and other.defect is not None) or not one.frames.isdisjoint(other.frames):
        return 0.0, None
    both = one.spot.ellipse + other.spot.ellipse + Ellipse.round(EYES_APART_M)
    if both.mahalanobis2(one.spot.east_m - other.spot.east_m, one.spot.north_m - other.spot.north_m) > GATE_2:
        return 0.0, None
    unlike = class_cost(one.class_key, other.votes)
    if unlike <= UNLIKE_CLASS:
        return 0.0, None
    filed = one if one.defect is not None else other
    sights = sorted([*one.sights, *other.sights], key=lambda sight: (sight.at_s, sight.frame))
    whole = Track(sights, filed.defect, filed.filed)
    assert whole.fit is not None  # both have lines of sight
    apart = one.fit.log_peak + other.fit.log_peak + log(2 * pi) + log(NEW_PER_M2)
    return whole.fit.log_peak - apart + unlike, whole
