"""Plans survey passes over a city: which vehicle drives when, by which route, with what receiver."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from datasets.simulator.city.city import City
from datasets.simulator.city.routes import Leg, covering_route
from datasets.simulator.city.vehicles import Vehicle, make_vehicle


@dataclass(frozen=True, eq=False)
class Pass:
    """One drive over all streets. Route, speeds, bumps and the receiver's errors follow from its seed."""

    number: int
    survey_id: str
    vehicle: Vehicle
    starts_at: datetime
    route: tuple[Leg, ...]
    gps_sd_m: float  # per axis, of the slow drift
    spacing_m: tuple[float, float]
    seed: int


def plan_passes(
    city: City,
    *,
    passes: int = 4,
    days: int = 90,
    seed: int = 0,
    gps_sd_m: float = 2.5,
    spacing_m: tuple[float, float] = (2.0, 10.0),
    camera_error_deg: float = 0.0,
    vehicles: int = 3,
    uncalibrated: int = 0,
    bump_sd_deg: float = 0.5,
    clock_offset_sd_s: float = 0.15,
) -> list[Pass]:
    """Passes spread over the first `days` of the city, vehicles in turn, the last `uncalibrated` without profile.

    spacing_m: metres between frames when slow and when fast; both alike for even spacing.
    """
    low_m, high_m = spacing_m
    if passes < 1 or vehicles < 1 or not 0 < low_m <= high_m or gps_sd_m < 0:
        raise ValueError(
            f"expected passes and vehicles >= 1, 0 < spacing_m low <= high, gps_sd_m >= 0; "
            f"got {passes}, {vehicles}, {spacing_m}, {gps_sd_m}"
        )
    rng = np.random.default_rng([city.seed, 30, seed])
    fleet = [
        make_vehicle(
            i,
            rng,
            camera_error_deg=camera_error_deg,
            calibrated=i < vehicles - uncalibrated,
            bump_sd_deg=bump_sd_deg,
            clock_offset_sd_s=clock_offset_sd_s,
        )
        for i in range(vehicles)
    ]
    found = []
    for number in range(passes):
        day = int((number + rng.uniform(0.1, 0.9)) * days / passes)
        starts_at = city.starts_at + timedelta(days=day, seconds=round(rng.uniform(0, 7 * 3600)))
        found.append(
            Pass(
                number=number,
                survey_id=f"pass-{number + 1:03d}",
                vehicle=fleet[number % vehicles],
                starts_at=starts_at,
                route=covering_route(city.streets, rng),
                gps_sd_m=gps_sd_m,
                spacing_m=spacing_m,
                seed=int(rng.integers(2**32)),
            )
        )
    return found
