"""Lays out a city's streets: a warped grid with dual carriageways, service roads, T junctions and roundabouts.

Before it is warped the city is a grid of north-going and east-going lines. An arterial is two one-way lines 13-18 m
apart, with a service road beside it; all other streets go both ways. People drive on the right.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, replace
from math import atan2, cos, hypot, pi, sin

import numpy as np

from datasets.simulator.arrays import Floats
from datasets.simulator.city.streets import Street, StreetKind

POINT_EVERY_M = 4.0
FEWEST_BANDS = 3  # border, arterial, border
SPARE = 1.12  # more street than asked for, so that taking blocks out makes T junctions
LEAST_SPACING = 0.7  # of the drawn distances; blocks stay longer than 70 m
STUB_M = 40.0  # a shorter dead end is what is left of a street across an arterial
SHORTEST_ARM_M = 60.0  # of a crossing that becomes a roundabout


@dataclass(frozen=True)
class _Line:
    """A whole street of the grid; way: +1 or -1 for one-way along or against the axis, 0 for both."""

    at_m: float
    name: str
    kind: StreetKind
    way: int
    lanes: int
    width_m: float
    setback_m: float


@dataclass(frozen=True, eq=False)
class _Block:
    """A street between two junctions, still on the flat grid."""

    line: _Line
    start: int
    end: int
    points_m: Floats

    @property
    def length_m(self) -> float:
        return float(np.hypot(*np.diff(self.points_m, axis=0).T).sum())


def lay_out(streets_km: float, rng: np.random.Generator) -> tuple[Street, ...]:
    """Streets of that length in all; every one can be reached from every other."""
    wanted_m = streets_km * 1000
    seeds = [int(seed) for seed in rng.integers(2**32, size=2)]
    bands, blocks = FEWEST_BANDS, _grid(FEWEST_BANDS, 1.0, seeds)
    while _total_m(blocks) < wanted_m * SPARE:
        bands += 1
        blocks = _grid(bands, 1.0, seeds)
    blocks = _grid(bands, max(LEAST_SPACING, wanted_m * SPARE / _total_m(blocks)), seeds)
    blocks = _thinned(blocks, wanted_m, rng)
    blocks = _with_roundabouts(blocks, rng)
    turn = rng.uniform(0, 2 * pi)
    phases = rng.uniform(0, 2 * pi, 4)
    return tuple(_street(i, block, turn, phases) for i, block in enumerate(blocks))


def _grid(bands: int, spacing: float, seeds: list[int]) -> list[_Block]:
    """Every block of a full grid; distances between the bands are the drawn ones times `spacing`."""
    rngs = [np.random.default_rng(seed) for seed in seeds]
    return _blocks(_lines(bands, "north", spacing, rngs[0]), _lines(bands, "east", spacing, rngs[1]))


def _total_m(blocks: list[_Block]) -> float:
    return sum(block.length_m for block in blocks)


def _lines(bands: int, axis: str, spacing: float, rng: np.random.Generator) -> list[_Line]:
    """Lines across one axis, by position: collectors at the borders, an arterial in every five bands."""
    lines: list[_Line] = []
    at_m = 0.0
    for band in range(bands):
        border = band in (0, bands - 1)
        if not border and band % 5 == min(2, bands // 2):
            lines += _arterial(at_m, f"{axis.title()} Avenue {band}", axis, rng)
        else:
            kind: StreetKind = "collector" if border or band % 3 == 0 else "local"
            width_m = 11.0 if kind == "collector" else 7.4
            setback_m = float(rng.uniform(4.0, 6.5) if kind == "collector" else rng.uniform(2.6, 4.5))
            lines.append(_Line(at_m, f"{axis.title()} Street {band}", kind, 0, 2, width_m, setback_m))
        at_m = lines[-1].at_m + spacing * float(rng.uniform(105, 185))
    return lines


def _arterial(at_m: float, name: str, axis: str, rng: np.random.Generator) -> list[_Line]:
    """Two carriageways 13-18 m apart and a service road 18-27 m beside the later; the warp changes both a little."""
    low_way = -1 if axis == "north" else 1  # the lower line of a pair is the western or the southern one
    setback_m = float(rng.uniform(5.0, 8.0))
    low = _Line(at_m, name, "arterial", low_way, 3, 10.5, setback_m)
    high = replace(low, at_m=at_m + float(rng.uniform(13, 18)), way=-low_way)
    side_m = high.at_m + float(rng.uniform(18, 27))
    return [low, high, _Line(side_m, f"{name} Service Road", "local", 0, 2, 7.0, float(rng.uniform(3, 5)))]


def _blocks(columns: list[_Line], rows: list[_Line]) -> list[_Block]:
    node = {(i, j): i * len(rows) + j for i in range(len(columns)) for j in range(len(rows))}
    blocks = []
    for i, column in enumerate(columns):
        for j in range(len(rows) - 1):
            ends = (column.at_m, rows[j].at_m), (column.at_m, rows[j + 1].at_m)
            blocks.append(_block(column, node[i, j], node[i, j + 1], ends))
    for j, row in enumerate(rows):
        for i in range(len(columns) - 1):
            ends = (columns[i].at_m, row.at_m), (columns[i + 1].at_m, row.at_m)
            blocks.append(_block(row, node[i, j], node[i + 1, j], ends))
    return blocks


def _block(line: _Line, start: int, end: int, ends: tuple[tuple[float, float], tuple[float, float]]) -> _Block:
    """A one-way line against the axis yields a block that runs the way it is driven."""
    if line.way < 0:
        start, end, ends = end, start, (ends[1], ends[0])
    (e0, n0), (e1, n1) = ends
    count = max(2, round(hypot(e1 - e0, n1 - n0) / POINT_EVERY_M) + 1)
    return _Block(line, start, end, np.column_stack([np.linspace(e0, e1, count), np.linspace(n0, n1, count)]))


def _thinned(blocks: list[_Block], wanted_m: float, rng: np.random.Generator) -> list[_Block]:
    """Takes local blocks out, in random order, as long as too much street is left and their ends stay connected."""
    spare_m = _total_m(blocks) - wanted_m
    kept = dict(enumerate(blocks))
    onward: dict[int, dict[int, int]] = defaultdict(dict)  # node -> block -> next node
    for key, block in kept.items():
        _open(onward, key, block)
    local = [k for k, block in kept.items() if block.line.kind == "local"]
    for key in (int(k) for k in rng.permutation(local)):
        block = kept[key]
        if block.length_m > spare_m:
            continue
        _close(onward, key, block)
        if _reaches(onward, block.start, block.end) and _reaches(onward, block.end, block.start):
            spare_m -= block.length_m
            del kept[key]
        else:
            _open(onward, key, block)
    return _without_stubs(list(kept.values()))


def _without_stubs(blocks: list[_Block]) -> list[_Block]:
    while True:
        ends = Counter(node for block in blocks for node in (block.start, block.end))
        kept = [b for b in blocks if b.length_m >= STUB_M or min(ends[b.start], ends[b.end]) > 1]
        if len(kept) == len(blocks):
            return kept
        blocks = kept


def _open(onward: dict[int, dict[int, int]], key: int, block: _Block) -> None:
    onward[block.start][key] = block.end
    if not block.line.way:
        onward[block.end][key] = block.start


def _close(onward: dict[int, dict[int, int]], key: int, block: _Block) -> None:
    del onward[block.start][key]
    onward[block.end].pop(key, None)


def _reaches(onward: dict[int, dict[int, int]], start: int, goal: int) -> bool:
    seen, waiting = {start}, deque([start])
    while waiting:
        for node in onward[waiting.popleft()].values():
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return False


def _with_roundabouts(blocks: list[_Block], rng: np.random.Generator) -> list[_Block]:
    """About one in five crossings of two long two-way streets becomes a ring, at least one where there is any."""
    arms: dict[int, list[int]] = defaultdict(list)
    for key, block in enumerate(blocks):
        arms[block.start].append(key)
        arms[block.end].append(key)
    fit = [node for node, keys in arms.items() if len(keys) >= 3 and all(_is_arm(blocks[k]) for k in keys)]
    count = min(len(fit), max(1, len(fit) // 5))
    next_node = 1 + max(max(block.start, block.end) for block in blocks)
    for node in (int(n) for n in rng.permutation(fit)[:count]):
        ring = _ring(node, next_node, [blocks[k] for k in arms[node]], float(rng.uniform(14, 19)))
        for key, arm in zip(arms[node], ring[: len(arms[node])], strict=True):
            blocks[key] = arm
        blocks = blocks + ring[len(arms[node]) :]
        next_node += len(arms[node])
    return blocks


def _is_arm(block: _Block) -> bool:
    """Long enough to stay a street after rings at both its ends."""
    return not block.line.way and block.length_m > SHORTEST_ARM_M


def _ring(node: int, first: int, arms: list[_Block], radius_m: float) -> list[_Block]:
    """The arms cut back to the ring, each with an end of its own, then the one-way arcs, counter-clockwise."""
    middle = arms[0].points_m[0] if arms[0].start == node else arms[0].points_m[-1]
    cut = [_cut_back(arm, node, first + i, middle, radius_m) for i, arm in enumerate(arms)]
    angles = [_angle(arm, first + i, middle) for i, arm in enumerate(cut)]
    order = sorted(range(len(arms)), key=lambda i: angles[i])
    line = replace(arms[0].line, name=f"{arms[0].line.name} Roundabout", way=1, lanes=1, width_m=6.0, setback_m=3.0)
    arcs = []
    for i, j in zip(order, [*order[1:], order[0]], strict=True):
        sweep = (angles[j] - angles[i]) % (2 * pi)
        turn = angles[i] + np.linspace(0, sweep, max(4, round(sweep * radius_m / 2)))
        points = middle + radius_m * np.column_stack([np.cos(turn), np.sin(turn)])
        arcs.append(_Block(line, first + i, first + j, points))
    return cut + arcs


def _cut_back(arm: _Block, node: int, new_node: int, middle: Floats, radius_m: float) -> _Block:
    starts = arm.start == node
    points = arm.points_m if starts else arm.points_m[::-1]
    away = points[-1] - middle
    entry = middle + radius_m * away / np.hypot(*away)
    kept = np.vstack([entry, points[np.hypot(*(points - middle).T) > radius_m + 0.5]])
    return replace(arm, start=new_node, points_m=kept) if starts else replace(arm, end=new_node, points_m=kept[::-1])


def _angle(arm: _Block, node: int, middle: Floats) -> float:
    end = arm.points_m[0] if arm.start == node else arm.points_m[-1]
    return atan2(end[1] - middle[1], end[0] - middle[0])


def _street(index: int, block: _Block, turn: float, phases: Floats) -> Street:
    line = block.line
    return Street(
        id=f"s{index:04d}",
        name=line.name,
        kind=line.kind,
        line_m=_warped(block.points_m, turn, phases),
        oneway=line.way != 0,
        lanes=line.lanes,
        width_m=line.width_m,
        setback_m=line.setback_m,
        start_node=block.start,
        end_node=block.end,
    )


def _warped(points_m: Floats, turn: float, phases: Floats) -> Floats:
    """Bends the grid by waves 700 and 1100 m long and 9 m high and turns it, so that few streets run due north."""
    e, n = points_m[:, 0], points_m[:, 1]
    bent_e = e + 9 * np.sin(2 * pi * n / 700 + phases[0]) + 9 * np.sin(2 * pi * (e + n) / 1100 + phases[1])
    bent_n = n + 9 * np.sin(2 * pi * e / 700 + phases[2]) + 9 * np.sin(2 * pi * (e - n) / 1100 + phases[3])
    return np.column_stack([bent_e * cos(turn) - bent_n * sin(turn), bent_e * sin(turn) + bent_n * cos(turn)])
