"""Finds two pictures of one place although the camera moved: corners of the one lie on those of the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE_PX = 640
MOST_KEYPOINTS = 300
NEAREST_BITS = 50
"""Two of 256-bit descriptors that differ in fewer bits may show the same corner."""
FITTED_WITHIN_PX = 6.0
FEWEST_MATCHES = 25
TABLES = 16
BYTES_A_TABLE = 4
LONGEST_RUN = 8
"""A descriptor that more pictures share is a texture, not a place: only this many neighbours vote."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Corners of one picture: places in pixels of the picture at 640 px (n, 2), descriptors uint8 (n, 32)."""

    places_px: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def find_keypoints(pixels: NDArray[np.uint8]) -> Keypoints:
    """Up to 300 ORB corners of a picture uint8 (H, W, 3) BGR."""
    scale = LONG_SIDE_PX / max(pixels.shape[:2])
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    corners, descriptors = cv2.ORB_create(MOST_KEYPOINTS).detectAndCompute(grey, None)  # type: ignore[attr-defined]
    places = np.array([corner.pt for corner in corners], np.float32).reshape(-1, 2)
    return Keypoints(places, np.zeros((0, 32), np.uint8) if descriptors is None else np.asarray(descriptors, np.uint8))


def count_agreeing(first: Keypoints, second: Keypoints) -> int:
    """How many corners of the first lie, under one projective map, on their like in the second; 0 for few likes."""
    if min(len(first.descriptors), len(second.descriptors)) < FEWEST_MATCHES:
        return 0
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(first.descriptors, second.descriptors)
    near = [m for m in matches if m.distance < NEAREST_BITS]
    if len(near) < FEWEST_MATCHES:
        return 0
    here = first.places_px[[m.queryIdx for m in near]]
    there = second.places_px[[m.trainIdx for m in near]]
    _, fitted = cv2.findHomography(here, there, cv2.RANSAC, FITTED_WITHIN_PX)
    return 0 if fitted is None else int(fitted.sum())


def voted_pairs(pictures: Sequence[Keypoints], parts: NDArray[np.int64], least_votes: int) -> list[tuple[int, int]]:
    """Pairs of pictures of different parts that share many corners, found without comparing every pair.

    Descriptors that agree in four chosen bytes lie side by side when sorted by them; each such neighbour is a vote
    for its two pictures. The bytes are drawn 16 times, always the same.
    """
    descriptors = np.concatenate([picture.descriptors for picture in pictures])
    owner = np.repeat(np.arange(len(pictures)), [len(picture.descriptors) for picture in pictures])
    draw = np.random.default_rng(0)
    votes = [
        _neighbours(descriptors[:, draw.choice(32, BYTES_A_TABLE, replace=False)], owner, parts) for _ in range(TABLES)
    ]
    pairs, counts = np.unique(np.concatenate(votes), return_counts=True)
    first, second = np.divmod(pairs[counts >= least_votes], len(pictures))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _neighbours(some_bytes: NDArray[np.uint8], owner: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """first * pictures + second for each two corners of different parts that share these bytes."""
    keys = np.ascontiguousarray(some_bytes).view(np.uint32).ravel()
    order = np.argsort(keys, kind="stable")
    keys, owner = keys[order], owner[order]
    found = [np.zeros(0, np.int64)]
    for step in range(1, min(LONGEST_RUN, len(keys))):
        same = keys[step:] == keys[:-step]
        one, other = owner[:-step][same], owner[step:][same]
        apart = parts[one] != parts[other]
        one, other = one[apart], other[apart]
        found.append(np.minimum(one, other) * len(parts) + np.maximum(one, other))
    return np.concatenate(found)
