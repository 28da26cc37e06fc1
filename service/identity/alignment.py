"""How far a pass lies off the map, moment by moment: the drift of its fix, told by all that it sees and the map knows.

A fix drifts by metres over a minute, but things seen within the same seconds are off by the same. So the constellation
of what is seen is laid over what is known: one offset has to explain all of it. The offset over time is a Gaussian
process with an exponential kernel (an Ornstein-Uhlenbeck process, as receivers' errors are modelled); which thing is
which and the offset are found in turns (expectation maximisation, as in coherent point drift: Myronenko and Song,
IEEE TPAMI 32, 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRIFT_TIME_S = 80.0  # over which a receiver's error is forgotten: 1 to 2 minutes for code phase fixes
ASTRAY, ASTRAY_SD_M = 0.2, 7.0  # share of fixes and boxes that err by more than they state, and by how much
ROUNDS = 12
UNTOLD_VAR_M2 = 1e4
LEAST_VAR_M2 = 0.02
STARTS = 4


@dataclass(frozen=True)
class Anchor:
    """A moment at which the pass is known to lie off the map by so much, plus or minus the root of var_m2 per axis."""

    at_s: float
    east_m: float
    north_m: float
    var_m2: float


@dataclass(frozen=True)
class Pairs:
    """Which track may be which known thing: one row a pair, ascending by track."""

    track: Ints  # (k,)
    step_m: Floats  # (k, 2) from the known thing to the track, east and north
    cov_m2: Floats  # (k, 3) ee, en, nn of both places without the fix
    log_prior: Floats  # (k,) by class and size, against a new thing


@dataclass(frozen=True)
class Offsets:
    """How far the pass lies off the map at each track, by everything but that track itself, and how sure that is."""

    mean_m: Floats  # (n, 2)
    var_m2: Floats  # (n,) per axis
    log_evidence: float  # of the whole explanation; larger is better


def align(at_s: Floats, pairs: Pairs, anchors: Sequence[Anchor], prior_var_m2: float) -> Offsets:
    """The offsets at the tracks' times (n,), the best of several starts.

    Without pairs and anchors the offset is 0 with the prior's variance, that of the pass's fix and the map's together.
    """
    times = np.concatenate([at_s, [anchor.at_s for anchor in anchors]])
    kernel = prior_var_m2 * np.exp(-np.abs(times[:, None] - times[None, :]) / DRIFT_TIME_S)
    fixed_m = np.array([(anchor.east_m, anchor.north_m) for anchor in anchors]).reshape(-1, 2)
    fixed_var = np.array([anchor.var_m2 for anchor in anchors])
    best: Offsets | None = None
    for start in _starts(len(at_s), pairs, kernel, fixed_m, fixed_var, prior_var_m2):
        found = _settle(len(at_s), pairs, kernel, fixed_m, fixed_var, start)
        if best is None or found.log_evidence > best.log_evidence + 1e-9:
            best = found
    assert best is not None
    return best


def log_ratios(pairs: Pairs, offsets: Offsets) -> Floats:
    """(k,) how much likelier each pair is one thing than two, as a logarithm, without the prior of a new thing."""
    var = offsets.var_m2[pairs.track]
    ee, en, nn = pairs.cov_m2[:, 0] + var, pairs.cov_m2[:, 1], pairs.cov_m2[:, 2] + var
    east, north = (pairs.step_m - offsets.mean_m[pairs.track]).T
    det = ee * nn - en * en
    apart2 = (nn * east * east - 2 * en * east * north + ee * north * north) / det
    sound = np.log(1 - ASTRAY) - 0.5 * apart2 - 0.5 * np.log(det)
    far_var = (ee + nn) / 2 + ASTRAY_SD_M**2
    astray = np.log(ASTRAY) - 0.5 * (east * east + north * north) / far_var - np.log(far_var)
    ratios: Floats = pairs.log_prior + np.logaddexp(sound, astray) - np.log(2 * np.pi)
    return ratios


def _settle(count: int, pairs: Pairs, kernel: Floats, fixed_m: Floats, fixed_var: Floats, start: Offsets) -> Offsets:
    offsets = start
    for _ in range(ROUNDS):
        ratios = log_ratios(pairs, offsets)
        shares, evidence = _shares(count, pairs, ratios)
        told_m, told_var = _told(count, pairs, shares)
        mean_m, var = _without_itself(kernel, np.vstack([told_m, fixed_m]), np.concatenate([told_var, fixed_var]))
        offsets = Offsets(mean_m[:count], var[:count], evidence)
    return offsets


def _shares(count: int, pairs: Pairs, ratios: Floats) -> tuple[Floats, float]:
    """How probable each pair is, and the logarithm of the likelihood of all: each track is one of its pairs or new."""
    most = np.zeros(count)
    np.maximum.at(most, pairs.track, ratios)
    total = np.exp(-most)
    np.add.at(total, pairs.track, np.exp(ratios - most[pairs.track]))
    shares: Floats = np.exp(ratios - most[pairs.track]) / total[pairs.track]
    return shares, float((np.log(total) + most).sum())


def _told(count: int, pairs: Pairs, shares: Floats) -> tuple[Floats, Floats]:
    """The offset that each track tells by its likeliest partners, and its variance."""
    weight = np.zeros(count)
    np.add.at(weight, pairs.track, shares)
    told_m, var = np.zeros((count, 2)), np.zeros(count)
    np.add.at(told_m, pairs.track, shares[:, None] * pairs.step_m)
    np.add.at(var, pairs.track, shares * (pairs.cov_m2[:, 0] + pairs.cov_m2[:, 2]) / 2)
    sure = np.maximum(weight, 1e-12)
    told_m /= sure[:, None]
    spread = np.zeros(count)
    np.add.at(spread, pairs.track, shares * ((pairs.step_m - told_m[pairs.track]) ** 2).sum(1) / 2)
    told_var = np.minimum((var / sure + spread / sure + LEAST_VAR_M2) / sure, UNTOLD_VAR_M2)
    return told_m, np.where(weight > 1e-6, told_var, UNTOLD_VAR_M2)


def _without_itself(kernel: Floats, told_m: Floats, told_var: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the process at each place by all others: leave-one-out in closed form (Rasmussen and
    Williams, Gaussian Processes for Machine Learning, section 5.4.2)."""
    if not len(told_var):
        return told_m, told_var
    inverse = np.linalg.inv(kernel + np.diag(told_var))
    own = np.diag(inverse)
    mean_m: Floats = told_m - (inverse @ told_m) / own[:, None]
    var: Floats = np.maximum(1 / own - told_var, 1e-6)
    return mean_m, var


def _starts(
    count: int, pairs: Pairs, kernel: Floats, fixed_m: Floats, fixed_var: Floats, prior_var_m2: float
) -> list[Offsets]:
    """What the anchors say; and, as the constellation may lie far off, the constant offsets that explain most."""
    nothing = np.full(count, UNTOLD_VAR_M2)
    mean_m, var = _without_itself(
        kernel, np.vstack([np.zeros((count, 2)), fixed_m]), np.concatenate([nothing, fixed_var])
    )
    told = Offsets(mean_m[:count], var[:count], -np.inf)
    candidates = np.unique(np.round(pairs.step_m * 2) / 2, axis=0)
    if len(fixed_var) or not len(candidates):
        return [told]
    scores = []
    for offset_m in candidates:
        constant = Offsets(np.tile(offset_m, (count, 1)), np.full(count, 1.0), -np.inf)
        evidence = _shares(count, pairs, log_ratios(pairs, constant))[1]
        scores.append(evidence - 0.5 * float(offset_m @ offset_m) / prior_var_m2)
    ranked = np.argsort(-np.array(scores), kind="stable")[:STARTS]
    return [told, *(Offsets(np.tile(candidates[i], (count, 1)), np.full(count, 1.0), -np.inf) for i in ranked)]
