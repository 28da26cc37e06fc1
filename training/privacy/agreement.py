"""Turns what the teachers saw into labels: what they agree on, what nobody shall learn from, and what is neither.

A plate belongs on a vehicle and a face on a person. A finder's box is believed where the network that knows vehicles
and people says so too, or where the finder sees it both from afar and close up. What only one of them suspects is
covered in the training picture, so that it is neither an example nor a counter-example. A find far from anything that
could carry it is background: street signs, shop signs and hoardings are what plates are mistaken for, and stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.overlap import iou_matrix
from inference.privacy import Kind
from training.privacy.looking import Box, Seen

Boxes = NDArray[np.float64]
XyxyPx = tuple[float, float, float, float]
Fits = Callable[[Boxes, Boxes], bool]


@dataclass(frozen=True)
class Limits:
    """Scores from which a box counts; chosen by looking at contact sheets of train, never of test."""

    sure: float  # from this on one look is enough, on a sure carrier
    seen_twice: float  # from this on two looks that agree are enough, on a sure carrier
    suspected: float  # from this on it is covered when not believed
    sure_carrier: float
    possible_carrier: float
    least_px: float  # shorter side; smaller ones nobody can read, and they are covered


PLATE_LIMITS = Limits(0.5, 0.25, 0.15, sure_carrier=0.35, possible_carrier=0.1, least_px=5.0)
FACE_LIMITS = Limits(0.5, 0.3, 0.2, sure_carrier=0.35, possible_carrier=0.1, least_px=6.0)
SAME_IOU = 0.3
INSIDE = 0.7  # share of a find that lies on its carrier
LARGEST_PLATE = 0.5  # of its vehicle's width: what is wider is a board
LARGEST_FACE = 0.6  # of its person's height, its middle in the upper part


@dataclass(frozen=True)
class Labels:
    """Of one picture, in its pixels: what is there, and what is to be covered."""

    boxes: tuple[tuple[Kind, XyxyPx], ...]
    covered: tuple[XyxyPx, ...]


@dataclass(frozen=True, eq=False)
class Find:
    """One thing after its looks were put together: the surest box, and whether two looks agree on it."""

    xyxy_px: Boxes
    score: float
    seen_twice: bool


def agree(seen: Seen) -> Labels:
    """The labels of one picture."""
    vehicles, people = rows(seen.vehicles), rows(seen.people)
    plates, odd_plates = _judge(join_looks(seen.plates_whole, seen.plates_close), vehicles, PLATE_LIMITS, plate_fits)
    faces, odd_faces = _judge(join_looks(seen.faces_whole, seen.faces_close), people, FACE_LIMITS, face_fits)
    boxes: list[tuple[Kind, XyxyPx]] = [("plate", _corners(find)) for find in plates]
    boxes += [("face", _corners(find)) for find in faces]
    return Labels(tuple(boxes), tuple(_corners(find) for find in (*odd_plates, *odd_faces)))


def join_looks(whole: Sequence[Box], close: Sequence[Box]) -> list[Find]:
    """Finds, the surest first; close-ups of neighbours may show a thing twice, which is no agreement of looks."""
    both = np.concatenate([rows(whole), rows(close)])
    is_close = np.arange(len(both)) >= len(whole)
    order = np.argsort(-both[:, 4], kind="stable")
    both, is_close = both[order], is_close[order]
    same = iou_matrix(both[:, :4], both[:, :4]) > SAME_IOU
    left = np.ones(len(both), bool)
    finds = []
    for row in range(len(both)):
        if left[row]:
            group = same[row] & left
            group[row] = True
            left &= ~group
            finds.append(Find(both[row, :4], float(both[row, 4]), len(set(is_close[group].tolist())) == 2))
    return finds


def plate_fits(plate: Boxes, vehicle: Boxes) -> bool:
    """A plate is far narrower than its vehicle."""
    return bool(plate[2] - plate[0] <= LARGEST_PLATE * (vehicle[2] - vehicle[0]))


def face_fits(face: Boxes, person: Boxes) -> bool:
    """A face lies in the upper part of its person, who may be seen only from the chest up."""
    middle, height = (face[1] + face[3]) / 2, person[3] - person[1]
    return bool(middle - person[1] <= height / 2 and face[3] - face[1] <= LARGEST_FACE * height)


def rows(boxes: Sequence[Box]) -> Boxes:
    """(n, 5)"""
    return np.array(boxes, np.float64).reshape(-1, 5)


def _judge(finds: list[Find], carriers: Boxes, limits: Limits, fits: Fits) -> tuple[list[Find], list[Find]]:
    """The finds to believe and those to cover; the rest is background."""
    believed, covered = [], []
    for find in finds:
        sure = find.score >= limits.sure or (find.seen_twice and find.score >= limits.seen_twice)
        large = min(find.xyxy_px[2:] - find.xyxy_px[:2]) >= limits.least_px
        if sure and large and _carried(find.xyxy_px, carriers, limits.sure_carrier, fits):
            believed.append(find)
            continue
        possible = _carried(find.xyxy_px, carriers, limits.possible_carrier, fits)
        # A face alone may be a person half hidden, or printed: let nobody learn from it.
        if (possible and find.score >= limits.suspected) or (sure and fits is face_fits):
            covered.append(find)
    return believed, covered


def _carried(box: Boxes, carriers: Boxes, least_score: float, fits: Fits) -> bool:
    low, high = np.maximum(carriers[:, :2], box[:2]), np.minimum(carriers[:, 2:4], box[2:])
    share = np.prod(np.clip(high - low, 0, None), axis=1) / max(float(np.prod(box[2:] - box[:2])), 1e-9)
    around = carriers[(share >= INSIDE) & (carriers[:, 4] >= least_score)]
    return any(fits(box, carrier[:4]) for carrier in around)


def _corners(find: Find) -> XyxyPx:
    x0, y0, x1, y1 = find.xyxy_px.tolist()
    return x0, y0, x1, y1
