"""A drive that covers every street of the city in each direction it has."""

from collections import defaultdict
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from datasets.simulator.city.streets import Street

U_TURN_DEG = 150.0  # turned only where nothing else is left to drive


class Leg(NamedTuple):
    """A street, by its index in the city, driven along its line or against it."""

    street: int
    forward: bool


@dataclass(frozen=True, eq=False)
class _Network:
    """Legs that leave each node, where each leg ends, its length and its headings at both ends."""

    leaving: dict[int, list[Leg]]
    ends_at: dict[Leg, int]
    length_m: dict[Leg, float]
    headings_deg: dict[Leg, tuple[float, float]]


def covering_route(streets: tuple[Street, ...], rng: np.random.Generator) -> tuple[Leg, ...]:
    """Straight on where a leg is still to be driven, else the way that turns least, else to the nearest such place."""
    network = _network(streets)
    open_legs = set(network.ends_at)
    here = streets[int(rng.integers(len(streets)))].start_node
    route: list[Leg] = []
    while open_legs:
        choices = [leg for leg in network.leaving[here] if leg in open_legs]
        way = [_straightest(choices, route, network, rng)] if choices else _way_to_open(here, open_legs, network)
        for leg in way:
            route.append(leg)
            open_legs.discard(leg)
        here = network.ends_at[route[-1]]
    return tuple(route)


def legs_of(streets: tuple[Street, ...]) -> set[Leg]:
    """Every street in each direction it has."""
    return {Leg(i, forward) for i, s in enumerate(streets) for forward in ((True,) if s.oneway else (True, False))}


def _network(streets: tuple[Street, ...]) -> _Network:
    network = _Network(defaultdict(list), {}, {}, {})
    for leg in sorted(legs_of(streets)):
        street = streets[leg.street]
        start, end = (street.start_node, street.end_node) if leg.forward else (street.end_node, street.start_node)
        network.leaving[start].append(leg)
        network.ends_at[leg] = end
        network.length_m[leg] = street.length_m
        first, last = street.heading_deg(0.0), street.heading_deg(street.length_m)
        network.headings_deg[leg] = (first, last) if leg.forward else ((last + 180) % 360, (first + 180) % 360)
    return network


def _straightest(choices: list[Leg], route: list[Leg], network: _Network, rng: np.random.Generator) -> Leg:
    """Passes differ by the chance in it."""
    arriving_deg = network.headings_deg[route[-1]][1] if route else 0.0

    def cost_deg(leg: Leg) -> float:
        turn_deg = abs((network.headings_deg[leg][0] - arriving_deg + 180) % 360 - 180)
        return turn_deg + float(rng.uniform(0, 100)) + (180 if turn_deg > U_TURN_DEG else 0)

    return min(choices, key=cost_deg)


def _way_to_open(here: int, open_legs: set[Leg], network: _Network) -> list[Leg]:
    """The shortest way to an undriven leg and along it (Dijkstra); every node can be reached, so there is one."""
    came_by: dict[int, tuple[Leg, int]] = {}
    nearest_m, waiting = {here: 0.0}, [(0.0, here)]
    while waiting:
        driven_m, node = heappop(waiting)
        found = next((leg for leg in network.leaving[node] if leg in open_legs), None)
        if found is not None:
            return [*_back_to(here, node, came_by), found]
        for leg in network.leaving[node]:
            onward, then_m = network.ends_at[leg], driven_m + network.length_m[leg]
            if then_m < nearest_m.get(onward, np.inf):
                nearest_m[onward], came_by[onward] = then_m, (leg, node)
                heappush(waiting, (then_m, onward))
    raise ValueError("expected a city in which every street leads to every other, got one that does not; rebuild it")


def _back_to(here: int, node: int, came_by: dict[int, tuple[Leg, int]]) -> list[Leg]:
    way: list[Leg] = []
    while node != here:
        leg, node = came_by[node]
        way.append(leg)
    return way[::-1]
