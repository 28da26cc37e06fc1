"""Turns what was measured on footage into tables and one plot of numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.quality import LIMITS, Code, Limit, decide
from training.footage_trials import SCORES, Judged, Watched

OWN_CODE = {
    "exposure": Code.TOO_DARK,
    "motion, level": Code.BLURRED,
    "motion, slanted": Code.BLURRED,
    "defocus": Code.BLURRED,
    "glare": Code.GLARE,
    "haze": Code.HAZE,
    "streaks": Code.RAIN,
    "drops": Code.RAIN,
}
"""The code that names each damage."""
_PLOTTED = ("dark_share", "glare_share", "veil", "blur_px", "streak_share")
_MOVES = {
    "dark_share": ("exposure", "night with lamps"),
    "glare_share": ("glare",),
    "veil": ("haze", "glare"),
    "blur_px": ("motion, level", "motion, slanted", "defocus"),
    "streak_share": ("streaks",),
}
"""The damages each score answers to."""
_BINS = 8
_WIDEST = 9.0  # of the axis of a score


def clean_table(rows: Sequence[Judged]) -> list[str]:
    """Shares of untouched pictures with each code, a row per source."""
    codes = [code for code in Code if code is not Code.LENS_DIRTY]
    names = [code.removeprefix("quality.") for code in codes]
    lines = _head(["source", "pictures", *names, "not used for defects"])
    for source in _in_order(row.source for row in rows):
        own = [decide(row.scores) for row in rows if row.source == source]
        counts = [sum(code is one for code, _ in own) for one in codes]
        flagged = sum(use != "defects" for _, use in own)
        lines.append(_line([source, len(own), *counts, f"{flagged} ({flagged / len(own):.1%})"]))
    return lines


def spoiled_table(rows: Sequence[Judged], kinds: Iterable[str]) -> list[str]:
    """What each damage costs the detector and how often the judge notices, a row per severity."""
    clean = {row.picture: row for row in rows if row.kind == "clean"}
    lines = _head(
        ["damage", "severity", "pictures", "boxes found, of clean", "own code", "defects", "coverage", "nothing"]
    )
    for kind in kinds:
        for severity in _in_order(row.severity for row in rows if row.kind == kind):
            own = [row for row in rows if (row.kind, row.severity) == (kind, severity)]
            verdicts = [decide(row.scores) for row in own]
            named = float(np.mean([code is OWN_CODE.get(kind) for code, _ in verdicts])) if kind in OWN_CODE else None
            uses = [float(np.mean([use == one for _, use in verdicts])) for one in ("defects", "coverage", "nothing")]
            shares = [relative_recall(own, clean), named, *uses]
            lines.append(_line([kind, f"{severity:g}", len(own), *(_share(value) for value in shares)]))
    return lines


def score_table(rows: Sequence[Judged], kinds: Iterable[str]) -> list[str]:
    """Median and outer tenths of every score under every damage: what the limits are read from."""
    lines = _head(["damage", "severity", *SCORES])
    for kind in kinds:
        for severity in _in_order(row.severity for row in rows if row.kind == kind):
            own = [row.scores for row in rows if (row.kind, row.severity) == (kind, severity)]
            spread = (np.percentile([scores[name] for scores in own], (10, 50, 90)) for name in SCORES)
            lines.append(_line([kind, f"{severity:g}", *(" / ".join(f"{v:.3g}" for v in s) for s in spread)]))
    return lines


def drive_table(drives: Sequence[Watched]) -> list[str]:
    """How much of what is on a lens a watch over a drive finds, pooled over the drives."""
    columns = ["on the lens", "covered", "opacity", "drives", "named", "dirty share", "covered found", "clear taken"]
    lines = _head(columns)
    for lens, covered, opacity in _in_order((one.lens, one.covered, one.opacity) for one in drives):
        own = [one for one in drives if (one.lens, one.covered, one.opacity) == (lens, covered, opacity)]
        shares = [one.dirty_share for one in own]
        spread = f"{min(shares):.1%} / {np.median(shares):.1%} / {max(shares):.1%}"
        found = _share(_mean([one.found_cells for one in own]))
        false = _mean([one.false_cells for one in own])
        named = sum(one.code is not None for one in own)
        values = [lens, f"{covered:.0%}", f"{opacity:g}", len(own), named, spread, found, f"{false or 0:.1%}"]
        lines.append(_line(values))
    return lines


def relative_recall(rows: Sequence[Judged], clean: dict[str, Judged]) -> float | None:
    """Boxes found in spoiled pictures over boxes found in the same pictures as they are."""
    before = sum(clean[row.picture].hits or 0 for row in rows)
    return sum(row.hits or 0 for row in rows) / before if before else None


def write_plot(rows: Sequence[Judged], untouched: Sequence[Judged], path: Path) -> None:
    """For each score: what the detector still finds, how good pictures are spread, and the limits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.4), layout="constrained")
    for place, name in enumerate(_PLOTTED, 1):
        axes = figure.add_subplot(2, 3, place)
        _draw_score(axes, name, rows, untouched)
        highest = max(row.scores[name] for row in rows if row.kind in _MOVES[name])
        axes.set(xlabel=name, xlim=(0, 1.05 * min(highest, _WIDEST)), ylim=(0, 1.15), ylabel="boxes found, of clean")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=80)


def _draw_score(axes: Any, name: str, rows: Sequence[Judged], untouched: Sequence[Judged]) -> None:
    clean = {row.picture: row for row in rows if row.kind == "clean"}
    for kind in _MOVES[name]:
        own = sorted((row for row in rows if row.kind == kind), key=lambda row: row.scores[name])
        groups = [own[i * len(own) // _BINS : (i + 1) * len(own) // _BINS] for i in range(_BINS)]
        points = [
            (np.median([row.scores[name] for row in group]), relative_recall(group, clean)) for group in groups if group
        ]
        axes.plot(*zip(*points, strict=True), "o-", markersize=3, label=kind)
    good = np.sort([row.scores[name] for row in untouched])
    axes.plot(good, np.linspace(0, 1, len(good)), color="0.6", label="untouched, share up to here")
    for limit in LIMITS:
        if limit.score == name and limit.code is not Code.BLANK:
            _draw_limit(axes, limit)


def _draw_limit(axes: Any, limit: Limit) -> None:
    axes.axvline(limit.spoilt_at, color="black", linewidth=1, label="no defects from here")
    axes.axvline(limit.unseen_at, color="black", linewidth=1, linestyle=":", label="no coverage from here")
    axes.axhline(0.5, color="black", linewidth=0.4)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _in_order(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), _line(["---"] * len(names))]


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
