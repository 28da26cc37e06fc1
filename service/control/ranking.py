"""In which order municipalities stand by a rule that is data: which figures weigh how much, and why each is where."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Missing(StrEnum):
    """What a figure without a value does to a score."""

    LEAVE_OUT = "leave_out"  # the other weights take its place
    ZERO = "zero"


@dataclass(frozen=True)
class Rule:
    """Weights of percentages, all better when higher. A municipality that received fewer than `minimum_received` orders
    is not ranked. Scores that agree to `decimals` are one rank, in the order of `ties` (higher first), then of id."""

    weights: Mapping[str, float]
    minimum_received: int
    missing: Missing
    decimals: int
    ties: tuple[str, ...]


DEFAULT_RULE = Rule(
    {"percent_treated": 3, "percent_in_time": 3, "percent_satisfied": 2, "percent_coverage": 2,
     "percent_repairs_lasting": 1},
    minimum_received=20, missing=Missing.LEAVE_OUT, decimals=1, ties=("received",),
)  # fmt: skip


@dataclass(frozen=True)
class Share:
    """What one figure brings: value x weight / sum of the weights that count."""

    indicator: str
    value: float | None
    weight: float
    points: float | None  # null: left out


@dataclass(frozen=True)
class Standing:
    municipality_id: int
    rank: int | None  # null with a reason
    score: float | None  # 0..100
    shares: tuple[Share, ...]
    reason: str | None


def rank(rule: Rule, figures: Mapping[int, Mapping[str, float | None]]) -> list[Standing]:
    """By municipality the figures of the rule's weights and ties, and `received`; the best first, those that are not
    ranked at the end. Two of one score share a rank and the next is left out: 1, 2, 2, 4."""
    judged = [_judge(rule, key, values) for key, values in figures.items()]
    ranked = sorted((one for one in judged if one.score is not None), key=lambda one: _order(rule, one, figures))
    others = sorted((one for one in judged if one.score is None), key=lambda one: one.municipality_id)
    placed: list[Standing] = []
    for place, one in enumerate(ranked, 1):
        same = bool(placed) and placed[-1].score == one.score
        placed.append(Standing(one.municipality_id, placed[-1].rank if same else place, one.score, one.shares, None))
    return placed + others


def _judge(rule: Rule, key: int, values: Mapping[str, float | None]) -> Standing:
    shares = _shares(rule, values)
    received = values.get("received") or 0
    if received < rule.minimum_received:
        reason = f"received {received:.0f} orders, ranked from {rule.minimum_received}"
        return Standing(key, None, None, shares, reason)
    points = [one.points for one in shares if one.points is not None]
    if not points:
        return Standing(key, None, None, shares, "none of the rule's figures has a value")
    return Standing(key, None, round(sum(points), rule.decimals), shares, None)


def _shares(rule: Rule, values: Mapping[str, float | None]) -> tuple[Share, ...]:
    zero = rule.missing is Missing.ZERO
    total = sum(weight for key, weight in rule.weights.items() if zero or values.get(key) is not None)
    shares = []
    for key, weight in rule.weights.items():
        value = values.get(key)
        counted = 0.0 if value is None and zero else value
        shares.append(Share(key, value, weight, counted * weight / total if counted is not None and total else None))
    return tuple(shares)


def _order(rule: Rule, one: Standing, figures: Mapping[int, Mapping[str, float | None]]) -> tuple[float, ...]:
    own = figures[one.municipality_id]
    return (-(one.score or 0), *(-(own.get(key) or 0) for key in rule.ties), one.municipality_id)
