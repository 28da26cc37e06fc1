"""How far each pass's fix was off at each moment, by all passes over a place together: one system of equations.

Every passage tells where its thing lies plus how far its fix was off, and that drifts slowly (`alignment`). Solving for
the drift of all passes at once, with the places left free, is least squares over a graph of poses and landmarks
(simultaneous localisation and mapping: Grisetti and others, IEEE Intelligent Transportation Systems Magazine 2, 2010).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.identity.alignment import DRIFT_TIME_S
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import WHITE_SHARE

Floats = NDArray[np.float64]

FIX_TRUST = 1.5  # receivers state less than they err
SURE_OF_CLAIM = 10.0  # a receiver's claim is worth as much as so many independent moments of its own pass
OWN_VAR_M2 = 0.02  # added to what a passage errs by itself


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
class Solved:
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


def told_sds(passages: Sequence[Passage]) -> dict[int, float]:
    told: dict[int, list[float]] = {}
    for one in passages:
        told.setdefault(one.drive, []).append(one.gps_sd_m)
    return {drive: FIX_TRUST * sum(sds) / len(sds) for drive, sds in told.items()}


def learned_sds(
    passages: Sequence[Passage], things: Sequence[int], solved: Solved, sds: Mapping[int, float]
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


def solve(passages: Sequence[Passage], things: Sequence[int], sds: Mapping[int, float]) -> Solved:
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
    return Solved(off_m, var_m2, row, cov, members, place_m, own_m2, shares)


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


def _matrix(ellipse: Ellipse) -> Floats:
    return np.array([[ellipse.cov_ee_m2, ellipse.cov_en_m2], [ellipse.cov_en_m2, ellipse.cov_nn_m2]])
