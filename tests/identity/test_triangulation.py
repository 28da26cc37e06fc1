"""Lines of sight that meet: a thing is placed by all frames of a pass that show it, and says how surely."""

import math

import numpy as np
import pytest

from service.identity.camera import Camera
from service.identity.locate import FramePose
from service.identity.rays import Ray, ray_of
from service.identity.shapes import SHAPES
from service.identity.triangulation import triangulate
from tests.identity.projecting import projected

CAMERA = Camera(height_m=1.7, pitch_deg=7.0, hfov_deg=72.0, pitch_sd_deg=0.2, yaw_sd_deg=0.2)
SIZE_PX = (1280, 720)


def rays_to(
    east_m: float, north_m: float, eyes: list[tuple[float, float]], *, base_m: float = 0.0, height_m: float = 0.6,
    half_m: float = 0.8, rng: np.random.Generator | None = None,
) -> list[Ray]:  # fmt: skip
    """From vehicles that all drive north; with `rng` they nod by half a degree and turn by one and a half."""
    pose = FramePose(24.7, 46.7, 0.0, *SIZE_PX, 1.5)
    rays = []
    for eye_east_m, eye_north_m in eyes:
        right_m, ahead_m = east_m - eye_east_m, north_m - eye_north_m
        shrink = 1 - half_m / math.hypot(right_m, ahead_m)
        left, bottom = projected(shrink * right_m - 0.5, shrink * ahead_m, base_m, CAMERA, pose)
        right, _ = projected(shrink * right_m + 0.5, shrink * ahead_m, base_m, CAMERA, pose)
        _, top = projected(shrink * right_m, shrink * ahead_m, base_m + height_m, CAMERA, pose)
        turned_px, nodded_px = (0.0, 0.0) if rng is None else rng.normal(0, [23.0, 7.7])
        box = (left + turned_px, top + nodded_px, right + turned_px, bottom + nodded_px)
        rays.append(ray_of(box, CAMERA, 0.0, 1.5, SIZE_PX))
    return rays


APPROACH = [(0.0, 4.0 * number) for number in range(7)]


def test_a_heap_seen_on_the_way_to_it_is_placed_within_a_hand() -> None:
    fit = triangulate(APPROACH, rays_to(4.0, 40.0, APPROACH), "garbage")
    assert abs(fit.spot.east_m - 4.0) < 0.1 and abs(fit.spot.north_m - 40.0) < 0.3


def test_writing_on_a_wall_is_placed_by_how_its_direction_turns_though_it_hangs_at_an_unknown_height() -> None:
    near = [(0.0, 5.0 * number) for number in range(7)]
    for base_m in (0.3, 0.8, 1.2):
        rays = rays_to(8.0, 42.0, near, base_m=base_m, height_m=1.2, half_m=1.0)
        fit = triangulate(near, rays, "graffiti")
        assert abs(fit.spot.east_m - 8.0) < 1.5 and abs(fit.spot.north_m - 42.0) < 4.0
        assert fit.spot.ellipse.mahalanobis2(fit.spot.east_m - 8.0, fit.spot.north_m - 42.0) < 6


def test_a_sign_above_the_horizon_has_a_place_and_a_wide_ellipse() -> None:
    fit = triangulate(
        [(0.0, 0.0)], rays_to(3.0, 20.0, [(0.0, 0.0)], base_m=2.0, height_m=0.7, half_m=0.2), "damaged_sign"
    )
    assert math.hypot(fit.spot.east_m - 3.0, fit.spot.north_m - 20.0) < 8
    assert fit.spot.ellipse.mean_sd_m > 2


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_the_ellipse_holds_the_truth_about_as_often_as_it_says(frames: int) -> None:
    rng, inside = np.random.default_rng(frames), []
    for _ in range(150):
        east_m, north_m = rng.uniform(-5, 6), rng.uniform(34, 46)
        rays = rays_to(east_m, north_m, APPROACH[-frames:], half_m=max(rng.normal(0.8, 0.5), 0.1), rng=rng)
        spot = triangulate(APPROACH[-frames:], rays, "garbage").spot
        inside.append(spot.ellipse.mahalanobis2(spot.east_m - east_m, spot.north_m - north_m) <= 5.991)
    assert 0.88 <= np.mean(inside) <= 1.0


def test_one_odd_frame_among_seven_moves_the_place_little() -> None:
    rays = rays_to(4.0, 40.0, APPROACH)
    odd = Ray(**{**vars(rays[3]), "bearing": rays[3].bearing + 0.5, "slope": rays[3].slope * 2})
    fit = triangulate(APPROACH, [*rays[:3], odd, *rays[4:]], "garbage")
    assert math.hypot(fit.spot.east_m - 4.0, fit.spot.north_m - 40.0) < 1.0


def test_the_order_of_frames_and_a_start_near_by_change_nothing() -> None:
    rays = rays_to(4.0, 40.0, APPROACH, rng=np.random.default_rng(3))
    one = triangulate(APPROACH, rays, "garbage")
    other = triangulate(APPROACH[::-1], rays[::-1], "garbage", start=triangulate(APPROACH[:5], rays[:5], "garbage"))
    assert math.hypot(one.spot.east_m - other.spot.east_m, one.spot.north_m - other.spot.north_m) < 0.05


def test_every_class_has_a_shape() -> None:
    from datasets.taxonomy import KEYS

    assert tuple(SHAPES) == KEYS
