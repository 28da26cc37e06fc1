"""What it means that vehicles looked and saw nothing: after enough of it a repair is verified, or a thing has gone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, log
from typing import Literal

from service.identity.scores import score_log

# How often a whole pass misses what is there, however many frames it takes: a parked car hides it, it is wet, shaded
# or of a kind that the model does not know. Nobody has measured it, and it differs from thing to thing: (chance,
# share of the things), 0.16 on average; what earlier passes saw tells of which kind a thing is.
HIDDEN = ((0.06, 0.6), (0.25, 0.3), (0.5, 0.1))
# Chosen on simulated cities 11 to 18 (`rasid bench identity`), to be measured in operation: frames of one pass see the
# same light and the same shape, so that each counts as a part of an independent one: those that looked in vain, which
# HIDDEN speaks for too; those of a pass that saw it in some and not in others; the scores.
IN_VAIN, PATTERN, SCORES = 0.6, 0.3, 0.85
REAL = 0.07  # of the candidates that a model makes: 403 there, beside 4,887 false alarms
# What the others are: (share, seen again by the next frame, by a later pass). Boxes of a moment and shadows of one
# pass, which meet others at their place by chance; manholes, patches and the like, which deceive again.
LOOKALIKES = ((0.87, 0.02, 0.05), (0.13, 0.1, 0.4))
# A pass reports something at a place where there is none any more: 39 of 487 did there. At 0.06 two more of 120
# verified repairs were wrong, for one to four more that were right.
FALSE_ALARM = 0.04
TYPICAL_RECALL = 0.75  # of the frames that did show it, whose own chance is not kept
REPAIR_WORKED = 0.8  # of the repairs that a unit reports done
SAME_LOOK = timedelta(hours=6)  # the same parked car stands there: looks so near in time are one
LEAST_VISITS = 2
ABSENT_LIMIT = 0.96  # proposed from this chance on: precision 0.983 to 0.991, tests/identity/test_absence.py


@dataclass(frozen=True)
class Stay:
    """Days until a thing goes without our work, and until another comes to the place, on average."""

    goes_days: float
    comes_back_days: float


# Garbage and water go in days; a pothole stays until somebody whom we do not know of mends it.
STAYS: dict[str, Stay] = {
    "pothole": Stay(1500, 700), "road_crack": Stay(3000, 3000), "garbage": Stay(10, 180),
    "graffiti": Stay(700, 700), "construction_barrier": Stay(60, 365), "neglected_sidewalk": Stay(1500, 3000),
    "bad_billboard": Stay(365, 365), "sand_rubble": Stay(60, 365), "standing_water": Stay(5, 180),
    "damaged_sign": Stay(700, 1500), "unkept_facade": Stay(1500, 3000),
}  # fmt: skip


@dataclass(frozen=True)
class Visited:
    """One visit of a defect, as the table `visit` has it."""

    at: datetime
    sightings: int
    looks: int
    unseen_log: float
    score_log: float | None = None  # sum of its sightings' (`identity.scores`); None: it was not kept


@dataclass(frozen=True)
class Presence:
    """Whether a defect is there now."""

    log_odds: float
    unseen_visits_since: int  # that looked, after its last good sighting and its repair; looks of a few hours are one
    proposal: Literal["fixed", "gone"] | None
    real_log_odds: float = 0.0  # that it is or was a real thing, and not a false alarm

    @property
    def absent(self) -> float:
        """The chance that it is not there."""
        return 1 / (1 + exp(self.log_odds))


def presence(
    visits: Sequence[Visited], class_key: str, *, repaired_at: datetime | None = None,
    overruled_at: datetime | None = None, score: float | None = None,
) -> Presence:  # fmt: skip
    """Follows a defect through its visits, in whichever order they come, by Bayes' rule.

    It is there, has gone, or never was (a false alarm; only with `score`, the model's best, where no person has
    confirmed it). Between visits it goes or comes back as its class does (STAYS); at `repaired_at` its unit reported
    it done; at `overruled_at` a person said that it is there: passes before only tell how well it hides.
    """
    seen = [one for one in visits if one.sightings]
    if not seen:
        return Presence(0.0, 0, None)
    masses = _follow(_scored(visits, class_key, score), class_key, repaired_at, overruled_at, score is not None)
    there, gone, never = (sum(getattr(one, name) for one in masses) for name in ("there", "gone", "never"))
    odds = _log(there) - _log(gone + never)
    seen_at = max([min(one.at for one in seen), *(one.at for one in seen if _tells(one))])
    since = max(one for one in (seen_at, repaired_at, overruled_at) if one)
    unseen = len(_separate([replace(one, sightings=0) for one in visits if one.at > since and one.looks]))
    sure = 1 / (1 + exp(odds)) >= ABSENT_LIMIT and unseen >= LEAST_VISITS
    kind: Literal["fixed", "gone"] = "fixed" if repaired_at and repaired_at >= seen_at else "gone"
    return Presence(odds, unseen, kind if sure else None, _log(there + gone) - _log(never))


def exists(visits: Sequence[Visited], class_key: str, score: float) -> float:
    """Log-odds that what was seen is or was a real defect and not a false alarm: more passes and frames that saw it
    and higher scores raise them, looks that did not lower them. 0 without any sighting.

    `score`: its best, for visits whose own were not kept.
    """
    return presence(visits, class_key, score=score).real_log_odds


_REPAIRED, _VISIT, _OVERRULED = range(3)  # in this order at one moment: what a person says is said last


@dataclass(frozen=True)
class _Mass:
    """How likely it is by all that was seen so far that the thing is there, has gone or never was but one of
    LOOKALIKES, if it is one that a pass misses with the chance `hidden`."""

    hidden: float
    there: float
    gone: float
    alike: tuple[float, ...]

    @property
    def never(self) -> float:
        return sum(self.alike)

    def scaled(self, there: float, gone: float, alike: Sequence[float]) -> "_Mass":
        each = tuple(one * share for one, share in zip(self.alike, alike, strict=True))
        return _Mass(self.hidden, self.there * there, self.gone * gone, each)

    def waited(self, days: float, stay: Stay) -> "_Mass":
        goes, comes = 1 - exp(-days / stay.goes_days), 1 - exp(-days / stay.comes_back_days)
        there = self.there * (1 - goes) + self.gone * comes
        return _Mass(self.hidden, there, self.there + self.gone - there, self.alike)

    def repaired(self) -> "_Mass":
        mended = self.there * REPAIR_WORKED
        return _Mass(self.hidden, self.there - mended, self.gone + mended, self.alike)

    def visited(self, visit: Visited) -> "_Mass":
        if visit.sightings:
            real, alike = _within_pass(visit)
            again = [one * later for one, (_, _, later) in zip(alike, LOOKALIKES, strict=True)]
            return self.scaled((1 - self.hidden) * real, FALSE_ALARM * max(alike), again)
        found = 1 - exp(IN_VAIN * visit.unseen_log)
        unseen = [1 - later * (1 - exp(PATTERN * visit.looks * log(1 - once))) for _, once, later in LOOKALIKES]
        return self.scaled(1 - (1 - self.hidden) * found, 1 - FALSE_ALARM * found, unseen)


def _follow(
    visits: Sequence[Visited], class_key: str, repaired_at: datetime | None, overruled_at: datetime | None,
    doubted: bool,
) -> list[_Mass]:  # fmt: skip
    """What is believed after the last visit, for each kind of HIDDEN; it all begins with the first sighting."""
    ordered = sorted(visits, key=lambda one: one.at)
    first = next(index for index, one in enumerate(ordered) if one.sightings)
    begin, later = ordered[first], _separate(ordered[first + 1 :])
    real = REAL if doubted else 1.0
    in_real, in_alike = _within_pass(begin)
    alike = [(1 - real) * kind * one for one, (kind, _, _) in zip(in_alike, LOOKALIKES, strict=True)]
    masses = [
        _Mass(hidden, share * (1 - hidden) * real * in_real, 0.0, tuple(share * (1 - hidden) * one for one in alike))
        for hidden, share in HIDDEN
    ]
    steps: list[tuple[datetime, int, Visited | None]] = [(one.at, _VISIT, one) for one in later]
    told = ((_REPAIRED, repaired_at), (_OVERRULED, overruled_at))
    steps += [(at, rank, None) for rank, at in told if at and at >= begin.at]
    at = begin.at
    for step_at, rank, visit in sorted(steps, key=lambda step: step[:2]):
        days = (step_at - at).total_seconds() / 86_400
        masses = _normal([_step(one.waited(days, STAYS[class_key]), rank, visit) for one in masses])
        at = step_at
    return masses


def _step(mass: _Mass, rank: int, visit: Visited | None) -> _Mass:
    if visit is not None:
        return mass.visited(visit)
    return mass.repaired() if rank == _REPAIRED else mass.scaled(1.0, 0.0, [0.0] * len(LOOKALIKES))


def _within_pass(visit: Visited) -> tuple[float, list[float]]:
    """How likely the frames after the first sighting are to have seen and missed what they did, and all of them to
    score so: a real thing, each of LOOKALIKES."""
    missed, again = max(visit.looks - visit.sightings, 0), max(visit.sightings - 1, 0)
    real = PATTERN * (visit.unseen_log + again * log(TYPICAL_RECALL)) + SCORES * (visit.score_log or 0.0)
    alike = [PATTERN * (missed * log(1 - once) + again * log(once)) for _, once, _ in LOOKALIKES]
    most = max(real, *alike)  # only their ratio tells, and forty frames must not underflow
    return exp(real - most), [exp(one - most) for one in alike]


def _tells(visit: Visited) -> bool:
    """Whether the sightings of a visit are rather those of a thing than a false alarm at its place."""
    real, alike = _within_pass(visit)
    return real > FALSE_ALARM * max(alike)


def _scored(visits: Sequence[Visited], class_key: str, score: float | None) -> Sequence[Visited]:
    """The same; where no score was kept, the first sighting has the best."""
    seen = [one for one in visits if one.sightings]
    if score is None or not seen or any(one.score_log is not None for one in seen):
        return visits
    first = min(seen, key=lambda one: one.at)
    told = replace(first, score_log=score_log(class_key, score))
    return [told if one is first else one for one in visits]


def _separate(visits: Sequence[Visited]) -> list[Visited]:
    """The visits with those that looked in vain within SAME_LOOK of one another as one."""
    joined: list[Visited] = []
    for one in sorted(visits, key=lambda visit: visit.at):
        before = joined[-1] if joined else None
        if before and not before.sightings and not one.sightings and one.at - before.at < SAME_LOOK:
            joined[-1] = Visited(before.at, 0, before.looks + one.looks, before.unseen_log + one.unseen_log)
        else:
            joined.append(one)
    return joined


def _normal(masses: list[_Mass]) -> list[_Mass]:
    total = sum(one.there + one.gone + one.never for one in masses)
    return [one.scaled(1 / total, 1 / total, [1 / total] * len(LOOKALIKES)) for one in masses]


def _log(mass: float) -> float:
    return log(max(mass, 1e-12))  # nobody is surer than that of a street
