"""Streets of the simulated town as straight strips; where strips overlap there is a crossing."""

from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin

import numpy as np

from datasets.simulator.arrays import Floats

PAST_THE_CORNER_M = 75.0  # streets go on beyond the turn the vehicle takes
SIDE_STREET_M = 62.0


@dataclass(frozen=True)
class Street:
    """A strip: along_m runs from the start in the heading's direction, across_m is positive to its right."""

    east_m: float
    north_m: float
    heading_deg: float
    length_m: float
    half_width_m: float
    walk_m: float
    driven: bool

    def to_world(self, along_m: float, across_m: float) -> tuple[float, float]:
        """East and north metres of a point of the street."""
        s, c = sin(radians(self.heading_deg)), cos(radians(self.heading_deg))
        return self.east_m + along_m * s + across_m * c, self.north_m + along_m * c - across_m * s

    def to_local(self, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        """along_m and across_m of points of the town frame."""
        s, c = np.float32(sin(radians(self.heading_deg))), np.float32(cos(radians(self.heading_deg)))
        de, dn = east_m - np.float32(self.east_m), north_m - np.float32(self.north_m)
        return de * s + dn * c, de * c - dn * s

    def outside_m(self, along_m: Floats, across_m: Floats) -> Floats:
        """Metres outside the carriageway (negative inside)."""
        ends = np.maximum(-along_m, along_m - np.float32(self.length_m))
        outside: Floats = np.maximum(np.abs(across_m) - np.float32(self.half_width_m), ends)
        return outside


def lay_streets(corners_m: Floats, rng: np.random.Generator) -> tuple[Street, ...]:
    """The streets of a closed route (first, in driving order) and the side streets that cross them."""
    half_width_m, walk_m = rng.uniform(4.2, 6.4), rng.uniform(1.8, 3.4)
    driven = [
        _street_between(a, b, half_width_m, walk_m)
        for a, b in zip(corners_m, np.roll(corners_m, -1, axis=0), strict=True)
    ]
    side = [cross for street in driven for cross in _side_streets(street, rng)]
    return (*driven, *side)


def _street_between(a: Floats, b: Floats, half_width_m: float, walk_m: float) -> Street:
    de, dn = float(b[0] - a[0]), float(b[1] - a[1])
    length_m = hypot(de, dn)
    ue, un = de / length_m, dn / length_m
    return Street(
        east_m=float(a[0]) - ue * PAST_THE_CORNER_M,
        north_m=float(a[1]) - un * PAST_THE_CORNER_M,
        heading_deg=degrees(atan2(de, dn)) % 360,
        length_m=length_m + 2 * PAST_THE_CORNER_M,
        half_width_m=half_width_m,
        walk_m=walk_m,
        driven=True,
    )


def _side_streets(street: Street, rng: np.random.Generator) -> list[Street]:
    found: list[Street] = []
    along_m = PAST_THE_CORNER_M + rng.uniform(80, 130)
    while along_m < street.length_m - PAST_THE_CORNER_M - 60:
        east_m, north_m = street.to_world(along_m, -SIDE_STREET_M)
        found.append(
            Street(
                east_m=east_m,
                north_m=north_m,
                heading_deg=(street.heading_deg + 90) % 360,
                length_m=2 * SIDE_STREET_M,
                half_width_m=rng.uniform(3.2, 4.5),
                walk_m=street.walk_m * 0.7,
                driven=False,
            )
        )
        along_m += rng.uniform(90, 190)
    return found
