"""Which way a vehicle pointed, as surely as its track can tell: headings that were taken from the track err as its
places do, and the longer the stretch they are taken over the less."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Place: TypeAlias = tuple[float, float]

SAME_DEG = 0.25  # places err by decimetres in some metres, which is degrees; a sphere and a plane differ by 0.16
LOCAL_M = 5.0  # over which to either side tracks are usually asked for a heading
REACHES_M = (30.0, 20.0, 12.0)  # tried in turn
BEND_M, BEND_SHARE = 0.5, 1.2  # a place may lie so far beside the stretch, or so many times what is usual
LONGEST_STEP_M = 25.0  # between two frames, more is a gap


@dataclass(frozen=True)
class Heading:
    """Clockwise from north, and between which two of the given places it was taken; None: measured by itself."""

    deg: float
    between: tuple[int, int] | None = None


def headings_of(
    places_m: Sequence[Place], headings_deg: Sequence[float | None], wanted: Collection[int]
) -> dict[int, Heading]:
    """By index of the wanted frames of a drive, whose places (east, north) and headings are given in its order.

    Headings that the receiver or a compass measured are taken as told; where they were merely taken from the places,
    that of the longest straight stretch around the frame, and none in bends. What has none is left out.
    """
    track = np.array(places_m, float).reshape(-1, 2)
    driven_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(track, axis=0).T))])
    told = {index: heading for index in sorted(wanted) if (heading := headings_deg[index]) is not None}
    if not _taken_from_track(track, driven_m, told):
        return {index: Heading(deg) for index, deg in told.items()}
    stretches = _straight_stretches(track, driven_m, told)
    return {index: Heading(_bearing_deg(track, *ends), ends) for index, ends in stretches.items()}


def _taken_from_track(track: Floats, driven_m: Floats, told_deg: Mapping[int, float]) -> bool:
    """Whether most headings are those between two places about LOCAL_M behind and ahead. Independent headings pass for
    such where they differ from them by a quarter of a degree anyway; they are then worth no more."""
    off_deg = []
    for index, told in told_deg.items():
        ends = _stretch(driven_m, index, LOCAL_M)
        if ends is None:
            continue
        starts = range(max(ends[0] - 1, 0), min(ends[0] + 2, index + 1))
        goals = range(max(ends[1] - 1, index), min(ends[1] + 2, len(track)))
        off_deg.append(min(_apart_deg(_bearing_deg(track, i, j), told) for i in starts for j in goals if i < j))
    return bool(off_deg) and float(np.median(off_deg)) < SAME_DEG


def _straight_stretches(track: Floats, driven_m: Floats, wanted: Collection[int]) -> dict[int, tuple[int, int]]:
    """The longest stretch around each frame that bends no more than others as long: the rest turns, or jumped."""
    found: dict[int, tuple[int, int]] = {}
    for reach_m in REACHES_M:
        stretches = {index: ends for index in wanted if (ends := _stretch(driven_m, index, reach_m))}
        bends_m = {index: _bend_m(track, *ends) for index, ends in stretches.items()}
        usual_m = float(np.median(list(bends_m.values()))) if bends_m else 0.0
        limit_m = max(BEND_M, BEND_SHARE * usual_m)
        found = {index: ends for index, ends in stretches.items() if bends_m[index] < limit_m} | found
    return found


def _bend_m(track: Floats, start: int, end: int) -> float:
    """How far a place between the two lies beside the line that joins them, at most: in a bend, or by a jump."""
    along = track[end] - track[start]
    beside = (track[start : end + 1] - track[start]) @ np.array([along[1], -along[0]])
    return float(np.abs(beside).max() / max(np.hypot(*along), 1e-9))


def _stretch(driven_m: Floats, index: int, reach_m: float) -> tuple[int, int] | None:
    """The last place at least so far behind and the first so far ahead, without a gap between."""
    start = int(np.searchsorted(driven_m, driven_m[index] - reach_m, side="right")) - 1
    end = int(np.searchsorted(driven_m, driven_m[index] + reach_m))
    if start < 0 or end >= len(driven_m) or np.diff(driven_m[start : end + 1]).max() > LONGEST_STEP_M:
        return None
    return start, end


def _bearing_deg(track: Floats, start: int, end: int) -> float:
    east_m, north_m = track[end] - track[start]
    return float(np.degrees(np.arctan2(east_m, north_m)) % 360)


def _apart_deg(one_deg: float, other_deg: float) -> float:
    return abs((one_deg - other_deg + 180) % 360 - 180)
