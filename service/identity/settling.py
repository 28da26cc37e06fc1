"""Lays all passes over a place on one another once a pass is complete: how far each fix was off, and which things that
were filed apart are one. While a pass goes on, each batch knows only what came before."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from service.identity.drift import Passage, Solved, learned_sds, solve, told_sds
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import UNLIKE_CLASS, class_cost
from service.identity.matching import trust

Floats = NDArray[np.float64]

APART_VAR_M2 = 0.3  # of two passages of one thing from different sides: nobody sees the same middle
NEAR_M, NEAR_SDS = 14.0, 4.0  # neighbours are looked for so far away, or so many deviations of the worst fix
GATE_2 = 12.0
NEIGHBOURS_PER_M2 = 3e-4  # things of alike classes around a thing
ALONE, MOST_ALONE = 0.5, 6  # a passage that saw but one of two neighbours speaks for one thing
# So does one that saw both within seconds but never in one frame: 31 of 34 such pairs of simulated cities were a thing
# lost from sight and found again. A frame that shows both speaks for two; but the detector draws some things twice,
# and far boxes stray: of pairs with one such frame 115 of 147 were one thing, with three 9 of 18, with five or more 0.
SEEN_APART, BOTH_WITHIN_S = 1.0, 12.0
IN_ONE_FRAME, SURELY_TWO = -2.5, 4
ROUNDS = 12
BEST_SHARE = 0.6  # in one round only what is nearly as sure as the surest is joined: it moves the others


@dataclass(frozen=True)
class FixError:
    """By how much a passage's fix was off, and how far it may still be, per axis."""

    east_m: float
    north_m: float
    sd_m: float


@dataclass(frozen=True)
class Settled:
    """errors: one a passage, in their order. joined: by thing the one that it is a part of."""

    errors: list[FixError]
    joined: dict[int, int]


def settle(passages: Sequence[Passage], decided: Collection[int], apart: Collection[frozenset[int]]) -> Settled:
    """What all passages around a place say together. Two things that people `decided` on stay two, and so do those
    that a person parted (`apart`)."""
    things = [one.thing for one in passages]
    joined: dict[int, int] = {}
    sds = told_sds(passages)
    solved = solve(passages, things, sds)
    for _ in range(ROUNDS):
        found = _pairs(passages, things, solved, set(decided), set(apart))
        if not found:
            break
        touched: set[int] = set()
        for gain, kept, gone in found:
            if gain < BEST_SHARE * found[0][0] or {kept, gone} & touched:
                continue
            touched |= {kept, gone}
            joined[gone] = kept
            things = [kept if thing == gone else thing for thing in things]
        solved = solve(passages, things, sds)
    solved = solve(passages, things, learned_sds(passages, things, solved, sds))
    errors = [
        FixError(float(off[0]), float(off[1]), float(max(var[0, 0] + var[1, 1], 0.0) / 2) ** 0.5)
        for off, var in zip(solved.off_m, solved.var_m2, strict=True)
    ]
    return Settled(errors, {gone: _last(joined, gone) for gone in joined})


def _pairs(
    passages: Sequence[Passage], things: Sequence[int], solved: Solved, decided: set[int], apart: set[frozenset[int]]
) -> list[tuple[float, int, int]]:
    """(gain, kept, gone) of pairs that are likelier one thing than two, the surest first."""
    votes: dict[int, Counter[str]] = {}
    for passage, thing in zip(passages, things, strict=True):
        votes.setdefault(thing, Counter()).update(dict(passage.votes))
    order = sorted(solved.place_m, key=lambda thing: (float(solved.place_m[thing][0]), thing))
    near_m = max(NEAR_M, NEAR_SDS * max(one.gps_sd_m for one in passages))
    found: list[tuple[float, int, int]] = []
    for index, one in enumerate(order):
        for other in order[index + 1 :]:
            east_m, north_m = solved.place_m[other] - solved.place_m[one]
            if east_m > near_m:
                break
            if abs(north_m) > near_m or frozenset((one, other)) in apart or {one, other} <= decided:
                continue
            gain = _gain(passages, solved, one, other, votes[one], votes[other])
            if gain > 0:
                kept, gone = sorted((one, other), key=lambda t: (t not in decided, -len(solved.members[t]), t))
                found.append((gain, kept, gone))
    return sorted(found, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _gain(
    passages: Sequence[Passage], solved: Solved, one: int, other: int, votes: Counter[str], others: Counter[str]
) -> float:
    """How much likelier it is that both are one thing than two, as a logarithm."""
    named = max(class_cost(_name(votes), others), class_cost(_name(others), votes))
    ours, theirs = solved.members[one], solved.members[other]
    shared = sum(len(passages[a].frames & passages[b].frames) for a in ours for b in theirs)
    if named <= UNLIKE_CLASS or shared >= SURELY_TWO:
        return 0.0
    step = solved.place_m[one] - solved.place_m[other]
    apart = _spot(step, _apart_m2(solved, one, other))
    if apart.ellipse.mahalanobis2(*step) > GATE_2:
        return 0.0
    both = sum(
        any(
            passages[b].drive == passages[a].drive and abs(passages[b].at_s - passages[a].at_s) < BOTH_WITHIN_S
            for b in theirs
        )
        for a in ours
    )
    alone = len(ours) + len(theirs) - 2 * both
    seen = ALONE * min(alone, MOST_ALONE) + SEEN_APART * both + IN_ONE_FRAME * shared
    density = apart.ellipse.log_density(*step) - log(NEIGHBOURS_PER_M2)
    return density + named + seen + log(trust(votes) * trust(others))


def _apart_m2(solved: Solved, one: int, other: int) -> Floats:
    """Covariance of the step between two things: what their passages err, and what their fixes have not in common."""
    total = solved.own_m2[one] + solved.own_m2[other] + APART_VAR_M2 * np.eye(2)
    rows, moves = [], []
    for thing, sign in ((one, 1.0), (other, -1.0)):
        for number in solved.members[thing]:
            share = sign * solved.shares[number]
            if number in solved.row:
                rows += [2 * solved.row[number], 2 * solved.row[number] + 1]
                moves.append(share)
            else:
                total = total + share @ solved.var_m2[number] @ share.T
    if rows:
        move = np.hstack(moves)
        total = total + move @ solved.cov[np.ix_(rows, rows)] @ move.T
    return np.asarray(total)


def _name(votes: Mapping[str, float]) -> str:
    return min(votes, key=lambda key: (-votes[key], key))


def _spot(step_m: Floats, cov_m2: Floats) -> Spot:
    ellipse = Ellipse(float(cov_m2[0, 0]), float(cov_m2[0, 1]), float(cov_m2[1, 1]))
    return Spot(float(step_m[0]), float(step_m[1]), ellipse)


def _last(joined: Mapping[int, int], thing: int) -> int:
    while thing in joined:
        thing = joined[thing]
    return thing
