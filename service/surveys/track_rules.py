"""Which frames of a drive must not feed anything, judged by their neighbours in time: jumps, repeated old fixes,
pictures sent twice, and all but the first two of a standing vehicle.

The judgement depends on the set of frames alone, not on the order in which they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.core.geodesy import distance_m
from service.surveys.track_points import STALE_S

FASTEST_MPS = 45.0  # 160 km/h; no survey vehicle is faster
FIX_ERROR_M = 20.0  # between two good fixes in a street of houses; a worse one puts defects on the wrong place
WINDOW = 5  # neighbours asked on each side: up to four wrong fixes in a row are found
STAND_M, STAND_S, STAND_GAP_S = 8.0, 10.0, 30.0  # 8 m in 10 s is under 3 km/h
STAND_KEPT = 2  # of a standing vehicle: the second may show what a passer-by hid in the first
SAME_PLACE_DEG = 1e-7  # 1 cm: a moving receiver never repeats itself so exactly
MOVES_MPS = 2.0
DUPLICATE_S, DUPLICATE_M = 1.0, 1.0
DUPLICATE_BITS = 6  # of 64; see tests/surveys/test_track_rules.py for what encoding again and driving on do


@dataclass(frozen=True)
class Shot:
    """What the rules read of one frame; times are seconds from any one moment. `settled`: processed or accepted by a
    person, so never set aside, but a witness for the others."""

    id: int
    at_s: float
    lat: float
    lon: float
    camera_s: float | None = None  # the camera's clock
    gps_s: float | None = None  # the receiver's, where the position is the receiver's
    speed_mps: float | None = None
    picture_hash: int | None = None
    settled: bool = False


@dataclass(frozen=True)
class SetAside:
    """`index` of the shot as given; `code` and `detail` become the frame's reason."""

    index: int
    code: str
    detail: str


def set_aside(shots: Sequence[Shot], clock_offset_s: float | None = None) -> list[SetAside]:
    """The shots that must not be used, each with one reason. `shots` are in the order of (at_s, id), with neighbours
    before and after those of interest; `clock_offset_s` is camera minus GPS clock where that is known for sure."""
    found: dict[int, SetAside] = {}
    for rule in (_teleports, _stale_fixes, _duplicates, _standing):
        left = [index for index in range(len(shots)) if index not in found]
        for one in rule(shots, left, clock_offset_s):
            if not shots[one.index].settled:
                found.setdefault(one.index, one)
    return [found[index] for index in sorted(found)]


def reachable(one: Shot, other: Shot) -> bool:
    """Whether a vehicle may have been at both. Times in whole seconds may be a second farther apart than they say."""
    seconds = abs(other.at_s - one.at_s) + (1.0 if one.at_s.is_integer() and other.at_s.is_integer() else 0.0)
    return _apart_m(one, other) <= FIX_ERROR_M + FASTEST_MPS * seconds


def _teleports(shots: Sequence[Shot], left: list[int], _: float | None) -> list[SetAside]:
    """A shot is out when its neighbours make a longer possible drive without it than any drive through it.

    Where both sides are as long (a break between two halves of a survey, or only two shots) none is out.
    """
    found = []
    for at, index in enumerate(left):
        window = left[max(0, at - WINDOW) : at + WINDOW + 1]
        if all(reachable(shots[index], shots[other]) for other in window):
            continue
        with_it, without_it = _longest_drives(shots, window, index)
        if without_it > with_it:
            near = min((other for other in window if other != index), key=lambda other: abs(other - index))
            found.append(SetAside(index, "track.teleport", _leap(shots[near], shots[index])))
    return found


def _longest_drives(shots: Sequence[Shot], window: list[int], through: int) -> tuple[int, int]:
    """How many shots the longest possible drive has that goes through one of them, and the longest without it."""
    at = window.index(through)
    to_it, from_it = _drives(shots, window[: at + 1])[-1], _drives(shots, window[: at - 1 if at else None : -1])[-1]
    return to_it + from_it - 1, max(_drives(shots, window[:at] + window[at + 1 :]), default=0)


def _drives(shots: Sequence[Shot], order: list[int]) -> list[int]:
    """For each shot in turn, how many the longest possible drive has that ends with it."""
    lengths: list[int] = []
    for at, index in enumerate(order):
        before = (lengths[one] for one in range(at) if reachable(shots[order[one]], shots[index]))
        lengths.append(1 + max(before, default=0))
    return lengths


