"""The ground the camera sees: asphalt with markings, kerb, sidewalk and sand, computed per pixel."""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.simulator.arrays import Floats, Image, Mask
from datasets.simulator.camera import View
from datasets.simulator.light import KerbPaint, Look
from datasets.simulator.noise import sample_tile, seamless_noise
from datasets.simulator.town.streets import Street

SIGHT_M, FAR_M = 190.0, 1e4
FINE_GONE_M = 0.1  # pixels larger than this on the ground average the fine grain away
MARGIN_M = 12.0  # kerb, sidewalk and corner rounding of a street just out of reach
BAND_ROWS = 40  # arrays of 40 x 1280 stay in the cache: half the time of whole images
KERB_HEIGHT_M, KERB_TOP_M, KERB_STONE_M = 0.16, 0.16, 0.9
CORNER_ROUNDING_M = 3.0

NearStreet = tuple[Street, float, float]


@dataclass(frozen=True)
class GroundTiles:
    """Seamless noise at three scales (64 m, 15 m and 1.6 m per repetition)."""

    broad: Floats
    middle: Floats
    fine: Floats


@dataclass(frozen=True)
class Spot:
    """What is known about every ground pixel: its place, its place in its street, its size on the ground."""

    along_m: Floats
    across_m: Floats
    outside_m: Floats  # outside the nearest carriageway, negative inside
    second_m: Floats  # outside the second nearest: small only at crossings
    kerb_face_m: Floats  # width on the ground that the kerb's face hides from this camera
    half_width_m: Floats
    walk_m: Floats
    pixel_m: Floats  # (rows, 1) lateral size


def make_tiles(rng: np.random.Generator) -> GroundTiles:
    """The noise of one drive."""
    return GroundTiles(
        broad=seamless_noise(rng, 512, 1.5),
        middle=seamless_noise(rng, 1024, 1.05),
        fine=seamless_noise(rng, 512, 0.35),
    )


def paint_ground(view: View, streets: tuple[Street, ...], tiles: GroundTiles, look: Look, first_row: int) -> Image:
    """BGR (rows, width, 3) of the image rows from `first_row` down, hazy in the distance, without shadows."""
    near = _streets_around(view, streets)
    bands = [
        _paint_band(view, near, tiles, look, np.arange(top, min(top + BAND_ROWS, view.camera.height)))
        for top in range(first_row, view.camera.height, BAND_ROWS)
    ]
    return np.concatenate(bands)


def _paint_band(view: View, near: list[NearStreet], tiles: GroundTiles, look: Look, rows: NDArray[np.int_]) -> Image:
    v_px = rows.astype(np.float32) + np.float32(0.5)
    u_px = np.arange(view.camera.width, dtype=np.float32) + np.float32(0.5)
    ground_m = view.ground_at(u_px, v_px)
    spot, footprint_m = _survey(view, near, ground_m, v_px)
    noise = _noise(tiles, ground_m, footprint_m)
    colour = np.empty((*spot.outside_m.shape, 3), np.float32)
    on, off = spot.outside_m < 0, spot.outside_m > -spot.pixel_m
    colour[on] = _asphalt(*_only(spot, noise, on), look)
    beside = _beside_the_road(*_only(spot, noise, off), look)
    share = np.maximum(_cover(spot.outside_m, spot.pixel_m), ~on)[off][:, None]
    colour[off] = np.where(share < 1, colour[off], 0) * (1 - share) + beside * share
    clear = np.exp(-view.ground_rows(v_px)[0] / np.float32(look.haze_m))[:, None, None]
    colour *= clear
    colour += np.array(look.haze, np.float32) * (1 - clear)
    return np.clip(colour, 0, 255, out=colour).astype(np.uint8)


def _noise(tiles: GroundTiles, ground_m: tuple[Floats, Floats], footprint_m: Floats) -> tuple[Floats, Floats, Floats]:
    """The three scales of noise, each fading where a pixel averages it away."""
    broad = sample_tile(tiles.broad, *ground_m, 64.0)
    middle = sample_tile(tiles.middle, *ground_m, 15.0) * np.minimum(1.0, (0.05 / footprint_m) ** 0.7)
    if float(footprint_m.min()) > FINE_GONE_M:
        return broad, middle, np.zeros_like(broad)
    return broad, middle, sample_tile(tiles.fine, *ground_m, 1.6) * np.minimum(1.0, 0.006 / footprint_m)


