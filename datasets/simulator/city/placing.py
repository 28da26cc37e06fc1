"""Puts defects along the streets of a city, alone and in groups, none inside another of its class."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import hypot

import numpy as np

from datasets.simulator.city.defects import Side, TrueDefect
from datasets.simulator.city.kinds import KINDS, Kind, Range
from datasets.simulator.city.streets import Street

FROM_JUNCTION_M = 9.0
NEIGHBOURS_M = (2.0, 6.0)
MORE = (1, 4)  # further members of a group, the upper bound left out
TRIES = 12
ON_LEFT = 0.35  # of what stands beside a two-way street; vehicles drive on the right and litter where they stop
MIDDLE = 1 / 6  # of the width, to either side of the line


@dataclass(frozen=True)
class _Spot:
    """A place on a street in its own terms."""

    street: Street
    along_m: float
    right_m: float


def place_defects(streets: tuple[Street, ...], count: int, seed: int) -> tuple[TrueDefect, ...]:
    """So many defects, without lives yet. Groups are part of the number."""
    rng = np.random.default_rng([seed, 21])
    taken: dict[str, list[TrueDefect]] = defaultdict(list)
    return tuple(islice(_placed(streets, rng, taken), count))


def _placed(
    streets: tuple[Street, ...], rng: np.random.Generator, taken: dict[str, list[TrueDefect]]
) -> Iterator[TrueDefect]:
    roomy = [s for s in streets if s.length_m > 3 * FROM_JUNCTION_M]
    weights = np.array([s.length_m for s in roomy])
    shares = np.array([kind.share for kind in KINDS.values()])
    while True:
        street = roomy[int(rng.choice(len(roomy), p=weights / weights.sum()))]
        class_key = str(rng.choice(list(KINDS), p=shares / shares.sum()))
        kind = KINDS[class_key]
        along_m = float(rng.uniform(FROM_JUNCTION_M, street.length_m - FROM_JUNCTION_M))
        spot = _Spot(street, along_m, _across_m(kind, street, rng))
        first = _accepted(class_key, spot, rng, taken)
        if first is None:
            continue
        yield first
        if rng.random() < kind.grouped:
            yield from _group(class_key, spot, rng, taken)


def _group(
    class_key: str, spot: _Spot, rng: np.random.Generator, taken: dict[str, list[TrueDefect]]
) -> Iterator[TrueDefect]:
    """Further members, each 2-6 m from the one before; what lies beside the lane stays at its distance from it."""
    lane = KINDS[class_key].lies == "lane"
    for _ in range(int(rng.integers(*MORE))):
        for _ in range(TRIES):
            step_m, turn = rng.uniform(*NEIGHBOURS_M), rng.normal(0, 0.7) if lane else 0.0
            along_m = float(spot.along_m + rng.choice([-1, 1]) * step_m * np.cos(turn))
            limit_m = spot.street.width_m / 2 - 0.6
            right_m = float(np.clip(spot.right_m + step_m * np.sin(turn), -limit_m, limit_m)) if lane else spot.right_m
            if not FROM_JUNCTION_M / 2 < along_m < spot.street.length_m - FROM_JUNCTION_M / 2:
                continue
            near = _Spot(spot.street, along_m, right_m)
            member = _accepted(class_key, near, rng, taken)
            if member is not None:
                spot = near
                yield member
                break


def scatter(streets: tuple[Street, ...], class_key: str, count: int, rng: np.random.Generator) -> list[TrueDefect]:
    """So many things that look like the class, anywhere along the streets; longer streets have more."""
    ends_m = np.cumsum([s.length_m for s in streets])
    found = []
    for _ in range(count):  # one after the other, so that a longer list begins like a shorter one
        street = streets[int(np.searchsorted(ends_m, rng.random() * ends_m[-1]))]
        right_m = _across_m(KINDS[class_key], street, rng)
        found.append(defect_at(class_key, street, float(rng.uniform(0, street.length_m)), right_m, rng))
    return found


def _accepted(
    class_key: str, spot: _Spot, rng: np.random.Generator, taken: dict[str, list[TrueDefect]]
) -> TrueDefect | None:
    """The defect at the spot, unless it would touch one of its class."""
    number = sum(len(same) for same in taken.values()) + 1
    defect = replace(defect_at(class_key, spot.street, spot.along_m, spot.right_m, rng), id=f"d{number:05d}")
    if any(_touch(defect, other) for other in taken[class_key]):
        return None
    taken[class_key].append(defect)
    return defect


def _touch(one: TrueDefect, other: TrueDefect) -> bool:
    apart_m = hypot(one.east_m - other.east_m, one.north_m - other.north_m)
    return apart_m < max(NEIGHBOURS_M[0], (one.length_m + other.length_m) / 2 + 0.3)


def defect_at(class_key: str, street: Street, along_m: float, right_m: float, rng: np.random.Generator) -> TrueDefect:
    """A defect of the class with sizes drawn for it, without id and life."""
    kind = KINDS[class_key]
    east_m, north_m = street.place(along_m, right_m)
    length_m = _drawn(kind.length_m, rng)
    return TrueDefect(
        id="",
        class_key=class_key,
        street_id=street.id,
        east_m=east_m,
        north_m=north_m,
        along_deg=street.heading_deg(along_m),
        length_m=length_m,
        width_m=_drawn(kind.width_m, rng),
        height_m=_drawn(kind.height_m, rng),
        base_m=_drawn(kind.base_m, rng),
        side=_side(right_m, street),
        life=(),
    )


def _drawn(limits: Range, rng: np.random.Generator) -> float:
    """Small ones are commoner: even on a logarithmic scale."""
    low, high = limits
    return float(low * (high / low) ** rng.random()) if low > 0 else float(rng.uniform(low, high))


def _side(right_m: float, street: Street) -> Side:
    if abs(right_m) <= street.width_m * MIDDLE:
        return "middle"
    return "right" if right_m > 0 else "left"


def _across_m(kind: Kind, street: Street, rng: np.random.Generator) -> float:
    """Metres right of the street's line; walls are 6 to 12 m from the lane that is driven."""
    edge_m = street.width_m / 2
    if kind.lies == "lane":
        return float(rng.uniform(0.7 - edge_m, edge_m - 0.7))
    from_edge_m = {
        "kerb": rng.uniform(-0.8, 0.8),
        "edge": rng.uniform(-0.9, -0.3),
        "walk": rng.uniform(0.2, 0.7) * street.setback_m,
        "pole": rng.uniform(0.6, 1.6),
        "wall": street.setback_m,
    }[kind.lies]
    return float(edge_m + from_edge_m) * (-1 if rng.random() < ON_LEFT else 1)
