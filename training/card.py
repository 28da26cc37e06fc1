"""Puts the figures of a model's reports into its card, so that nobody copies them by hand.

A card is prose in Markdown; a line like `{{headline test}}` in it stands for a table of the reports.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from datasets.records import Split
from training.errors import ReleaseError
from training.report_text import figure, table
from training.trial import Labels

Reports = Mapping[Split, dict[str, Any]]
"""What `rasid evaluate` wrote as report.json, by split."""

_PLACE = re.compile(r"^\{\{(.+)\}\}$", re.MULTILINE)


def fill_card(prose: str, reports: Reports) -> str:
    """The card with every place filled; raises ReleaseError for a place that no table is known for."""

    def fill(place: re.Match[str]) -> str:
        name = place[1].strip()
        if name not in TABLES:
            raise ReleaseError(f"expected one of {', '.join(TABLES)} between braces in the card, got {name}")
        return TABLES[name](reports).rstrip("\n")

    return _PLACE.sub(fill, prose)


def _headline(split: Split) -> Callable[[Reports], str]:
    def render(reports: Reports) -> str:
        both = [reports[split]["labels"][labels.value]["headline"] for labels in (Labels.PUBLISHED, Labels.CORRECTED)]
        parts = zip(*(one["parts"] for one in both), strict=True)
        total = ["**mean of the eight**", "", "", *(f"**{figure(one['ap_50'])}** {_ap_span(one)}" for one in both)]
        rows = [[a["class_key"], a["source"], f"{a['boxes']}, {b['boxes']}", _ap(a), _ap(b)] for a, b in parts]
        head = ("class", "source", "boxes", "AP50, labels as published", "AP50, labels as corrected")
        return table(head, [total, *rows])

    return render


def _scores(split: Split) -> Callable[[Reports], str]:
    def render(reports: Reports) -> str:
        scores = reports[split]["labels"][Labels.PUBLISHED.value]["scores"]
        return table(_SCORE_HEAD, [_score_row(score) for score in scores])

    return render


_SCORE_HEAD = (
    "class", "source", "pictures", "boxes", "AP30", "AP50", "AP50-95", "threshold", "precision", "recall",
    "false-alarm frames", "D-ECE raw", "D-ECE",
)  # fmt: skip


def _score_row(score: Mapping[str, Any]) -> list[object]:
    precision, rates = score["by_size"].get("all") or {}, score["rates"]
    figures = [precision.get(key) for key in ("at_30", "at_50", "at_50_95")]
    figures += [score["threshold"], *(rates[key] for key in ("precision", "recall", "false_alarm_frames"))]
    figures += [score["calibration_error_raw"], score["calibration_error"]]
    named = [score[key] for key in ("class_key", "source", "pictures", "boxes")]
    return [*named, *(figure(value) for value in figures)]


def _false_alarms(reports: Reports) -> str:
    rows = [
        [n["class_key"], n["source"], n["pictures"], _with_span(n, "false_alarm_frames"), figure(n["vehicle_recall"])]
        for n in reports[Split.TEST]["labels"][Labels.PUBLISHED.value]["negatives"]
    ]
    head = ("class", "source", "pictures", "false-alarm frames", "recall on vehicle pictures at that threshold")
    return table(head, rows)


def _operating_points(reports: Reports) -> str:
    keys = ("most_false_alarms", "false_alarm_frames", "precision", "recall")
    rows = [
        [key, figure(p["threshold"]), p["rule"], p["boxes"], p["free_pictures"], *(figure(p[k]) for k in keys)]
        for key, p in reports[Split.VAL]["model"]["operating_points"].items()
    ]
    head = ("class", "threshold", "decided by", "boxes", "free pictures", "limit", "false-alarm frames")
    return table((*head, "precision", "recall"), rows)


def _calibration(reports: Reports) -> str:
    errors = reports[Split.VAL]["held_out"]
    kinds = ("raw", "platt", "isotonic")
    rows: list[Sequence[object]] = [
        [key, error["detections"], *(figure(error[kind]) for kind in kinds)] for key, error in errors.items()
    ]
    means = [mean(error[kind] for error in errors.values()) for kind in kinds] if errors else []
    rows += [["**mean**", "", *(f"**{value:.3f}**" for value in means)]] if means else []
    return table(("class", "detections", "raw", "Platt", "isotonic"), rows)


def _ap(part: Mapping[str, Any]) -> str:
    return f"{figure(part['ap_50'])} {_ap_span(part)}"


def _ap_span(part: Mapping[str, Any]) -> str:
    return _span(part["ap_50_interval"])


def _with_span(row: Mapping[str, Any], key: str) -> str:
    return f"{figure(row[key])} {_span(row[f'{key}_interval'])}"


def _span(between: Mapping[str, float] | None) -> str:
    return f"[{between['low']:.3f}, {between['high']:.3f}]" if between else ""


TABLES: dict[str, Callable[[Reports], str]] = {
    "headline test": _headline(Split.TEST),
    "headline val": _headline(Split.VAL),
    "scores test": _scores(Split.TEST),
    "false alarms test": _false_alarms,
    "operating points": _operating_points,
    "calibration": _calibration,
}
