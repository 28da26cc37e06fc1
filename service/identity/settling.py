"""Lays all passes over a place on one another once a pass is complete: how far each fix was off at each moment, and
which things that were filed apart are one.

While a pass goes on, each batch knows only what came before. Afterwards all of it is one system of equations: every
passage tells where its thing lies plus how far its fix was off, and that drifts slowly (`alignment`). Solving for the
drift of all passes together, with the places left free, is least squares over a graph of poses and landmarks
(simultaneous localisation and mapping: Grisetti and others, IEEE Intelligent Transportation Systems Magazine 2, 2010).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from service.identity.alignment import DRIFT_TIME_S
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import UNLIKE_CLASS, WHITE_SHARE, class_cost
from service.identity.matching import trust

Floats = NDArray[np.float64]

FIX_TRUST = 1.5  # receivers state less than they err
SURE_OF_CLAIM = 10.0  # a receiver's claim is worth as much as so many independent moments of its own pass
OWN_VAR_M2 = 0.02  # added to what a passage errs by itself
APART_VAR_M2 = 0.3  # of two passages of one thing from different sides: nobody sees the same middle
NEAR_M = 14.0
GATE_2 = 12.0
NEIGHBOURS_PER_M2 = 3e-4  # things of alike classes around a thing
ALONE, MOST_ALONE = 0.5, 6  # a passage that saw but one of two neighbours speaks for one thing
SEEN_BOTH = 4.0  # and one that saw both seconds apart for two
BOTH_WITHIN_S = 12.0
ROUNDS = 12
BEST_SHARE = 0.6  # in one round only what is nearly as sure as the surest is joined: it moves the others


@dataclass(frozen=True)
class Passage:
    """What one drive saw of one thing."""

    thing: int  # what it is filed under
    drive: int
    at_s: float
    spot: Spot  # by the drive's own fix, without its error
    gps_sd_m: float
    votes: Mapping[str, float]
    frames: frozenset[int]


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
    sds = _told_sds(passages)
    solved = _solve(passages, things, sds)
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
        solved = _solve(passages, things, sds)
    solved = _solve(passages, things, _learned_sds(passages, things, solved, sds))
    errors = [
        FixError(float(off[0]), float(off[1]), float(max(var[0, 0] + var[1, 1], 0.0) / 2) ** 0.5)
        for off, var in zip(solved.off_m, solved.var_m2, strict=True)
    ]
    return Settled(errors, {gone: _last(joined, gone) for gone in joined})


@dataclass(frozen=True)
class _Solved:
    """off_m (n, 2) and var_m2 (n, 2, 2) of every passage's fix; `row` of those that others check, in `cov` (2m, 2m);
    place_m and own_m2 by thing: where it lies and how sure that is beside the fixes; `shares` (2, 2) by passage, of
    what it moves its thing."""

    off_m: Floats
    var_m2: Floats
    row: Mapping[int, int]
    cov: Floats
    members: Mapping[int, list[int]]
    place_m: Mapping[int, Floats]
    own_m2: Mapping[int, Floats]
    shares: Sequence[Floats]


def _told_sds(passages: Sequence[Passage]) -> dict[int, float]:
    told: dict[int, list[float]] = {}
    for one in passages:
        told.setdefault(one.drive, []).append(one.gps_sd_m)
    return {drive: FIX_TRUST * sum(sds) / len(sds) for drive, sds in told.items()}


def _learned_sds(
    passages: Sequence[Passage], things: Sequence[int], solved: _Solved, sds: Mapping[int, float]
) -> dict[int, float]:
    """Per drive how far its fixes were off by all passes together, weighed against what its receiver claimed."""
    learned = {}
    for drive, sd_m in sds.items():
        own = [row for row in solved.row if passages[row].drive == drive]
        if own:
            times = [passages[row].at_s for row in own]
            moments = max((max(times) - min(times)) / DRIFT_TIME_S, 1.0)
            off2 = [float(solved.off_m[row] @ solved.off_m[row] + np.trace(solved.var_m2[row])) / 2 for row in own]
            told = SURE_OF_CLAIM * sd_m**2 + moments * sum(off2) / len(off2)
            sd_m = (told / (SURE_OF_CLAIM + moments)) ** 0.5
        learned[drive] = sd_m
    return learned


def _solve(passages: Sequence[Passage], things: Sequence[int], sds: Mapping[int, float]) -> _Solved:
    """All drifts at once, the places left free: each thing that is seen twice compares the fixes of its passages."""
    members: dict[int, list[int]] = {}
    for number, thing in enumerate(things):
        members.setdefault(thing, []).append(number)
    checked = sorted(
        (number for group in members.values() if len(group) > 1 for number in group),
        key=lambda number: (passages[number].drive, passages[number].at_s, number),
    )
    row = {number: index for index, number in enumerate(checked)}
    weights = [np.linalg.inv(_matrix(one.spot.ellipse) + OWN_VAR_M2 * np.eye(2)) for one in passages]
    told_m = np.array([(one.spot.east_m, one.spot.north_m) for one in passages])
    information, moment = np.zeros((2 * len(row), 2 * len(row))), np.zeros(2 * len(row))
    own_m2 = {thing: np.linalg.inv(sum(weights[n] for n in group)) for thing, group in members.items()}
    for thing, group in members.items():
        if len(group) > 1:
            at = np.array([(2 * row[n], 2 * row[n] + 1) for n in group]).ravel()
            w = np.concatenate([weights[n] for n in group])
            block = -w @ own_m2[thing] @ w.T
            for k, n in enumerate(group):
                block[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] += weights[n]
            information[np.ix_(at, at)] += block
            moment[at] += block @ told_m[group].ravel()
    drives = _drives(passages, checked, sds)
    for rows, inverse, _, _ in drives.values():
        for axis in (0, 1):
            at = 2 * np.array(rows) + axis
            information[np.ix_(at, at)] += inverse
    cov = np.asarray(np.linalg.inv(information), np.float64)
    off = (cov @ moment).reshape(-1, 2)
    off_m, var_m2 = np.zeros((len(passages), 2)), np.zeros((len(passages), 2, 2))
    for number, one in enumerate(passages):
        if number in row:
            k = 2 * row[number]
            off_m[number], var_m2[number] = off[row[number]], cov[k : k + 2, k : k + 2]
        else:
            off_m[number], var_m2[number] = _between(one, drives.get(one.drive), off, sds[one.drive])
    shares = [own_m2[thing] @ weight for thing, weight in zip(things, weights, strict=True)]
    place_m = {
        thing: sum((shares[n] @ (told_m[n] - off_m[n]) for n in group), np.zeros(2)) for thing, group in members.items()
    }
    return _Solved(off_m, var_m2, row, cov, members, place_m, own_m2, shares)


_Drive = tuple[list[int], Floats, Floats, float]  # rows, inverse of the drift's kernel, times, standard deviation


def _drives(passages: Sequence[Passage], checked: Sequence[int], sds: Mapping[int, float]) -> dict[int, _Drive]:
    rows: dict[int, list[int]] = {}
    for index, number in enumerate(checked):
        rows.setdefault(passages[number].drive, []).append(index)
    drives = {}
    for drive, own in rows.items():
        times, var = np.array([passages[checked[index]].at_s for index in own]), sds[drive] ** 2
        kernel = var * np.exp(-np.abs(times[:, None] - times[None, :]) / DRIFT_TIME_S)
        inverse = np.linalg.inv(kernel + WHITE_SHARE**2 * var * np.eye(len(own)))
        drives[drive] = (own, inverse, times, sds[drive])
    return drives


def _between(one: Passage, drive: _Drive | None, off: Floats, sd_m: float) -> tuple[Floats, Floats]:
    """The drift at a moment that nothing checks, by the moments around it."""
    if drive is None:
        return np.zeros(2), sd_m**2 * np.eye(2)
    rows, inverse, times, sd_m = drive
    near = sd_m**2 * np.exp(-np.abs(times - one.at_s) / DRIFT_TIME_S)
    weights = inverse @ near
    return weights @ off[rows], max(sd_m**2 - float(near @ weights), 0.05) * np.eye(2)


def _pairs(
    passages: Sequence[Passage], things: Sequence[int], solved: _Solved, decided: set[int], apart: set[frozenset[int]]
) -> list[tuple[float, int, int]]:
    """(gain, kept, gone) of pairs that are likelier one thing than two, the surest first."""
    votes: dict[int, Counter[str]] = {}
    for passage, thing in zip(passages, things, strict=True):
        votes.setdefault(thing, Counter()).update(dict(passage.votes))
    order = sorted(solved.place_m, key=lambda thing: (float(solved.place_m[thing][0]), thing))
    found: list[tuple[float, int, int]] = []
    for index, one in enumerate(order):
        for other in order[index + 1 :]:
            east_m, north_m = solved.place_m[other] - solved.place_m[one]
            if east_m > NEAR_M:
                break
            if abs(north_m) > NEAR_M or frozenset((one, other)) in apart or {one, other} <= decided:
                continue
            gain = _gain(passages, solved, one, other, votes[one], votes[other])
            if gain > 0:
                kept, gone = sorted((one, other), key=lambda t: (t not in decided, -len(solved.members[t]), t))
                found.append((gain, kept, gone))
    return sorted(found, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _gain(
    passages: Sequence[Passage], solved: _Solved, one: int, other: int, votes: Counter[str], others: Counter[str]
) -> float:
    """How much likelier it is that both are one thing than two, as a logarithm."""
    named = max(class_cost(_name(votes), others), class_cost(_name(others), votes))
    ours, theirs = solved.members[one], solved.members[other]
    if named <= UNLIKE_CLASS or _share_frame(passages, ours, theirs):
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
    seen = ALONE * min(alone, MOST_ALONE) - SEEN_BOTH * both
    density = apart.ellipse.log_density(*step) - log(NEIGHBOURS_PER_M2)
    return density + named + seen + log(trust(votes) * trust(others))


def _apart_m2(solved: _Solved, one: int, other: int) -> Floats:
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


def _share_frame(passages: Sequence[Passage], ours: Sequence[int], theirs: Sequence[int]) -> bool:
    return any(not passages[a].frames.isdisjoint(passages[b].frames) for a in ours for b in theirs)


def _name(votes: Mapping[str, float]) -> str:
    return min(votes, key=lambda key: (-votes[key], key))


def _matrix(ellipse: Ellipse) -> Floats:
    return np.array([[ellipse.cov_ee_m2, ellipse.cov_en_m2], [ellipse.cov_en_m2, ellipse.cov_nn_m2]])


def _spot(step_m: Floats, cov_m2: Floats) -> Spot:
    ellipse = Ellipse(float(cov_m2[0, 0]), float(cov_m2[0, 1]), float(cov_m2[1, 1]))
    return Spot(float(step_m[0]), float(step_m[1]), ellipse)


def _last(joined: Mapping[int, int], thing: int) -> int:
    while thing in joined:
        thing = joined[thing]
    return thing