def _only(spot: Spot, noise: tuple[Floats, Floats, Floats], where: Mask) -> tuple[Spot, Floats, Floats, Floats]:
    """The chosen pixels as flat lists."""
    flat = {f.name: np.broadcast_to(getattr(spot, f.name), where.shape)[where] for f in fields(Spot)}
    broad, middle, fine = (tile[where] for tile in noise)
    return Spot(**flat), broad, middle, fine


def _survey(view: View, near: list[NearStreet], ground_m: tuple[Floats, Floats], v_px: Floats) -> tuple[Spot, Floats]:
    """Where in the streets the pixels lie, and footprint_m (rows, 1), the mean of their width and depth."""
    camera = view.camera
    ahead_m, scale = view.ground_rows(v_px)
    pixel_m = (scale / camera.focal_px)[:, None]
    forward_m = (scale * np.hypot(ahead_m, camera.height_m) / (camera.focal_px * camera.height_m))[:, None]
    shape = ground_m[0].shape
    nearest, second = np.full(shape, FAR_M, np.float32), np.full(shape, FAR_M, np.float32)
    along, across, inside, half, walk = (np.ones(shape, np.float32) for _ in range(5))
    reach_m = float(np.hypot(ahead_m[0], scale[0] * camera.width / 2 / camera.focal_px)) + MARGIN_M
    for street, away_m, eye_across_m in near:
        if away_m > reach_m:
            continue
        s, t = street.to_local(*ground_m)
        outside = street.outside_m(s, t)
        closer = outside < nearest
        second = np.where(closer, nearest, np.minimum(second, outside))
        half_m = np.float32(street.half_width_m)
        to_eye = np.where(t > 0, half_m - np.float32(eye_across_m), half_m + np.float32(eye_across_m))
        news = (nearest, outside), (along, s), (across, t), (inside, to_eye)
        for kept, new in (*news, (half, half_m), (walk, np.float32(street.walk_m))):
            np.copyto(kept, new, where=closer)
    nearest = _rounded(nearest, second)
    kerb_face_m = np.maximum(inside, 0) * np.float32(KERB_HEIGHT_M / (camera.height_m - KERB_HEIGHT_M))
    return Spot(along, across, nearest, second, kerb_face_m, half, walk, pixel_m), np.sqrt(pixel_m * forward_m)


def _streets_around(view: View, streets: tuple[Street, ...]) -> list[NearStreet]:
    """Streets within sight, how far away each is, and how far right of its middle the camera stands."""
    here = np.array([view.east_m], np.float32), np.array([view.north_m], np.float32)
    placed = [(street, *street.to_local(*here)) for street in streets]
    near = [(street, float(street.outside_m(s, t)[0]), float(t[0])) for street, s, t in placed]
    return [one for one in near if one[1] < SIGHT_M]


def _rounded(nearest: Floats, second: Floats) -> Floats:
    """The outline of two strips with the inner corners rounded off (smooth minimum)."""
    h = np.maximum(CORNER_ROUNDING_M - np.abs(second - nearest), 0) / CORNER_ROUNDING_M
    return nearest - h * h * np.float32(CORNER_ROUNDING_M / 4)


def _cover(depth_m: Floats, pixel_m: Floats) -> Floats:
    """Share of a pixel lying inside an edge that is `depth_m` away."""
    return np.clip(depth_m / pixel_m + 0.5, 0, 1)


def _asphalt(spot: Spot, broad: Floats, middle: Floats, fine: Floats, look: Look) -> Floats:
    to_kerb = -spot.outside_m
    lane = np.abs(np.mod(np.abs(spot.across_m), 3.6) - 1.8)
    wheel = np.exp(-(((lane - 0.8) / 0.35) ** 2))
    oil = np.exp(-((lane / 0.4) ** 2))
    tone = 1 + 0.035 * broad + 0.05 * middle + 0.085 * look.grain * fine + 0.035 * wheel - 0.05 * oil
    colour: Floats = tone[..., None] * np.array(look.asphalt, np.float32)
    dust = np.clip(look.dust * (np.exp(-to_kerb / 0.55) + 0.12 * broad), 0, 0.85)[..., None]
    sand = (1 + 0.04 * middle + 0.04 * fine)[..., None] * np.array(look.sand, np.float32) * 0.9
    colour += (sand - colour) * dust
    mark = _markings(spot) * np.clip(1 - look.mark_wear * (0.55 + 0.6 * middle), 0, 1) * 0.9
    painted = mark > 0
    paint = (1 + 0.05 * fine[painted])[:, None] * np.array(look.mark, np.float32)
    colour[painted] += (paint - colour[painted]) * mark[painted][:, None]
    return colour