def _stale_fixes(shots: Sequence[Shot], left: list[int], clock_offset_s: float | None) -> list[SetAside]:
    """The receiver repeats an old place although it, its clock or the camera's clock says that time went on."""
    found, first = [], 0
    for at, index in enumerate(left):
        shot = shots[index]
        if not _same_fix(shots[left[at - 1]] if at else shot, shot):
            first = at
        start = shots[left[first]]
        held_s = shot.at_s - start.at_s
        age_s = max(_lag_s(shot, clock_offset_s), _lag_s(shot, _ahead_s(start)))
        if age_s > STALE_S:
            detail = f"expected a GPS fix at most {STALE_S:.0f} s old, got one {age_s:.0f} s old; send a track"
            found.append(SetAside(index, "position.stale_fix", detail))
        elif held_s > STALE_S and (shot.speed_mps or 0.0) >= MOVES_MPS:
            detail = (
                f"expected a new fix while driving at {shot.speed_mps:.1f} m/s, got the same for {held_s:.0f} s; "
                "send a track"
            )
            found.append(SetAside(index, "position.stale_fix", detail))
    return found


def _duplicates(shots: Sequence[Shot], left: list[int], _: float | None) -> list[SetAside]:
    """Of two nearly identical pictures of one place and moment the settled one stays, else the one that came first."""
    found: dict[int, SetAside] = {}
    for at, index in enumerate(left):
        for other in left[at + 1 :]:
            if shots[other].at_s - shots[index].at_s > DUPLICATE_S:
                break
            keep, drop = sorted((index, other), key=lambda one: (not shots[one].settled, shots[one].id))
            if keep not in found and _same_picture(shots[keep], shots[drop]):
                detail = f"the same picture as frame {shots[keep].id}, in another file"
                found[drop] = SetAside(drop, "frame.duplicate", detail)
    return list(found.values())


def _standing(shots: Sequence[Shot], left: list[int], _: float | None) -> list[SetAside]:
    """Runs of shots within STAND_M of their first that last STAND_S or longer: all after the first STAND_KEPT."""
    found: list[SetAside] = []
    run: list[int] = []
    for index in [*left, None]:
        if index is not None and run and _stands(shots[run[0]], shots[run[-1]], shots[index]):
            run.append(index)
            continue
        if run and shots[run[-1]].at_s - shots[run[0]].at_s >= STAND_S:
            stood_s = shots[run[-1]].at_s - shots[run[0]].at_s
            detail = f"the vehicle stood for {stood_s:.0f} s and its first {STAND_KEPT} frames show the place"
            found += [SetAside(late, "track.stationary", detail) for late in run[STAND_KEPT:]]
        run = [] if index is None else [index]
    return found


def _stands(first: Shot, last: Shot, shot: Shot) -> bool:
    return shot.at_s - last.at_s <= STAND_GAP_S and _apart_m(first, shot) <= STAND_M


def _same_fix(one: Shot, other: Shot) -> bool:
    return abs(one.lat - other.lat) < SAME_PLACE_DEG and abs(one.lon - other.lon) < SAME_PLACE_DEG


def _lag_s(shot: Shot, clock_offset_s: float | None) -> float:
    """How much older the fix is than the picture; 0 where a clock is missing."""
    ahead_s = _ahead_s(shot)
    return 0.0 if ahead_s is None or clock_offset_s is None else ahead_s - clock_offset_s


def _ahead_s(shot: Shot) -> float | None:
    return None if shot.camera_s is None or shot.gps_s is None else shot.camera_s - shot.gps_s


def _same_picture(one: Shot, other: Shot) -> bool:
    if one.picture_hash is None or other.picture_hash is None or _apart_m(one, other) > DUPLICATE_M:
        return False
    return ((one.picture_hash ^ other.picture_hash) & (2**64 - 1)).bit_count() <= DUPLICATE_BITS


def _apart_m(one: Shot, other: Shot) -> float:
    return distance_m(one.lat, one.lon, other.lat, other.lon)


def _leap(near: Shot, shot: Shot) -> str:
    return (
        f"expected a place that can be reached, got one {_apart_m(near, shot):.0f} m from frame {near.id} within "
        f"{abs(shot.at_s - near.at_s):.0f} s; give it its place, or accept it"
    )
