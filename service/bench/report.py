"""The figures of `rasid bench identity` as tables, as JSON and as a plot."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

from service.bench.identity import Outcome
from service.bench.suite import Suite
from service.bench.truth import Scores

HEAD = (
    "| | cities | frames | sightings | false | F1 ours | F1 peer | counted / true | median, p95 ours (m) | peer "
    "| in 95 % |"
)
RULE = "|---|---|---|---|---|---|---|---|---|---|---|"


def as_markdown(suite: Suite) -> str:
    """Tables for docs/accuracy.md; the reference is the mean over its cities."""
    lines = [HEAD, RULE]
    lines += [row_of(name, outcomes) for name, outcomes in suite.outcomes.items()]
    repairs = suite.repairs
    lines += [
        "",
        f"Repairs after two later passes: {repairs.reported} reported done, {repairs.repaired} really repaired; "
        f"{repairs.proposed} proposed as verified, {repairs.right} rightly: precision {_share(repairs.precision)}, "
        f"recall {_share(repairs.recall)}.",
    ]
    if suite.frames_per_s:
        speeds = ", ".join(f"{speed:.0f} with {size:,} stored" for size, speed in suite.frames_per_s.items())
        first, *_, last = suite.frames_per_s.values()
        lines += ["", f"Frames per second of matching: {speeds}; ratio {last / first:.2f}."]
    return "\n".join(lines)


def as_json(suite: Suite) -> dict[str, Any]:
    return {
        "conditions": {
            name: [outcome_json(one) for one in outcomes] for name, outcomes in suite.outcomes.items()
        },
        "repairs": asdict(suite.repairs) | {"precision": suite.repairs.precision, "recall": suite.repairs.recall},
        "frames_per_s_by_stored": suite.frames_per_s,
    }  # fmt: skip


def outcome_json(one: Outcome) -> dict[str, Any]:
    return {
        "condition": asdict(one.condition), "frames": one.frames, "sightings": one.sightings,
        "false_alarms": one.false_alarms, "frames_per_s": one.frames_per_s,
        "ours": _scores(one.ours), "peer": _scores(one.peer),
    }  # fmt: skip


def draw(suite: Suite, path: Path) -> None:
    """F1 and median error of both methods by condition, side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(suite.outcomes)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 0.4 * len(names) + 1.6), sharey=True)
    for axis, title, of in (
        (left, "identity F1", lambda scores: scores.pair_f1),
        (right, "median position error (m)", lambda scores: scores.error_median_m),
    ):
        _bars(axis, [suite.outcomes[name] for name in names], of)
        axis.set_title(title)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axis: Any, groups: Sequence[Sequence[Outcome]], of: Callable[[Scores], float]) -> None:
    rows = range(len(groups))
    axis.barh([row - 0.2 for row in rows], [mean(of(one.ours) for one in group) for group in groups], 0.4, label="ours")
    axis.barh([row + 0.2 for row in rows], [mean(of(one.peer) for one in group) for group in groups], 0.4, label="peer")


def row_of(name: str, outcomes: Sequence[Outcome]) -> str:
    """One condition; the mean over its cities."""
    ours, peer = [one.ours for one in outcomes], [one.peer for one in outcomes]
    inside = [one.inside_95 for one in ours if one.inside_95 is not None]
    cells = (
        name, len(outcomes), sum(one.frames for one in outcomes), sum(one.sightings for one in outcomes),
        sum(one.false_alarms for one in outcomes), f"{mean(one.pair_f1 for one in ours):.3f}",
        f"{mean(one.pair_f1 for one in peer):.3f}", f"{mean(one.counted_share for one in ours):.2f}",
        f"{mean(one.error_median_m for one in ours):.2f}, {mean(one.error_p95_m for one in ours):.2f}",
        f"{mean(one.error_median_m for one in peer):.2f}, {mean(one.error_p95_m for one in peer):.2f}",
        f"{mean(inside):.2f}" if inside else "",
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def _scores(scores: Scores) -> dict[str, Any]:
    return asdict(scores) | {"pair_f1": scores.pair_f1, "counted_share": scores.counted_share}


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