def _markings(spot: Spot) -> Floats:
    """Dashed middle line and edge lines, broken off where streets cross."""
    dash = (np.mod(spot.along_m, 9.0) < 3.5).astype(np.float32)
    middle = _line(spot.across_m, 0.14, spot.pixel_m) * dash
    edge = _line(np.abs(spot.across_m) - (spot.half_width_m - 0.45), 0.12, spot.pixel_m)
    marks: Floats = np.maximum(middle, edge) * (spot.second_m > 2.5)
    return marks


def _line(offset_m: Floats, width_m: float, pixel_m: Floats) -> Floats:
    cover: Floats = np.clip((width_m / 2 - np.abs(offset_m)) / pixel_m + 0.5, 0, 1)
    cover *= np.minimum(1, width_m / pixel_m)
    return cover


def _beside_the_road(spot: Spot, broad: Floats, middle: Floats, fine: Floats, look: Look) -> Floats:
    """Kerb face, kerb top, sidewalk and, behind it, sand."""
    beyond = spot.outside_m * np.float32(0.93)
    sand_tone = 1 + 0.06 * broad + 0.07 * middle + 0.05 * fine
    colour = sand_tone[..., None] * np.array(look.sand, np.float32)
    on_walk = _cover(spot.walk_m - beyond, spot.pixel_m)
    paving = _paving(spot, look) * (1 + 0.04 * broad + 0.05 * middle + 0.03 * fine)
    colour += (paving[..., None] * np.array(look.walk, np.float32) - colour) * on_walk[..., None]
    stone = _kerb_stones(spot, look)
    top = _cover(KERB_TOP_M - (beyond - spot.kerb_face_m), spot.pixel_m)
    face = _cover(spot.kerb_face_m - beyond, spot.pixel_m)
    kerb_light = np.where(face > 0.5, 0.72, 1.05) * (1 + 0.05 * middle)
    kerb = stone * kerb_light[..., None]
    beside: Floats = colour + (kerb - colour) * np.maximum(top, face)[..., None]
    return beside


def _paving(spot: Spot, look: Look) -> Floats:
    """Joints of interlocking tiles, fading where they get thinner than a pixel."""
    tile_m = 0.4
    joints = np.maximum(
        _line(np.mod(spot.along_m + tile_m / 2, tile_m) - tile_m / 2, 0.025, spot.pixel_m),
        _line(np.mod(spot.across_m + tile_m / 2, tile_m) - tile_m / 2, 0.025, spot.pixel_m),
    )
    return 1 - 0.22 * joints


def _kerb_stones(spot: Spot, look: Look) -> Floats:
    plain = np.array(look.kerb, np.float32)
    if look.kerb_paint is KerbPaint.PLAIN:
        joint = _line(np.mod(spot.along_m, KERB_STONE_M) - KERB_STONE_M / 2, 0.03, spot.pixel_m)
        return (1 - 0.35 * joint)[..., None] * plain
    other = (60.0, 178.0, 216.0) if look.kerb_paint is KerbPaint.BLACK_YELLOW else (205.0, 210.0, 212.0)
    dark = (np.mod(spot.along_m, 2 * KERB_STONE_M) < KERB_STONE_M)[..., None]
    return np.where(dark, np.array((62.0, 62.0, 62.0), np.float32), np.array(other, np.float32))


def darken(pixels: Image, shadow: Image, look: Look) -> None:
    """Multiply ground pixels by the light left in shadow (mask 0..255), in place; shadow is bluish."""
    if look.direct < 0.1:
        return
    soft = cv2.GaussianBlur(shadow, (0, 0), 1.2).astype(np.float32)[..., None] / 255
    dim = 1 - soft * (1 - look.in_shadow * np.array((1.08, 1.0, 0.95), np.float32))
    pixels[:] = np.clip(pixels * dim, 0, 255).astype(np.uint8)
