"""A report as Markdown for people and as JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from inference.model import ModelCard
from training.average_precision import Size
from training.headline import HeadlineScore
from training.intervals import FEW_GROUPS, Interval
from training.report import LabelScores, Report, Score

_LEGEND = (
    "Intervals are 95 % bootstrap intervals over scenes; with fewer than "
    f"{FEW_GROUPS} groups they understate what other streets would do. "
    "False-alarm frames: share of pictures labelled for the class and free of it in which it is reported. "
    "D-ECE: mean gap between score and share of hits, by the network's own scores and by those people see."
)


def as_json(report: Report) -> str:
    return json.dumps(_plain(report), indent=1)


def as_markdown(report: Report) -> str:
    """All tables; '-' stands where a figure is undefined."""
    card = report.model
    parts = [f"# {card.name} {card.version}, {report.split}\n", f"sha256 `{card.sha256}`\n"]
    if report.split == "test":
        parts.append(f"The test split was scored {report.earlier_test_scorings} times with this network before.\n")
    parts.append(_LEGEND + "\n")
    for labels, scores in report.labels.items():
        parts += [f"## Labels as {labels.value}\n", *_label_tables(scores)]
    parts += [_held_out_table(report), _operating_table(card)]
    return "\n".join(part for part in parts if part)


def headline_line(headline: HeadlineScore) -> str:
    return f"mean AP50 over the eight: {figure(headline.ap_50)} {span(headline.ap_50_interval)}"


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def span(between: Interval | None) -> str:
    return "" if between is None else f"[{between.low:.3f}, {between.high:.3f}]"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["|" + "|".join(head) + "|", "|" + "---|" * len(head)]
    lines += ["|" + "|".join(str(value).strip() for value in row) + "|" for row in rows]
    return "\n".join(lines) + "\n"


def _label_tables(scores: LabelScores) -> list[str]:
    return [
        _headline_table(scores.headline),
        table(_SCORE_HEAD, [_score_row(score) for score in scores.scores]),
        "By size of the labelled box:\n",
        table(("class", "source", "size", "boxes", "AP30", "AP50", "AP50-95"), _size_rows(scores.scores)),
        *_negative_tables(scores),
    ]


def _headline_table(headline: HeadlineScore) -> str:
    rows: list[Sequence[object]] = [
        ("**mean over the eight**", "", "", f"**{figure(headline.ap_50)}** {span(headline.ap_50_interval)}")
    ]
    rows += [(p.class_key, p.source, p.boxes, f"{figure(p.ap_50)} {span(p.ap_50_interval)}") for p in headline.parts]
    return table(("class", "source", "boxes", "AP50"), rows)


_SCORE_HEAD = (
    "class", "source", "pictures", "groups", "boxes", "AP30", "AP50", "AP50-95", "threshold", "precision", "recall",
    "F1", "false-alarm frames", "D-ECE raw", "D-ECE",
)  # fmt: skip


def _score_row(score: Score) -> list[object]:
    ap, rates, between = score.average_precision, score.rates, score.intervals
    figures = [
        figure(ap.at_30 if ap else None),
        f"{figure(ap.at_50 if ap else None)} {span(between.ap_50)}",
        figure(ap.at_50_95 if ap else None),
        figure(score.threshold),
        f"{figure(rates.precision)} {span(between.precision)}",
        f"{figure(rates.recall)} {span(between.recall)}",
        figure(rates.f1),
        f"{figure(rates.false_alarm_frames)} {span(between.false_alarm_frames)}",
        figure(score.calibration_error_raw),
        figure(score.calibration_error),
    ]
    return [score.class_key, score.source, score.pictures, score.groups, score.boxes, *figures]


def _size_rows(scores: Sequence[Score]) -> list[Sequence[object]]:
    return [
        (s.class_key, s.source, size.value, ap.boxes, figure(ap.at_30), figure(ap.at_50), figure(ap.at_50_95))
        for s in scores
        for size, ap in s.by_size.items()
        if size is not Size.ALL
    ]


def _negative_tables(scores: LabelScores) -> list[str]:
    if not scores.negatives:
        return []
    rows = [
        (
            n.class_key, n.source, n.pictures, figure(n.threshold),
            f"{figure(n.false_alarm_frames)} {span(n.false_alarm_frames_interval)}", figure(n.vehicle_recall),
        )
        for n in scores.negatives
    ]  # fmt: skip
    head = ("class", "source", "pictures", "threshold", "false-alarm frames", "recall on vehicle sources")
    return ["Pictures without any defect, and what the same threshold finds elsewhere:\n", table(head, rows)]


def _held_out_table(report: Report) -> str:
    if not report.held_out:
        return ""
    rows = [(k, e.detections, figure(e.raw), figure(e.platt), figure(e.isotonic)) for k, e in report.held_out.items()]
    head = ("class", "detections", "D-ECE raw", "Platt", "isotonic")
    title = (
        "## Calibration on scenes it was not fitted on\n\nFitted on four fifths of val's scenes, judged on the last.\n"
    )
    return title + "\n" + table(head, rows)


def _operating_table(card: ModelCard) -> str:
    if not card.operating_points:
        return ""
    rows = [
        (
            key, figure(p.threshold), p.rule.value, p.sources, p.boxes, p.free_pictures,
            "too few free pictures" if p.most_false_alarms is None else figure(p.most_false_alarms),
            figure(p.false_alarm_frames), figure(p.precision), figure(p.recall),
        )
        for key, p in card.operating_points.items()
    ]  # fmt: skip
    head = (
        "class", "threshold", "rule", "chosen on", "boxes", "free pictures", "most false alarms",
        "false-alarm frames", "precision", "recall",
    )  # fmt: skip
    title = "## Operating points\n\nAs chosen on val with corrected labels and written into the model file.\n"
    return title + "\n" + table(head, rows)


def _plain(value: Any) -> Any:
    """Dataclasses, cards and enums as JSON knows them."""
    if isinstance(value, ModelCard):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
