"""How much a sighting's score says for a real thing and against a false alarm."""

from bisect import bisect_right
from math import log

# rasid-n 0.3 on 240 drawn frames (datasets/simulator/city/rates.json, by `python -m training.measure_rates`): the
# threshold, and the least, the quarters and the highest of the scores of real things and of false alarms, as shares of
# the way from there to 1. Another model has other ones: measure it and put them here.
_ANY = (0.0013, 0.4275, 0.6614, 0.7987, 0.945)  # of all classes, for those of too few boxes
_FALSE = (0.0006, 0.0322, 0.1575, 0.3761, 0.894)
SCORES: dict[str, tuple[float, tuple[float, ...]]] = {
    "pothole": (0.5167, (0.2025, 0.6272, 0.7567, 0.8571, 0.9264)),
    "road_crack": (0.2469, (0.1455, 0.3352, 0.4154, 0.5684, 0.7212)),
    "garbage": (0.291, (0.0013, 0.5357, 0.7138, 0.8212, 0.945)),
    "graffiti": (0.1418, _ANY),
    "construction_barrier": (0.05, (0.0129, 0.3036, 0.4914, 0.6352, 0.89)),
    "neglected_sidewalk": (0.2563, _ANY),
    "bad_billboard": (0.1571, _ANY),
    "sand_rubble": (0.05, (0.0051, 0.323, 0.5993, 0.6642, 0.7961)),
    "standing_water": (0.3423, _ANY),
    "damaged_sign": (0.3, _ANY),
    "unkept_facade": (0.3, _ANY),
}
WITHIN = 0.1  # scores so near count as alike: five quantiles of a few dozen boxes tell no more
LEAST = 0.02  # of either kind score so, however few were seen: a single score says at most 50 to 1


def score_log(class_key: str, score: float) -> float:
    """Logarithm of how much likelier a real thing of that class scores so than a false alarm.

    Beyond the upper quarter of the real ones it rises no more: few boxes of either kind lie there.
    """
    threshold, true = SCORES[class_key]
    share = min(max((score - threshold) / (1 - threshold), 0.0), true[3])
    near = WITHIN / (1 - threshold)
    return log((_share_near(true, share, near) + LEAST) / (_share_near(_FALSE, share, near) + LEAST))


def _share_near(quantiles: tuple[float, ...], share: float, near: float) -> float:
    return _below(quantiles, share + near) - _below(quantiles, share - near)


def _below(quantiles: tuple[float, ...], share: float) -> float:
    index = bisect_right(quantiles, share)
    if index in (0, len(quantiles)):
        return float(index > 0)
    low, high = quantiles[index - 1], quantiles[index]
    return (index - 1 + (share - low) / (high - low)) / (len(quantiles) - 1)
