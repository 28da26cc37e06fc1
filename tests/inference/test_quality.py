"""What the judge of footage says of rendered frames, good ones and ones spoiled by stated physics."""

import json
from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from datasets.simulator import CameraModel, drive
from inference.quality import LIMITS, Code, FootageQuality, Limit, decide, judge
from training.degrading import (
    blur_by_motion,
    compress,
    defocus,
    drop_mask,
    haze,
    light_lamps,
    resize,
    streak,
    underexpose,
    veil,
    wet,
)

Pixels = NDArray[np.uint8]
Spoil = Callable[[Pixels, float], Pixels]

CAMERA = CameraModel(focal_px=660.0, width=960, height=540)
GOOD_SCORES = {
    "contrast": 0.3,
    "veil": 0.2,
    "blur_px": 0.5,
    "dark_share": 0.0,
    "glare_share": 0.0,
    "streak_share": 0.0,
}


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


SPOILERS: dict[str, tuple[Code, str, Spoil, tuple[float, ...]]] = {
    "exposure": (Code.TOO_DARK, "dark_share", lambda p, s: underexpose(p, s, rng()), (1 / 4, 1 / 16, 1 / 64, 1 / 256)),
    "level motion": (Code.BLURRED, "blur_px", lambda p, s: blur_by_motion(p, s, 0), (3, 8, 20, 40)),
    "slanted motion": (Code.BLURRED, "blur_px", lambda p, s: blur_by_motion(p, s, 60), (3, 8, 20, 40)),
    "upright motion": (Code.BLURRED, "blur_px", lambda p, s: blur_by_motion(p, s, 90), (3, 8, 20, 40)),
    "defocus": (Code.BLURRED, "blur_px", defocus, (1, 3, 6, 12)),
    "glare": (Code.GLARE, "glare_share", lambda p, s: veil(p, s, rng()), (0.05, 0.5, 1.5, 4)),
    "haze": (Code.HAZE, "veil", haze, (0.8, 0.4, 0.15, 0.08)),
    "streaks": (Code.RAIN, "streak_share", lambda p, s: streak(p, s, rng()), (100, 700, 2000)),
}
"""By damage: the code it gets at its heaviest, the score it moves, how it is done, severities from light to heavy."""


@pytest.fixture(scope="module")
def frames() -> list[Pixels]:
    """One frame each of six drives: hard sun, haze and overcast sky."""
    return [next(iter(drive(seed, 1, camera=CAMERA))).pixels for seed in range(2000, 2006)]


@pytest.fixture(scope="module", params=range(2))
def frame(request: pytest.FixtureRequest, frames: list[Pixels]) -> Pixels:
    place: int = request.param
    return frames[place]


def test_rendered_frames_are_good(frames: list[Pixels]) -> None:
    assert [(quality.code, quality.use) for quality in map(judge, frames)] == [(None, "defects")] * len(frames)


@pytest.mark.parametrize("damage", SPOILERS)
def test_each_damage_at_its_heaviest_is_named_and_feeds_no_defects(frame: Pixels, damage: str) -> None:
    code, _, spoil, severities = SPOILERS[damage]
    quality = judge(spoil(frame, severities[-1]))
    assert quality.code is code
    assert quality.use != "defects"


@pytest.mark.parametrize("damage", SPOILERS)
def test_each_damage_at_its_lightest_changes_nothing(frame: Pixels, damage: str) -> None:
    _, _, spoil, severities = SPOILERS[damage]
    assert judge(spoil(frame, severities[0])).use == "defects"


@pytest.mark.parametrize("damage", SPOILERS)
def test_a_score_gets_worse_with_its_damage(frame: Pixels, damage: str) -> None:
    _, name, spoil, severities = SPOILERS[damage]
    scores = [getattr(judge(pixels), name) for pixels in (frame, *(spoil(frame, s) for s in severities))]
    assert all(before <= after + 0.02 for before, after in pairwise(scores))
    assert scores[0] < scores[-1]


