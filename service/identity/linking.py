"""Follows things from frame to frame of one pass: whatever a vehicle sees of one thing within seconds is one track.

Within seconds the vehicle's fix errs by nearly the same, so places told by two frames can be compared to a metre,
though each may lie five metres off the truth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

from service.identity.gaussian import Ellipse, Spot, fuse, seen_from

LONGEST_GAP_S = 20.0  # later the vehicle's fix has drifted too far; `alignment` joins what was parted
DRIFT_SD_M = 0.16  # per axis and root of a second, per metre of the fix's own deviation: correlated over about 80 s
WHITE_SHARE = 0.15  # of the fix's deviation that changes from fix to fix
GATE_2 = 11.8  # squared standard deviations: three in a thousand true steps are larger
NEW_PER_M2 = 1e-4  # things that a frame is the first to show, on ground where it shows any
# Classes that the detector takes for one another (echoes and confusions in datasets/simulator/city/rates.json).
ALIKE = (
    frozenset({"pothole", "road_crack"}),
    frozenset({"garbage", "sand_rubble", "construction_barrier", "neglected_sidewalk"}),
    frozenset({"graffiti", "bad_billboard", "unkept_facade", "construction_barrier"}),
)
OTHER_CLASS = log(0.02)  # that it names a thing so in one frame and otherwise in the next
UNLIKE_CLASS = log(1e-5)  # that it does so between classes that are not alike: two things at one place
ODD_SIZE = 1.2  # standard deviation of the logarithm of two size estimates' ratio


@dataclass(frozen=True)
class Sight:
    """One box of one frame, as a place relative to its pass."""

    frame: int  # any number that tells frames apart
    at_s: float
    spot: Spot  # metres of a local plane, by the vehicle's own fix; the ellipse is of the projection alone
    class_key: str
    score: float
    gps_sd_m: float
    bias_sd_m: float = 0.0
    eye_m: tuple[float, float] | None = None  # where the vehicle was
    size: float | None = None


@dataclass
class Track:
    """Sights of one thing in one pass. `defect` is what it is known to be, for a track that an earlier batch began."""

    spot: Spot  # where it lies by the pass's latest fixes
    last_s: float
    sights: list[Sight] = field(default_factory=list)
    votes: dict[str, float] = field(default_factory=dict)  # score by class
    defect: int | None = None

    @property
    def class_key(self) -> str:
        """The one with the most score; of equals the first by name."""
        return min(self.votes, key=lambda key: (-self.votes[key], key))

    @property
    def bias_sd_m(self) -> float:
        """What its sights have in common: that of the one that shows it best."""
        return min((sight.bias_sd_m for sight in self.sights), default=0.0)

    @property
    def frames(self) -> frozenset[int]:
        return frozenset(sight.frame for sight in self.sights)

    @property
    def middle_s(self) -> float:
        return sum(sight.at_s for sight in self.sights) / len(self.sights) if self.sights else self.last_s

    def whole(self) -> Spot:
        """By all its sights together."""
        return fuse(sight.spot for sight in self.sights)


def link(frames: Iterable[Sequence[Sight]], going_on: Iterable[Track] = ()) -> list[Track]:
    """Gives every sight to one track; `frames` in the order of their times, `going_on` from before them.

    Within a frame no two sights share a track: two holes in one picture are two. The surest pairs come first, so the
    order of boxes in a frame changes nothing. Tracks without a new sight are left out.
    """
    tracks = list(going_on)
    for sights in frames:
        live = [track for track in tracks if sights and abs(sights[0].at_s - track.last_s) <= LONGEST_GAP_S]
        pairs = sorted(
            (cost, number, index)
            for index, sight in enumerate(sights)
            for number, track in enumerate(live)
            if (cost := _cost(sight, track)) is not None
        )
        taken: dict[int, int] = {}
        for _, number, index in pairs:
            if index not in taken and number not in taken.values():
                taken[index] = number
        for index, sight in enumerate(sights):
            if index in taken:
                _add(live[taken[index]], sight)
            else:
                tracks.append(_begin(sight))
    return [track for track in tracks if track.sights]


def drifted(spot: Spot, seconds: float, gps_sd_m: float) -> Spot:
    """The same place as seen by a fix so much later."""
    white, drift = WHITE_SHARE * gps_sd_m, DRIFT_SD_M * gps_sd_m
    return Spot(spot.east_m, spot.north_m, spot.ellipse + Ellipse.round((white**2 + drift**2 * abs(seconds)) ** 0.5))


def class_cost(class_key: str, votes: Mapping[str, float]) -> float:
    """How much less likely it is that a sight of this class shows a thing with these votes, as a logarithm; <= 0."""
    total = sum(votes.values())
    if not total:
        return 0.0
    alike = any(class_key in group and not group.isdisjoint(votes) for group in ALIKE)
    return max(log(max(votes.get(class_key, 0.0) / total, 1e-9)), OTHER_CLASS if alike else UNLIKE_CLASS)


def _cost(sight: Sight, track: Track) -> float | None:
    there = drifted(track.spot, sight.at_s - track.last_s, sight.gps_sd_m)
    both = there.ellipse + _claim(sight, there).ellipse
    east_m, north_m = sight.spot.east_m - there.east_m, sight.spot.north_m - there.north_m
    gain = both.log_density(east_m, north_m) + class_cost(sight.class_key, track.votes) - log(NEW_PER_M2)
    return -gain if gain > 0 and both.mahalanobis2(east_m, north_m) <= GATE_2 else None


def _claim(sight: Sight, place: Spot) -> Spot:
    return sight.spot if sight.eye_m is None else seen_from(sight.spot, *sight.eye_m, place)


def _add(track: Track, sight: Sight) -> None:
    moved = drifted(track.spot, sight.at_s - track.last_s, sight.gps_sd_m)
    track.spot, track.last_s = fuse((moved, _claim(sight, moved))), max(track.last_s, sight.at_s)
    track.sights.append(sight)
    track.votes[sight.class_key] = track.votes.get(sight.class_key, 0.0) + sight.score


def _begin(sight: Sight) -> Track:
    return Track(sight.spot, sight.at_s, [sight], {sight.class_key: sight.score})
