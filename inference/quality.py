"""Judges whether a frame shows the street well enough, so that a bad picture never counts as a clean street.

Every limit rests on docs/footage.md: what the detector still finds in pictures spoiled so far, and how seldom good
pictures reach it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.footage_scores import blur_px, grey_copy, measure_cells, streak_share, veil
from inference.lens_watch import pack_lens

Use = Literal["defects", "coverage", "nothing"]


class Code(StrEnum):
    """What is wrong with a picture; stable, shown to people through their language."""

    BLANK = "quality.blank"
    TOO_DARK = "quality.too_dark"
    GLARE = "quality.glare"
    HAZE = "quality.haze"
    BLURRED = "quality.blurred"
    RAIN = "quality.rain"
    LENS_DIRTY = "quality.lens_dirty"  # only a drive shows it: inference.lens_watch


@dataclass(frozen=True)
class FootageQuality:
    """What was measured on one frame, and what follows; all but `code`, `use` and `lens` are numbers."""

    code: Code | None
    use: Use
    brightness: float  # mean grey of the picture, 0..1
    contrast: float  # deviation over mean grey in the street's clearer cells
    veil: float  # the darkest hundredth of the picture over the brightest: 0 clear, 1 nothing but haze
    blur_px: float  # standard deviation of the blur, in pixels of a picture 960 px long; 20 at most
    dark_share: float  # of the street's cells, the lower two thirds of the picture: too dark to show anything
    glare_share: float  # of the street's cells: mostly burnt to white
    streak_share: float  # of the street's cells: thin, bright, upright lines, in the quarter with the fewest
    lens: str  # for LensWatch

    def to_json(self) -> dict[str, str | float | None]:
        """What a row keeps; numbers to four digits."""
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return rounded | {"code": self.code.value if self.code else None}


@dataclass(frozen=True)
class Limit:
    """From `spoilt_at` on the detector finds less than half; from `unseen_at` on a person sees no street."""

    code: Code
    score: str
    spoilt_at: float
    unseen_at: float
    falling: bool = False  # a low score is the bad one

    def use_at(self, score: float) -> Use:
        sign = -1 if self.falling else 1
        if sign * score >= sign * self.unseen_at:
            return "nothing"
        return "coverage" if sign * score >= sign * self.spoilt_at else "defects"


LIMITS = (
    Limit(Code.TOO_DARK, "dark_share", 0.6, 0.98),
    Limit(Code.GLARE, "glare_share", 0.4, 0.8),
    Limit(Code.BLANK, "contrast", 0.006, 0.006, falling=True),
    Limit(Code.HAZE, "veil", 0.7, 0.9),
    Limit(Code.BLURRED, "blur_px", 2.2, 8.0),
    Limit(Code.RAIN, "streak_share", 0.15, inf),  # no rain measured hid the street
)
"""Of several the worst counts, of equally bad ones the first."""
_USES: tuple[Use, ...] = ("nothing", "coverage", "defects")


def judge(pixels: NDArray[np.uint8]) -> FootageQuality:
    """Judge upright BGR pixels (H, W, 3) of any size; the same pixels always get the same verdict.

    Dirt on the lens does not show in one frame: LensWatch follows `lens` over a drive.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"pixels: expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    grey = grey_copy(pixels)
    cells = measure_cells(grey)
    scores = {
        "brightness": float(cells.grey.mean() / 255),
        "contrast": cells.contrast,
        "veil": veil(grey),
        "blur_px": blur_px(grey),
        "dark_share": cells.dark_share,
        "glare_share": cells.glare_share,
        "streak_share": streak_share(grey),
    }
    code, use = decide(scores)
    return FootageQuality(code=code, use=use, lens=pack_lens(cells), **scores)


def decide(scores: Mapping[str, float]) -> tuple[Code | None, Use]:
    """The verdict on measured scores: the worst use any limit allows and the first code that allows no better."""
    uses = [(limit.use_at(scores[limit.score]), limit.code) for limit in LIMITS]
    use, code = min(uses, key=lambda one: _USES.index(one[0]))
    return (None if use == "defects" else code), use
