"""How much boxes cover each other, asked alike by the detector and by those who score it."""

import numpy as np
from numpy.typing import NDArray


def iou_matrix(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every box of `some` (n, 4) with every box of `others` (m, 4): (n, m).

    An empty box overlaps nothing, itself included.
    """
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area, other_area = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (some, others))
    union = area[:, None] + other_area[None, :] - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap
