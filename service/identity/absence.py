"""What it means that vehicles looked and saw nothing: after enough of it a repair is verified, or a thing has gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from typing import Literal

# How often a whole pass misses what is there, however many frames it takes: a parked car hides it, it is wet, shaded
# or of a kind that the model does not know. Nobody has measured it, and it differs from thing to thing: (chance,
# share of the things), 0.16 on average; what earlier passes saw tells of which kind a thing is.
HIDDEN = ((0.06, 0.6), (0.25, 0.3), (0.5, 0.1))
INDEPENDENT = 0.5  # frames of one pass see the same light and the same shape: each counts as half an independent one
# Our own starting values from here on, to be measured in operation. A false alarm at one place: 0.1 false potholes a
# drawn frame (datasets/simulator/city/rates.json) over some 200 m2 of road, a place of 3 m2, six frames.
FALSE_ALARM = 0.01  # a pass reports such a thing at a place where there is none any more
LOOKALIKE_AGAIN = 0.25  # what was taken for a defect once is so again: by a later pass, and by the next frame
TYPICAL_RECALL = 0.6  # of the frames that did show it, whose own chance is not kept
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


@dataclass(frozen=True)
class Presence:
    """Whether a defect is there now."""

    log_odds: float
    unseen_visits_since: int  # that looked, after its last sighting and its repair; looks of a few hours are one
    proposal: Literal["fixed", "gone"] | None

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
    seen = [one.at for one in visits if one.sightings]
    if not seen:
        return Presence(0.0, 0, None)
    masses = _follow(visits, class_key, repaired_at, overruled_at, score)
    there = sum(one.there for one in masses)
    odds = _log(there) - _log(sum(one.gone + one.never for one in masses))
    since = max(one for one in (max(seen), repaired_at, overruled_at) if one)
    unseen = len(_separate([one for one in visits if one.at > since and one.looks]))
    sure = 1 / (1 + exp(odds)) >= ABSENT_LIMIT and unseen >= LEAST_VISITS
    kind: Literal["fixed", "gone"] = "fixed" if repaired_at and repaired_at >= max(seen) else "gone"
    return Presence(odds, unseen, kind if sure else None)


def exists(visits: Sequence[Visited], class_key: str, score: float) -> float:
    """Log-odds that what was seen is or was a real defect and not a false alarm: more passes and frames that saw it
    raise them, looks that did not lower them. 0 without any sighting."""
    if not any(one.sightings for one in visits):
        return 0.0
    masses = _follow(visits, class_key, None, None, score)
    return _log(sum(one.there + one.gone for one in masses)) - _log(sum(one.never for one in masses))


_REPAIRED, _VISIT, _OVERRULED = range(3)  # in this order at one moment: what a person says is said last


@dataclass(frozen=True)
class _Mass:
    """How likely it is by all that was seen so far that the thing is there, has gone or never was, if it is one that a
    pass misses with the chance `hidden`."""

    hidden: float
    there: float
    gone: float
    never: float

    def scaled(self, there: float, gone: float, never: float) -> "_Mass":
        return _Mass(self.hidden, self.there * there, self.gone * gone, self.never * never)

    def waited(self, days: float, stay: Stay) -> "_Mass":
        goes, comes = 1 - exp(-days / stay.goes_days), 1 - exp(-days / stay.comes_back_days)
        there = self.there * (1 - goes) + self.gone * comes
        return _Mass(self.hidden, there, self.there + self.gone - there, self.never)

    def repaired(self) -> "_Mass":
        return _Mass(self.hidden, self.there * (1 - REPAIR_WORKED), self.gone + self.there * REPAIR_WORKED, self.never)

    def visited(self, visit: Visited) -> "_Mass":
        if visit.sightings:
            real, lookalike = _within_pass(visit)
            return self.scaled((1 - self.hidden) * real, FALSE_ALARM * lookalike, LOOKALIKE_AGAIN * lookalike)
        found = 1 - exp(INDEPENDENT * visit.unseen_log)
        return self.scaled(1 - (1 - self.hidden) * found, 1 - FALSE_ALARM * found, 1 - LOOKALIKE_AGAIN * found)


def _follow(
    visits: Sequence[Visited], class_key: str, repaired_at: datetime | None, overruled_at: datetime | None,
    score: float | None,
) -> list[_Mass]:  # fmt: skip
    """What is believed after the last visit, for each kind of HIDDEN; it all begins with the first sighting."""
    ordered = sorted(visits, key=lambda one: one.at)
    first = next(index for index, one in enumerate(ordered) if one.sightings)
    begin, later = ordered[first], _separate(ordered[first + 1 :])
    real = 1.0 if score is None else min(max(score, 0.02), 0.98)
    in_real, in_lookalike = _within_pass(begin)
    masses = [
        _Mass(hidden, share * (1 - hidden) * real * in_real, 0.0, share * (1 - hidden) * (1 - real) * in_lookalike)
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
    return mass.repaired() if rank == _REPAIRED else mass.scaled(1.0, 0.0, 0.0)


def _within_pass(visit: Visited) -> tuple[float, float]:
    """How likely the frames after the first sighting are to have seen and missed what they did: a real thing, one that
    only looked so for a moment."""
    missed, again = max(visit.looks - visit.sightings, 0), max(visit.sightings - 1, 0)
    real = visit.unseen_log + again * log(TYPICAL_RECALL)
    lookalike = missed * log(1 - LOOKALIKE_AGAIN) + again * log(LOOKALIKE_AGAIN)
    most = max(real, lookalike)  # only their ratio tells, and forty frames must not underflow
    return exp(INDEPENDENT * (real - most)), exp(INDEPENDENT * (lookalike - most))


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
    return [one.scaled(1 / total, 1 / total, 1 / total) for one in masses]


def _log(mass: float) -> float:
    return log(max(mass, 1e-12))  # nobody is surer than that of a street
