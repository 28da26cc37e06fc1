"""Writes an audit for people: audit.md with tables, audit.json, plots where matplotlib is installed."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets.audit import Audit
from datasets.audit_pairs import LEAST_AGREEING, NEAR_BITS, AlikePair
from datasets.audit_problems import Finding

MOST_LISTED = 60
"""Rows of a long list in audit.md; audit.json has them all."""


def write_json(audit: Audit, file: Path) -> None:
    """All findings as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(audit.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_markdown(audit: Audit, file: Path, plots: Sequence[Path] = ()) -> None:
    """The audit as one page; `plots` lie beside it."""
    parts = (
        ["# Data audit", "Printed by `rasid data audit --out`; labels as corrected, as training reads them."],
        [f"![{plot.stem.replace('_', ' ')}]({plot.name})" for plot in plots],
        ["## Pictures", table(asdict(count) for count in audit.pictures)],
        ["## Classes", table(asdict(count) for count in audit.classes)],
        ["## Box sizes", "Small below 32² px, large from 96² px (COCO).", table(asdict(s) for s in audit.box_sizes)],
        _leaks_part(audit),
        _repeats_part(audit),
        _problems_part(audit.findings),
        ["## Corrections", table(_correction_rows(audit))],
        ["## Licences", table(asdict(count) for count in audit.licences)],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(line for part in parts for line in part) + "\n", encoding="utf-8")


def summarise(audit: Audit) -> str:
    """The findings in a few lines for the shell."""
    problems = Counter(finding.problem.value for finding in audit.findings)
    kinds = Counter("/".join(sorted({p.first.split.value, p.second.split.value})) for p in audit.leaks)
    pictures = sum(home.pictures for home in audit.pictures)
    lines = [
        f"{pictures} pictures, {sum(count.boxes for count in audit.classes)} boxes",
        f"leaks: {len(audit.leaks)} pairs of one scene in two splits {dict(kinds)}",
        f"scene groups in two splits: {len(audit.split_groups)}",
        f"repeats: {len(audit.repeats)} near-identical pairs inside a split",
        f"label problems: {len(audit.findings)}",
        *(f"  {count:5} {problem}" for problem, count in problems.most_common()),
        f"corrections: {sum(count.count for count in audit.corrections)}",
    ]
    return "\n".join(lines)


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Rows of equal keys as a Markdown table; 'none' without rows."""
    kept = list(rows)
    if not kept:
        return "none"
    lines = [list(kept[0]), ["---"] * len(kept[0]), *([str(value) for value in row.values()] for row in kept)]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def _leaks_part(audit: Audit) -> list[str]:
    said = (
        f"Pairs that share at least {LEAST_AGREEING} corners under one projective map. A logo or caption drawn over "
        "two videos can also agree: look before leaving a picture out (corrections/leaks.csv)."
    )
    groups = ", ".join(audit.split_groups) or "none"
    return ["## Leaks across splits", said, _pairs_table(audit.leaks), f"Scene groups in two splits: {groups}."]


def _repeats_part(audit: Audit) -> list[str]:
    said = f"Near-identical pairs (hashes at most {NEAR_BITS} bits apart, confirmed by corners) inside one split."
    shares = ({"source/split": home, "share": f"{share:.1%}"} for home, share in audit.repeated_share().items())
    return ["## Repeats inside a split", said, table(shares), _pairs_table(audit.repeats)]


def _problems_part(findings: Sequence[Finding]) -> list[str]:
    counts = Counter((finding.problem.value, finding.source, finding.split) for finding in findings)
    summary = ({"problem": p, "source": s, "split": split, "count": n} for (p, s, split), n in sorted(counts.items()))
    return ["## Label problems", table(summary), _shortened([asdict(finding) for finding in findings])]


def _pairs_table(pairs: Sequence[AlikePair]) -> str:
    return _shortened(
        [
            {
                "first": f"{pair.first.source}/{pair.first.image_path.stem}",
                "split": pair.first.split.value,
                "second": f"{pair.second.source}/{pair.second.image_path.stem}",
                "its split": pair.second.split.value,
                "bits": pair.bits,
                "agreeing corners": pair.agreeing,
            }
            for pair in pairs
        ]
    )


def _correction_rows(audit: Audit) -> Iterable[dict[str, Any]]:
    for count in audit.corrections:
        reasons = "; ".join(f"{times} {reason}" for reason, times in count.reasons.items())
        yield {**asdict(count), "reasons": reasons}


def _shortened(rows: list[dict[str, Any]]) -> str:
    more = f"\n\n{len(rows) - MOST_LISTED} more in audit.json." if len(rows) > MOST_LISTED else ""
    return table(rows[:MOST_LISTED]) + more
