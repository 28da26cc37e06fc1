"""Decides which tracks of a pass show things that are known already, so that one hole is one defect for ever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from service.identity.alignment import Anchor, Offsets, Pairs, align, log_ratios
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import DRIFT_SD_M, WHITE_SHARE, Track, class_cost

NEW_PER_M2 = 3e-5  # things that a pass shows for the first time, on ground where it shows any
TRUST_BY_SCORE = 1.5  # one box of score 0.16, as false alarms have, is trusted to a fifth, four of 0.75 wholly
MAP_SHARE = 0.1  # of the variance that fixes leave in a place which its neighbours do not have in common
FURTHEST_SD = 3.3  # pairs farther apart than this are not looked at
GATE_2 = 30.0  # pairs farther apart, in squared standard deviations, are two things whatever else speaks for one


@dataclass(frozen=True)
class Known:
    """A thing on the map, in metres of the pass's plane."""

    entry: int  # its own row: a merged defect keeps its place and stands for its target
    defect: int  # what a sight of it is filed under
    spot: Spot  # by all its visits but those of this pass; the ellipse is of the projections, without the fixes
    fix_var_m2: float  # per axis, of what its visits' fixes leave
    votes: Mapping[str, float]  # score by class
    also: frozenset[str] = frozenset()  # classes that a person corrected it from: the model will go on naming it so


@dataclass(frozen=True)
class Match:
    """What a track shows: a known defect, or the new thing with this number."""

    defect: int | None
    new: int | None = None


def match(tracks: Sequence[Track], known: Sequence[Known], anchors: Sequence[Anchor], gps_sd_m: float) -> list[Match]:
    """For each track of one pass what it shows; tracks in the order of time.

    A track that goes on from an earlier batch shows what it showed. Two tracks that share a frame never show one
    entry. The likeliest pairs come first; a pair must be likelier than a new thing.
    """
    open_tracks = [number for number, track in enumerate(tracks) if track.defect is None]
    pairs, entries = _pairs([tracks[number] for number in open_tracks], known, gps_sd_m)
    at_s = np.array([tracks[number].middle_s for number in open_tracks])
    offsets = align(at_s, pairs, anchors, _prior_var_m2(known, gps_sd_m))
    found: list[Match | None] = [None if track.defect is None else Match(track.defect) for track in tracks]
    showing: dict[int, list[Track]] = {}
    for one in known:
        showing[one.entry] = [track for track in tracks if track.defect == one.entry]
    gains = log_ratios(pairs, offsets)
    near = _mahalanobis2(pairs, offsets) <= GATE_2
    for row in np.lexsort((entries, pairs.track, -gains)):
        number, entry = open_tracks[pairs.track[row]], known[entries[row]]
        if gains[row] <= 0 or not near[row] or found[number] is not None:
            continue
        if all(track.frames.isdisjoint(tracks[number].frames) for track in showing[entry.entry]):
            found[number] = Match(entry.defect)
            showing[entry.entry].append(tracks[number])
    return _number_new(tracks, found)


def rank(spot: Spot, class_key: str | None, known: Iterable[Known]) -> list[tuple[Known, float]]:
    """Which known things a single report may mean, likeliest first, each with its log-likelihood against a new one.

    class_key None: the reporter did not say.
    """
    scored = []
    for one in known:
        both = spot.ellipse + one.spot.ellipse + Ellipse.round(max(one.fix_var_m2, 1e-6) ** 0.5)
        gain = both.log_density(spot.east_m - one.spot.east_m, spot.north_m - one.spot.north_m) - log(NEW_PER_M2)
        if class_key is not None:
            gain += 0.0 if class_key in one.also else class_cost(class_key, one.votes)
        scored.append((one, gain))
    return sorted(scored, key=lambda pair: (-pair[1], pair[0].entry))


def _pairs(tracks: Sequence[Track], known: Sequence[Known], gps_sd_m: float) -> tuple[Pairs, np.ndarray]:
    """Every track with every thing that it may show."""
    reach_var = _prior_var_m2(known, gps_sd_m)
    rows, entries, steps, covs, priors = [], [], [], [], []
    for number, track in enumerate(tracks):
        spot, own = track.spot, track.spot.ellipse
        for index, one in enumerate(known):
            east_m, north_m = spot.east_m - one.spot.east_m, spot.north_m - one.spot.north_m
            both = own + one.spot.ellipse
            reach2 = FURTHEST_SD**2 * (reach_var + max(both.cov_ee_m2, both.cov_nn_m2))
            if east_m * east_m + north_m * north_m > reach2:
                continue
            white2 = (WHITE_SHARE * gps_sd_m) ** 2 + MAP_SHARE * one.fix_var_m2
            rows.append(number)
            entries.append(index)
            steps.append((east_m, north_m))
            covs.append((both.cov_ee_m2 + white2, both.cov_en_m2, both.cov_nn_m2 + white2))
            priors.append(_class_gain(track, one) + log(trust(one.votes) * trust(track.votes) / NEW_PER_M2))
    pairs = Pairs(
        np.array(rows, np.int64), np.array(steps, float).reshape(-1, 2), np.array(covs, float).reshape(-1, 3),
        np.array(priors, float),
    )  # fmt: skip
    return pairs, np.array(entries, np.int64)


def trust(votes: Mapping[str, float]) -> float:
    """How likely a thing with these scores is to be there to be seen again: a false alarm mostly is not."""
    return 1 - exp(-TRUST_BY_SCORE * sum(votes.values()))


def _class_gain(track: Track, one: Known) -> float:
    key = track.class_key
    return 0.0 if key in one.also else class_cost(key, one.votes)


def _prior_var_m2(known: Sequence[Known], gps_sd_m: float) -> float:
    """Of the offset between this pass and the map, per axis."""
    ours = gps_sd_m**2
    return ours + (sum(one.fix_var_m2 for one in known) / len(known) if known else ours)


def _mahalanobis2(pairs: Pairs, offsets: Offsets) -> np.ndarray:
    var = offsets.var_m2[pairs.track]
    ee, en, nn = pairs.cov_m2[:, 0] + var, pairs.cov_m2[:, 1], pairs.cov_m2[:, 2] + var
    east, north = (pairs.step_m - offsets.mean_m[pairs.track]).T
    return np.asarray((nn * east * east - 2 * en * east * north + ee * north * north) / (ee * nn - en * en))


def _number_new(tracks: Sequence[Track], found: Sequence[Match | None]) -> list[Match]:
    """Tracks that show nothing known are new things; those that a jump of the fix parted are one."""
    things: list[list[Track]] = []
    matches = []
    for track, match_ in zip(tracks, found, strict=True):
        if match_ is None:
            number = next((n for n, parts in enumerate(things) if _continues(parts, track)), None)
            if number is None:
                things.append([])
                number = len(things) - 1
            things[number].append(track)
            match_ = Match(None, number)
        matches.append(match_)
    return matches


def _continues(parts: Sequence[Track], track: Track) -> bool:
    last = parts[-1]
    if any(not part.frames.isdisjoint(track.frames) for part in parts) or last.class_key != track.class_key:
        return False
    gps_sd_m = track.sights[0].gps_sd_m
    drift_m = DRIFT_SD_M * gps_sd_m * max(track.first_s - last.last_s, 0.0) ** 0.5
    both = track.spot.ellipse + last.spot.ellipse + Ellipse.round(max(drift_m, WHITE_SHARE * gps_sd_m, 0.1))
    return both.mahalanobis2(track.spot.east_m - last.spot.east_m, track.spot.north_m - last.spot.north_m) <= GATE_2
