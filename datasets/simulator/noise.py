"""Seamless random textures: the grain of asphalt, sand, plaster and clouds."""

import cv2
import numpy as np

from datasets.simulator.arrays import Floats, read_at


def seamless_noise(rng: np.random.Generator, size: int, roughness: float, stretch: float = 1.0) -> Floats:
    """A tile (size, size) of zero mean and unit deviation with a 1/f^roughness spectrum.

    Its edges meet when it is repeated; stretch > 1 draws the features out along the second axis.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    fy = np.fft.fftfreq(size)[:, None]
    fx = np.fft.rfftfreq(size)[None, :] * stretch
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1.0
    spectrum /= frequency**roughness
    spectrum[0, 0] = 0.0
    tile = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(tile / tile.std(), dtype=np.float32)


def sample_tile(tile: Floats, east_m: Floats, north_m: Floats, tile_m: float) -> Floats:
    """The repeated tile read at ground positions; tile_m is the side of one repetition."""
    scale = np.float32(tile.shape[0] / tile_m)
    # remap counts texels in 16 bits: whole tiles are taken off first; the rest is near or hazy
    whole_e, whole_n = (
        np.float32(np.floor(float(m[-1, m.shape[1] // 2]) / tile_m) * tile_m) for m in (east_m, north_m)
    )
    x, y = (east_m - whole_e) * scale, (north_m - whole_n) * scale
    return read_at(tile, x, y, cv2.BORDER_WRAP)


def wobbly_outline(rng: np.random.Generator, points: int, wobble: float) -> Floats:
    """Radii (points,) around 1 of a closed irregular outline; wobble is the deviation of the radius."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radii = np.zeros(points)
    for order in range(2, 12):
        radii += rng.normal() / order**1.1 * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
    return (1 + wobble * radii / max(float(radii.std()), 1e-6)).clip(0.35, 1.8).astype(np.float32)
