"""Reads the two output layouts of released models, so that the rest sees boxes, scores and classes."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.calibration import ScoreScale
from inference.overlap import iou_matrix

MAX_BOXES = 300  # an end2end head gives this many rows; a dense head is cut to the same number
NMS_IOU = 0.4  # two boxes of one class overlapping more than this are one object
VOTE_IOU = 0.5  # a suppressed box overlapping more than this has a say in where the kept one lies,
VOTE_SHARE = 0.25  # if its score is at least this share of the kept one's
_MAX_CANDIDATES = 30_000  # bounds the time of non-maximum suppression at very low thresholds


class Head(StrEnum):
    """Layout of the model's only output for one image."""

    END2END = "end2end"  # (300, 6): x0, y0, x1, y1, score, class
    DENSE = "dense"  # (4 + classes, anchors): centre x, centre y, width, height, a score per class


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes in input pixels, highest score first: xyxy (n, 4), score (n,), class_index (n,)."""

    xyxy_input_px: NDArray[np.float32]
    score: NDArray[np.float32]
    class_index: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Candidates":
        return Candidates(self.xyxy_input_px[rows], self.score[rows], self.class_index[rows])


def read_head(
    head: Head, output: NDArray[np.float32], thresholds: NDArray[np.float32], scale: ScoreScale | None = None
) -> Candidates:
    """Read one image's output; keeps finite boxes that reach their class's threshold, at most 300.

    With a scale, thresholds and resulting scores are the ones people see, not the network's own.
    """
    read = _read_end2end if head is Head.END2END else _read_dense
    if scale is None:
        return read(output, thresholds).take(slice(MAX_BOXES))
    return _show(read(output, scale.raw_thresholds(thresholds)), thresholds, scale).take(slice(MAX_BOXES))


def _show(found: Candidates, thresholds: NDArray[np.float32], scale: ScoreScale) -> Candidates:
    """Only what survived is put on the scale of people: a dense head has 8400 anchors for each class."""
    shown = Candidates(found.xyxy_input_px, scale.shown(found.score, found.class_index), found.class_index)
    return _sorted(shown.take(shown.score >= thresholds[shown.class_index]))


def _read_end2end(rows: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Candidates:
    rows = rows[np.isfinite(rows).all(axis=1)]
    found = Candidates(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))
    known = (found.class_index >= 0) & (found.class_index < len(thresholds))
    found = found.take(known)
    return _sorted(found.take(found.score >= thresholds[found.class_index]))


def _read_dense(columns: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Candidates:
    scores = columns[4:]
    heard = np.flatnonzero(scores >= VOTE_SHARE * thresholds[:, None])  # np.nonzero takes ten times as long
    class_index, anchor = np.divmod(heard, scores.shape[1])
    sound = np.isfinite(columns[:, anchor]).all(axis=0)
    class_index, anchor = class_index[sound], anchor[sound]
    centre, half = columns[:2, anchor].T, columns[2:4, anchor].T / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    found = _sorted(Candidates(boxes, scores[class_index, anchor], class_index.astype(np.int64)))
    found = found.take(slice(_MAX_CANDIDATES))
    kept = _suppress(found.take(found.score >= thresholds[found.class_index])).take(slice(MAX_BOXES))
    return _vote(kept, found)


def _sorted(found: Candidates) -> Candidates:
    return found.take(np.argsort(-found.score, kind="stable"))


def _suppress(found: Candidates) -> Candidates:
    """Class-aware non-maximum suppression of sorted candidates."""
    if not len(found.score):
        return found
    x0, y0, x1, y1 = found.xyxy_input_px.astype(np.float64).T
    boxes = np.stack([x0, y0, x1 - x0, y1 - y0], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), found.score.tolist(), found.class_index.tolist(), 0.0, NMS_IOU)
    return found.take(np.sort(np.asarray(kept, dtype=np.intp)))


def _vote(kept: Candidates, voters: Candidates) -> Candidates:
    """Each kept box becomes the mean of the boxes of its class around it, weighted by their scores.

    S. Gidaris and N. Komodakis, Object detection via a multi-region and semantic segmentation-aware CNN model (2015),
    section 4.3. Who may vote hangs on the kept score alone, so a box lies the same under every threshold.
    """
    boxes = kept.xyxy_input_px.astype(np.float64)
    for index in set(kept.class_index.tolist()):  # np.unique would load the masked arrays: 20 ms at the start
        own = np.nonzero(kept.class_index == index)[0]
        others = voters.take(voters.class_index == index)
        around, says = others.xyxy_input_px.astype(np.float64), others.score.astype(np.float64)
        loud = says >= VOTE_SHARE * kept.score[own, None]
        weight = np.where(loud & (iou_matrix(boxes[own], around) > VOTE_IOU), says, 0.0)
        total = weight.sum(axis=1, keepdims=True)
        mean = weight @ around / np.where(total > 0, total, 1.0)
        boxes[own] = np.where(total > 0, mean, boxes[own])  # an empty box has no voter, not even itself
    return Candidates(boxes.astype(np.float32), kept.score, kept.class_index)