@pytest.mark.parametrize("level", [0, 3, 90, 255])
def test_a_covered_lens_is_blank_and_shows_nothing(level: int) -> None:
    pixels = np.full((540, 960, 3), level, np.uint8)
    noise = rng().normal(0, 2, pixels.shape)
    for covered in (pixels, np.clip(pixels + noise, 0, 255).astype(np.uint8)):
        quality = judge(covered)
        assert quality.use == "nothing"
        assert quality.code is {0: Code.TOO_DARK, 3: Code.TOO_DARK, 90: Code.BLANK, 255: Code.GLARE}[level]


def test_a_street_at_night_between_lamps_is_seen(frame: Pixels) -> None:
    night = judge(light_lamps(frame, 1 / 128, rng()))
    assert night.use != "nothing"
    assert judge(underexpose(frame, 1 / 128, rng())).use == "nothing"


def test_a_burnt_sky_over_a_visible_street_is_no_glare(frame: Pixels) -> None:
    burnt = frame.copy()
    burnt[: len(frame) // 3] = 255
    assert judge(burnt).use == "defects"


@pytest.mark.parametrize("quality", [60, 30])
def test_jpeg_artefacts_are_no_fault(frame: Pixels, quality: int) -> None:
    assert judge(compress(frame, quality)).code is None


@pytest.mark.parametrize("long_side_px", [1920, 3840])
def test_a_larger_picture_of_the_same_scene_has_the_same_blur(frame: Pixels, long_side_px: int) -> None:
    soft = defocus(frame, 3)
    assert judge(resize(soft, long_side_px)).blur_px == pytest.approx(judge(soft).blur_px, rel=0.15)


def test_a_turned_picture_is_judged_by_its_own_lower_part(frame: Pixels) -> None:
    portrait = frame[:, 300:604]
    assert judge(np.ascontiguousarray(portrait)).use == "defects"


def test_a_few_drops_on_the_lens_are_not_told_from_one_frame(frame: Pixels) -> None:
    """Stated in docs/footage.md: a soft spot may be sky or wall. The watch over the drive finds drops that stay."""
    assert judge(wet(frame, drop_mask(0.05, rng()))).use == "defects"


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
@settings(deadline=None, max_examples=40)
def test_any_picture_gets_a_verdict_and_always_the_same(pixels: Pixels) -> None:
    first, second = judge(pixels), judge(pixels.copy())
    assert first == second
    assert (first.code is None) == (first.use == "defects")
    assert all(np.isfinite(value) for value in first.to_json().values() if isinstance(value, float))


def test_a_quality_goes_into_json_and_names_its_code() -> None:
    quality = judge(np.zeros((90, 160, 3), np.uint8))
    stored = json.loads(json.dumps(quality.to_json()))
    assert stored["code"] == quality.code
    assert set(stored) == set(FootageQuality.__dataclass_fields__)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        judge(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.code)
@given(data=st.data())
@settings(deadline=None)
def test_a_worse_score_never_allows_more(limit: Limit, data: st.DataObject) -> None:
    better, worse = sorted(data.draw(st.lists(st.floats(0, 20), min_size=2, max_size=2)), reverse=limit.falling)
    order = ("nothing", "coverage", "defects")
    assert order.index(limit.use_at(worse)) <= order.index(limit.use_at(better))


@given(st.fixed_dictionaries({name: st.floats(0, 20) for name in GOOD_SCORES}))
@settings(deadline=None)
def test_the_worst_fault_decides_and_has_a_name(scores: dict[str, float]) -> None:
    code, use = decide(scores)
    uses = {limit.use_at(scores[limit.score]) for limit in LIMITS}
    assert use == next(one for one in ("nothing", "coverage", "defects") if one in uses)
    assert (code is None) == (use == "defects")


def test_good_scores_have_no_fault() -> None:
    assert decide(GOOD_SCORES) == (None, "defects")


def test_threads_of_opencv_change_no_score(frame: Pixels) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = judge(frame)
        cv2.setNumThreads(2)
        assert judge(frame) == alone
    finally:
        cv2.setNumThreads(threads)
