"""What happens to a picture before the model sees it, beyond the library's flips, scales and colours."""

import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.data.augment import RandomPerspective
from ultralytics.data.dataset import YOLODataset

Pixels = NDArray[np.uint8]


class CameraChange:
    """Makes a share of the pictures look as if another camera had taken them; boxes stay."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Change labels["img"], uint8 (H, W, 3) BGR."""
        if random.random() < self.share:
            change = random.choice((_blurred, _compressed, _coarser, _relit))
            labels["img"] = np.ascontiguousarray(change(labels["img"]))
        return labels


def _blurred(pixels: Pixels) -> Pixels:
    """Out of focus, or moved along one axis."""
    width, height = random.choice(((3, 3), (5, 5), (7, 1), (1, 5)))
    return np.asarray(cv2.blur(pixels, (width, height)), dtype=np.uint8)


def _compressed(pixels: Pixels) -> Pixels:
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, random.randint(25, 70)])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)


def _coarser(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    share = random.uniform(0.4, 0.8)
    small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _relit(pixels: Pixels) -> Pixels:
    """Another exposure: a gamma between 0.5 (bright) and 2 (dark), and a cast of colour."""
    gamma = 2.0 ** random.uniform(-1, 1)
    cast = np.array([random.uniform(0.9, 1.1) for _ in range(3)])
    levels = 255 * (np.arange(256)[:, None] / 255) ** gamma * cast
    table = np.clip(levels, 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(pixels, table), dtype=np.uint8)


def see_window(dataset: YOLODataset, width: int, height: int) -> None:
    """Let every training sample be a window of this many pixels around the middle of its mosaic or picture."""
    inner = dataset.transforms.transforms[0].transforms
    (affine,) = [transform for transform in inner if isinstance(transform, RandomPerspective)]
    affine.size = (width, height)


def change_cameras(dataset: YOLODataset, share: float) -> None:
    """Add camera changes before the last transform, which turns the picture into a tensor."""
    dataset.transforms.insert(len(dataset.transforms.transforms) - 1, CameraChange(share))
