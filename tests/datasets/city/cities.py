"""Small cities and passes that several tests of the simulated city look at, built once."""

from functools import cache

from datasets.simulator.city import City, ObservedFrame, Pass, Rates, build_city, observe, plan_passes


@cache
def city() -> City:
    return build_city(3, streets_km=8.0, defects_per_km=20.0)


@cache
def passes() -> tuple[Pass, ...]:
    return tuple(plan_passes(city(), passes=4, seed=1))


@cache
def frames(number: int = 0) -> tuple[ObservedFrame, ...]:
    return tuple(observe(city(), passes()[number], Rates.measured(), seed=5))
