"""Pictures of the data for people: where the boxes are, and how large."""

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from datasets.audit_counts import LARGE_PX2, SMALL_PX2, ClassCount
from datasets.audit_scan import SeenPicture
from datasets.taxonomy import BY_KEY, KEYS


def write_plots(classes: Sequence[ClassCount], seen: Sequence[SeenPicture], folder: Path) -> list[Path]:
    """Write boxes_by_source.png and box_sides.png; ModuleNotFoundError without matplotlib (extra `train`)."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"boxes_by_source": _draw_boxes(Figure(), classes), "box_sides": _draw_sides(Figure(), seen)}
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=130, bbox_inches="tight", facecolor="white")
    return paths


def _draw_boxes(figure: Any, classes: Sequence[ClassCount]) -> Any:
    """Class by source: boxes in all splits; a dash where the source labels the class and has none."""
    sources = list(dict.fromkeys(count.source for count in classes))
    boxes = np.full((len(KEYS), len(sources)), -1)
    for count in classes:
        row, column = KEYS.index(count.class_key), sources.index(count.source)
        boxes[row, column] = max(boxes[row, column], 0) + count.boxes
    figure.set_size_inches(2.5 + 0.75 * len(sources), 6.2)
    axes = figure.add_subplot()
    shown = axes.imshow(np.log10(np.maximum(boxes, 0.7)), cmap="Blues", vmin=-0.15, vmax=3.6, aspect="auto")
    for (row, column), count_here in np.ndenumerate(boxes):
        text = {-1: "", 0: "–"}.get(int(count_here), str(count_here))
        axes.text(column, row, text, ha="center", va="center", color="white" if count_here > 300 else "black")
    axes.set_xticks(range(len(sources)), sources, rotation=40, ha="right")
    axes.set_yticks(range(len(KEYS)), [BY_KEY[key].name_en for key in KEYS])
    axes.set(title="Labelled boxes by class and source", xlabel="source", ylabel="class")
    bar = figure.colorbar(shown, ax=axes, ticks=[0, 1, 2, 3], label="boxes (empty cell: class not labelled there)")
    bar.ax.set_yticklabels(["1", "10", "100", "1000"])
    return figure


def _draw_sides(figure: Any, seen: Sequence[SeenPicture]) -> Any:
    """Spread of box sides by class: middle half as a box, 5 % to 95 % as whiskers, log scale."""
    sides = defaultdict(list)
    for picture in seen:
        for box in picture.image.boxes:
            x0, y0, x1, y1 = box.xyxy_fraction
            sides[box.class_key].append(sqrt((x1 - x0) * picture.width_px * (y1 - y0) * picture.height_px))
    keys = [key for key in reversed(KEYS) if key in sides]
    figure.set_size_inches(9, 1.4 + 0.45 * max(len(keys), 1))
    axes = figure.add_subplot()
    if keys:
        parts = axes.boxplot(
            [sides[k] for k in keys], orientation="horizontal", whis=(5, 95), sym="", patch_artist=True
        )
        for key, body, line in zip(keys, parts["boxes"], parts["medians"], strict=True):
            body.set_facecolor(BY_KEY[key].color)
            body.set_alpha(0.7)
            line.set_color("black")
    axes.set_xscale("log")
    axes.set_yticks(range(1, len(keys) + 1), [f"{BY_KEY[key].name_en} ({len(sides[key])})" for key in keys])
    for area_px2, words in ((SMALL_PX2, "small | medium"), (LARGE_PX2, "medium | large")):
        axes.axvline(sqrt(area_px2), color="grey", linestyle="--", linewidth=1)
        axes.text(sqrt(area_px2), len(keys) + 0.62, words, ha="center", va="bottom", fontsize=8, color="grey")
    ticks = [8, 16, 32, 64, 96, 128, 256, 512, 1024]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("side of the box, root of its area, in pixels of the stored picture")
    axes.set_ylabel("class (boxes)")
    axes.set_title("Box sizes by class: middle half, whiskers from 5 % to 95 %", pad=22)
    return figure
