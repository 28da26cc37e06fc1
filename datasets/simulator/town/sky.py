"""Sky above the horizon: a gradient from the haze to the zenith, with thin clouds and a far skyline."""

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, read_at
from datasets.simulator.camera import View
from datasets.simulator.light import Look

SKY_TILE = 512


def paint_sky(view: View, clouds: Floats, look: Look) -> Floats:
    """BGR (rows, width, 3) of the rows down to the horizon; clouds is a seamless tile."""
    camera = view.camera
    rows = int(np.clip(np.ceil(view.horizon_px()) + 2, 1, camera.height - 1))
    height = (view.horizon_px() - np.arange(rows, dtype=np.float32)) / camera.focal_px
    share = np.clip(height * 2.6, 0, 1)[:, None, None] ** 0.7
    haze, zenith = np.array(look.haze, np.float32), np.array(look.zenith, np.float32)
    colour = haze + (zenith - haze) * share
    cover = np.clip(_clouds(view, clouds, height) * 0.5 - 0.2, 0, 1) * (0.35 + 0.4 * (look.direct < 0.1))
    hidden = np.clip((_skyline(view, clouds) - height[:, None]) * camera.focal_px, 0, 1)[..., None]
    colour = colour + hidden * (haze * np.float32(0.86) - colour)
    return np.asarray(colour + (np.float32(235) - colour) * (cover[..., None] * share * (1 - hidden)), dtype=np.float32)


def _skyline(view: View, noise: Floats) -> Floats:
    """Height (tangent) of the far roofs at each image column: blocks fixed to the compass."""
    columns = np.arange(view.camera.width, dtype=np.float32) - view.camera.width / 2
    bearing = np.degrees(np.arctan2(columns, np.float32(view.camera.focal_px))) + view.heading_deg
    block = np.floor(np.mod(bearing, 360) / 0.7).astype(int)
    return np.asarray(0.013 + 0.007 * np.clip(noise[7, (block * 37) % SKY_TILE], -1.6, 2.5), dtype=np.float32)


def _clouds(view: View, clouds: Floats, height: Floats) -> Floats:
    camera = view.camera
    columns = np.arange(camera.width, dtype=np.float32) - camera.width / 2
    bearing = np.degrees(np.arctan2(columns, np.float32(camera.focal_px))) + view.heading_deg
    far = 60.0 / np.maximum(height, 0.05)
    x = np.broadcast_to(np.mod(bearing * SKY_TILE / 90, SKY_TILE)[None, :], (len(height), camera.width))
    y = np.broadcast_to(np.mod(far, SKY_TILE)[:, None], (len(height), camera.width))
    return read_at(clouds, x, y, cv2.BORDER_WRAP)
