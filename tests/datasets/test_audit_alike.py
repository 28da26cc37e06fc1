"""Pictures that show one scene are found; pictures that only look similar in tone are not."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datasets.audit_hashing import hash_picture, near_pairs
from datasets.audit_keypoints import count_agreeing, find_keypoints, voted_pairs

Picture = NDArray[np.uint8]


def street(seed: int, size: tuple[int, int] = (240, 320)) -> Picture:
    """A made-up scene: overlapping rectangles of many tones, so that it has corners."""
    draw = np.random.default_rng(seed)
    picture = np.full((*size, 3), 120, np.uint8)
    for _ in range(90):
        x, y = draw.integers(0, size[1]), draw.integers(0, size[0])
        width, height = draw.integers(8, 70, 2)
        cv2.rectangle(
            picture, (int(x), int(y)), (int(x + width), int(y + height)), draw.integers(0, 256, 3).tolist(), -1
        )
    return picture


def bits_apart(first: Picture, second: Picture) -> int:
    return int(np.bitwise_count(hash_picture(first) ^ hash_picture(second)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), lighter=st.integers(1, 60))
def test_brightness_does_not_change_the_hash(seed: int, lighter: int) -> None:
    dim = (street(seed) // 2).astype(np.uint8)
    assert bits_apart(dim, (dim + np.uint8(lighter)).astype(np.uint8)) <= 2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_a_smaller_copy_is_near_and_another_scene_is_far(seed: int) -> None:
    picture = street(seed)
    smaller = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert bits_apart(picture, smaller) <= 4
    assert bits_apart(picture, street(seed + 1)) > 10


def test_a_flat_picture_has_the_empty_hash() -> None:
    assert hash_picture(np.full((50, 70, 3), 130, np.uint8)) == 0


@given(hashes=st.lists(st.integers(0, 2**64 - 1), max_size=40), within=st.integers(0, 64))
def test_near_pairs_are_exactly_those_a_plain_count_finds(hashes: list[int], within: int) -> None:
    expected = {
        (i, j, (hashes[i] ^ hashes[j]).bit_count()) for i in range(len(hashes)) for j in range(i + 1, len(hashes))
    }
    found = list(near_pairs(np.array(hashes, np.uint64), within))
    assert set(found) == {pair for pair in expected if pair[2] <= within}
    assert len(found) == len(set(found))


def test_pairs_are_found_across_the_blocks_of_the_distance_table() -> None:
    hashes = np.array([0b1 << (i % 61) for i in range(1100)], np.uint64) ^ np.arange(
        1100, dtype=np.uint64
    ) << np.uint64(40)
    hashes[1099] = hashes[3]
    assert (3, 1099, 0) in set(near_pairs(hashes, 0))


def test_corners_agree_when_the_camera_moved_and_not_in_another_street() -> None:
    whole = street(1, (400, 520))
    here, moved = find_keypoints(whole[:300, :400]), find_keypoints(whole[40:340, 60:460])
    assert count_agreeing(here, moved) >= 18
    assert count_agreeing(here, find_keypoints(street(2, (400, 520))[:300, :400])) < 18


def test_a_picture_without_corners_agrees_with_nothing() -> None:
    flat = find_keypoints(np.full((50, 70, 3), 130, np.uint8))
    assert count_agreeing(flat, find_keypoints(street(1))) == 0
    assert voted_pairs([flat, flat], np.array([0, 1]), 1) == []


def test_a_scene_gets_votes_only_across_parts() -> None:
    whole = street(1, (400, 520))
    pictures = [whole[:300, :400], whole[40:340, 60:460], np.full((300, 400, 3), 99, np.uint8)]
    keypoints = [find_keypoints(np.ascontiguousarray(picture)) for picture in pictures]
    assert voted_pairs(keypoints, np.array([0, 1, 1]), 20) == [(0, 1)]
    assert voted_pairs(keypoints, np.array([0, 0, 1]), 20) == []
