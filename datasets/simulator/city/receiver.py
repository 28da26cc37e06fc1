"""What a satellite receiver makes of a drive: drift, jumps between tall buildings, gaps, and a claim about itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.simulator.arrays import Floats, Mask

DRIFT_S = (60.0, 120.0)  # correlation time of a pass
WHITE_SHARE = 0.15  # of the drift's deviation, new with every fix
JUMP_EVERY_S, JUMP_LASTS_S, JUMP_SDS = 900.0, (10.0, 40.0), (2.0, 4.0)
GAP_EVERY_S, GAP_LASTS_S = 1200.0, (10.0, 30.0)
CLAIM_ERROR = 0.3  # of the stated deviation, as a share
CLAIM_IN_JUMP = 1.4  # it notices, but a jump of three deviations deserves more
DOP, DOP_IN_JUMP = (0.8, 1.5), (1.8, 3.5)


@dataclass(frozen=True, eq=False)
class Fixes:
    """Errors of the fixes at the frames' moments; has_fix is false in a gap. stated_sd_m is per axis."""

    error_m: Floats
    stated_sd_m: Floats
    dop: Floats
    has_fix: Mask


def receive(time_s: Floats, sd_m: float, rng: np.random.Generator) -> Fixes:
    """Errors at ascending times, one drive's worth; two drives share nothing."""
    correlation_s = float(rng.uniform(*DRIFT_S))
    drift = np.column_stack([drifting(time_s, correlation_s, rng) for _ in range(2)])
    white = WHITE_SHARE * rng.standard_normal((len(time_s), 2))
    jump, in_jump = _jumps(time_s, rng)
    claim = np.clip(1 + CLAIM_ERROR * rng.standard_normal() * 0.8, 0.4, 1.9)
    stated = sd_m * claim * (1 + 0.3 * CLAIM_ERROR * drifting(time_s, correlation_s, rng))
    dop = np.where(in_jump, rng.uniform(*DOP_IN_JUMP), rng.uniform(*DOP)) * (
        1 + 0.05 * rng.standard_normal(len(time_s))
    )
    return Fixes(
        error_m=sd_m * (drift + white + jump),
        stated_sd_m=np.maximum(0.3 * sd_m, stated) * np.where(in_jump, CLAIM_IN_JUMP, 1.0),
        dop=dop,
        has_fix=~_covered(time_s, _spells(time_s, GAP_EVERY_S, GAP_LASTS_S, rng)),
    )


def drifting(time_s: Floats, correlation_s: float, rng: np.random.Generator) -> Floats:
    """An Ornstein-Uhlenbeck process of unit deviation at ascending times, stationary from the first on."""
    kept = np.exp(-np.diff(time_s) / correlation_s)
    fresh = np.sqrt(1 - kept**2) * rng.standard_normal(len(kept))
    value = float(rng.standard_normal())
    values = [value]
    for keep, new in zip(kept.tolist(), fresh.tolist(), strict=True):
        value = keep * value + new
        values.append(value)
    return np.array(values)


def _jumps(time_s: Floats, rng: np.random.Generator) -> tuple[Floats, Mask]:
    """Offsets in deviations (n, 2) and where there is one."""
    offset, inside = np.zeros((len(time_s), 2)), np.zeros(len(time_s), bool)
    for from_s, to_s in _spells(time_s, JUMP_EVERY_S, JUMP_LASTS_S, rng):
        spell = (time_s >= from_s) & (time_s < to_s)
        turn = rng.uniform(0, 2 * np.pi)
        offset[spell] = rng.uniform(*JUMP_SDS) * np.array([np.cos(turn), np.sin(turn)])
        inside |= spell
    return offset, inside


def _spells(
    time_s: Floats, every_s: float, lasts_s: tuple[float, float], rng: np.random.Generator
) -> Iterator[tuple[float, float]]:
    at_s = float(time_s[0] + rng.exponential(every_s))
    while at_s < time_s[-1]:
        end_s = at_s + float(rng.uniform(*lasts_s))
        yield at_s, end_s
        at_s = end_s + float(rng.exponential(every_s))


def _covered(time_s: Floats, spells: Iterator[tuple[float, float]]) -> Mask:
    covered = np.zeros(len(time_s), bool)
    for from_s, to_s in spells:
        covered |= (time_s >= from_s) & (time_s < to_s)
    return covered
