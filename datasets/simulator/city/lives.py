"""When each defect is there: it appears, grows, is repaired, and sometimes comes back at the same place."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from datasets.simulator.city.defects import FOREVER, Life, TrueDefect
from datasets.simulator.city.kinds import KINDS, Kind

FROM_BEFORE = 0.55  # of the defects lie there on the first day
REPAIRED = 0.6  # of all lives end; many of them after the last day
COMES_BACK = 0.3  # of the repaired, after 10 to 45 days
GROWS_EVERY_DAYS = (12.0, 30.0)
GROWTH = (1.05, 1.25)
FULL_SCALE = 1.7


def give_lives(defects: tuple[TrueDefect, ...], starts_at: datetime, days: int, seed: int) -> tuple[TrueDefect, ...]:
    """The same defects, each with at least one life that begins within the days or before."""
    rng = np.random.default_rng([seed, 22])
    return tuple(replace(one, life=_lives(KINDS[one.class_key], starts_at, days, rng)) for one in defects)


def _lives(kind: Kind, starts_at: datetime, days: int, rng: np.random.Generator) -> tuple[Life, ...]:
    from_day = float(rng.uniform(-60, 0) if rng.random() < FROM_BEFORE else rng.uniform(0, days))
    found: list[Life] = []
    while from_day < days:
        to_day = from_day + float(rng.uniform(*kind.lasts_days)) if rng.random() < REPAIRED else None
        if to_day is not None and to_day <= 0:  # repaired before anybody could look: it is a later one that counts
            from_day = float(rng.uniform(0, days))
            continue
        found += _grown(kind, from_day, to_day, starts_at, days, rng)
        if to_day is None or rng.random() >= COMES_BACK:
            break
        from_day = to_day + float(rng.uniform(10, 45))
    return tuple(found)


def _grown(
    kind: Kind, from_day: float, to_day: float | None, starts_at: datetime, days: int, rng: np.random.Generator
) -> list[Life]:
    """One stay, as one life or as several of growing scale."""
    steps, scales = [from_day], [1.0]
    while kind.grows and scales[-1] < FULL_SCALE:
        step = steps[-1] + float(rng.uniform(*GROWS_EVERY_DAYS))
        if step >= min(days, days if to_day is None else to_day):
            break
        steps.append(step)
        scales.append(min(FULL_SCALE, scales[-1] * float(rng.uniform(*GROWTH))))
    moments = [starts_at + timedelta(days=step) for step in steps]
    end = FOREVER if to_day is None else starts_at + timedelta(days=to_day)
    return [Life(a, b, scale) for a, b, scale in zip(moments, [*moments[1:], end], scales, strict=True)]
