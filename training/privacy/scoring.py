"""Scores a privacy model on val: what it misses of what the teachers agree on, and what of signs it would blur.

The teachers' word is no truth: recall against it says how well the model learnt them, and contact sheets show people
what both miss. That signs stay is measured against people's labels of hoardings and signs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from inference.blur import covered
from inference.privacy import Kind, Region
from training.privacy.agreement import Labels, XyxyPx

COVERED = 0.6
"""Share of a face or plate that blurring must cover, the margin counted: what is left of it identifies nobody."""
SIZES_PX: dict[Kind, tuple[int, ...]] = {"plate": (0, 12, 20, 32, 48), "face": (0, 8, 14, 24, 40)}
"""Where bands of sizes begin: width of a plate, height of a face, in pixels of the picture as stored."""
LOWEST = 0.05
MOST_FALSE_ALARMS = 0.05
MOST_SIGNS = 0.02


@dataclass(frozen=True)
class Scored:
    """One val picture: the agreed labels, every region the model gives from LOWEST on, and people's boxes of signs."""

    name: str
    width: int
    height: int
    labels: Labels
    regions: tuple[Region, ...]
    signs: tuple[XyxyPx, ...]


class Band(BaseModel):
    """Agreed faces or plates of one size, and how many of them the model covers at its threshold."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    from_px: int
    count: int
    found: int


class KindScore(BaseModel):
    """One class at one threshold."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    threshold: float
    count: int
    found: int
    false_pictures: int  # with a region that no teacher even suspects
    pictures: int
    signs: int
    signs_touched: int  # more than a tenth of the sign would be blurred
    bands: tuple[Band, ...]

    @property
    def recall(self) -> float:
        return self.found / self.count if self.count else 0.0


def score(kind: Kind, threshold: float, pictures: Sequence[Scored]) -> KindScore:
    """Count at one threshold."""
    bands = {start: [0, 0] for start in SIZES_PX[kind]}
    false_pictures = signs = touched = 0
    for picture in pictures:
        places = [covered(one.xyxy_px, picture.width, picture.height) for one in regions_of(picture, kind, threshold)]
        for box in boxes_of(picture, kind):
            band = bands[band_of(kind, box)]
            band[0] += 1
            band[1] += _share(box, places) >= COVERED
        known = [box for _, box in picture.labels.boxes] + list(picture.labels.covered)
        alone = [one for one in regions_of(picture, kind, threshold) if _share(one.xyxy_px, known) == 0]
        false_pictures += bool(alone)
        signs += len(picture.signs)
        touched += sum(_share(sign, places) > 0.1 for sign in picture.signs)
    rows = tuple(Band(kind=kind, from_px=start, count=c, found=f) for start, (c, f) in bands.items())
    return KindScore(
        kind=kind, threshold=threshold, count=sum(row.count for row in rows), found=sum(row.found for row in rows),
        false_pictures=false_pictures, pictures=len(pictures), signs=signs, signs_touched=touched, bands=rows,
    )  # fmt: skip


def choose(kind: Kind, pictures: Sequence[Scored]) -> KindScore:
    """The lowest threshold that keeps false alarms and signs within their limits: a face too many blurred costs a few
    pixels of street, one too few costs a person. The strictest one when none does."""
    scored = [score(kind, threshold, pictures) for threshold in np.arange(LOWEST, 0.951, 0.05).round(2).tolist()]
    within = (one for one in scored if _allowed(one))
    return next(within, scored[-1])


def boxes_of(picture: Scored, kind: Kind) -> list[XyxyPx]:
    return [box for one, box in picture.labels.boxes if one == kind]


def regions_of(picture: Scored, kind: Kind, threshold: float) -> list[Region]:
    return [one for one in picture.regions if one.kind == kind and one.score >= threshold]


def size_px(kind: Kind, box: XyxyPx) -> float:
    x0, y0, x1, y1 = box
    return x1 - x0 if kind == "plate" else y1 - y0


def band_of(kind: Kind, box: XyxyPx) -> int:
    return max(start for start in SIZES_PX[kind] if start <= size_px(kind, box))


def as_markdown(scores: Iterable[KindScore]) -> str:
    """A table for people."""
    return "\n".join(
        ["| class | size from px | agreed by teachers | found | share |", "|---|---|---|---|---|", *_rows(scores)]
    )


def _rows(scores: Iterable[KindScore]) -> Iterator[str]:
    for one in scores:
        for band in one.bands:
            share = f"{band.found / band.count:.2f}" if band.count else ""
            yield f"| {band.kind} | {band.from_px} | {band.count} | {band.found} | {share} |"
        alarms = f"false regions in {one.false_pictures} of {one.pictures} pictures"
        told = f"{one.recall:.2f}; {alarms}; {one.signs_touched} of {one.signs} signs touched"
        yield f"| **{one.kind}** | at {one.threshold:g} | {one.count} | {one.found} | {told} |"


def _allowed(one: KindScore) -> bool:
    alarms = one.false_pictures <= MOST_FALSE_ALARMS * one.pictures
    return alarms and one.signs_touched <= MOST_SIGNS * one.signs


def _share(box: XyxyPx, places: Sequence[Sequence[float]]) -> float:
    """How much of the box the places cover together, looked at on a grid of 32 x 32 points."""
    x0, y0, x1, y1 = box
    steps = (np.arange(32) + 0.5) / 32
    x, y = x0 + steps * (x1 - x0), y0 + steps * (y1 - y0)
    hit: NDArray[np.bool_] = np.zeros((32, 32), bool)
    for left, top, right, bottom in places:
        hit |= ((y >= top) & (y <= bottom))[:, None] & ((x >= left) & (x <= right))
    return float(hit.mean())
