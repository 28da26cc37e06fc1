"""Shows what the limits of inference.quality rest on: python -m training.footage_quality SHARED --out DIR.

Judges all train and val pictures as they are, spoils some of val in stated ways and runs the released detector on
them, follows drives through a dirty lens, and writes measured.jsonl, drives.json, results.json, tables.md and
footage-quality.png. What the first two hold is not measured again, only judged: a stopped run goes on where it was, and
new limits need no new measurement; a new measure needs an empty folder. The test split is not read.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from datasets.reading import read_sources
from datasets.records import LabelledImage, Split
from inference.detector import Detector
from training.degrading import DAMAGES, HARMLESS
from training.footage_report import clean_table, drive_table, score_table, spoiled_table, write_plot
from training.footage_trials import (
    Notebook,
    Watched,
    choose_spoiled,
    cost_ratio,
    judge_clean,
    judge_simulated,
    judge_spoiled,
    watch_drives,
)

SPOILED_SOURCES = ("smartathon", "bianka_br_highway")


def measure(
    shared: Annotated[Path, typer.Argument(help="The shared data folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    spoiled: Annotated[int, typer.Option(min=1, help="Val pictures of each vehicle source to spoil.")] = 60,
    model: Annotated[str, typer.Option(help="The detector that must still find what is there.")] = "default",
    seed: Annotated[int, typer.Option(help="Draws the pictures to spoil.")] = 0,
) -> None:
    """Measure the judge of footage and write the tables of docs/footage.md."""
    out.mkdir(parents=True, exist_ok=True)
    images = [image for image in read_sources(shared / "data") if image.split is not Split.TEST]
    notebook = Notebook(out / "measured.jsonl")
    judge_clean(images, notebook)
    judge_simulated(notebook)
    judge_spoiled(choose_spoiled(images, SPOILED_SOURCES, spoiled, seed), Detector.open(model), notebook)
    drives = _watched(images, out / "drives.json")
    judging, decoding = cost_ratio()
    results: dict[str, object] = {
        "model": model,
        "spoiled_pictures": spoiled,
        "seed": seed,
        "judge_over_decode": judging / decoding,
    }
    report(notebook, drives, results, out)


def report(notebook: Notebook, drives: list[Watched], results: dict[str, object], out: Path) -> None:
    """Write the tables, the plot and the figures of the drives."""
    untouched = [row for row in notebook.rows if row.part == "as they are"]
    rows = [row for row in notebook.rows if row.part == "spoiled"]
    harmful, harmless = (list(dict.fromkeys(damage.kind for damage in kinds)) for kinds in (DAMAGES, HARMLESS))
    tables = {
        "Pictures as they are": clean_table(untouched),
        "Spoiled pictures": spoiled_table(rows, ["clean", *harmful]),
        "Usable pictures that may look spoiled": spoiled_table(rows, harmless),
        "A dirty lens over a drive": drive_table(drives),
        "Scores: lowest tenth / median / highest tenth": score_table(rows, ["clean", *harmful, *harmless]),
    }
    text = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in tables.items())
    (out / "tables.md").write_text(f"{text}\n", "utf-8")
    whole = results | {"drives": [asdict(drive) for drive in drives]}
    (out / "results.json").write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    write_plot(rows, untouched, out / "footage-quality.png")


def _watched(images: Sequence[LabelledImage], path: Path) -> list[Watched]:
    if not path.exists():
        path.write_text(json.dumps([asdict(one) for one in watch_drives(images)]), "utf-8")
    return [Watched(**one) for one in json.loads(path.read_text("utf-8"))]


if __name__ == "__main__":
    typer.run(measure)
