"""What one pass sees of one thing is one track; a vehicle that drives north past things to its right."""

import numpy as np

from service.identity.camera import Camera
from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import LONGEST_GAP_S, Sight, Track, link
from service.identity.locate import FramePose, locate
from service.identity.rays import ray_of
from tests.identity.projecting import projected


def sight(frame: int, east_m: float, north_m: float, class_key: str = "pothole", sd_m: float = 0.4) -> Sight:
    """Frames are half a second apart."""
    return Sight(frame, frame / 2, Spot(east_m, north_m, Ellipse.round(sd_m)), class_key, 0.8, gps_sd_m=2.5)


def shown(tracks: list[Track]) -> list[list[int]]:
    return sorted(sorted(one.frame for one in track.sights) for track in tracks)


def test_a_thing_seen_in_forty_frames_is_one_track() -> None:
    frames = [[sight(number, 3.0 + 0.2 * (number % 3), 20.0)] for number in range(40)]
    assert shown(link(frames)) == [list(range(40))]


def test_neighbours_three_metres_apart_stay_two() -> None:
    frames = [[sight(number, 3.0, 20.0), sight(number, 3.2, 23.0)] for number in range(6)]
    tracks = link(frames)
    assert shown(tracks) == [list(range(6))] * 2
    assert {round(track.spot.north_m) for track in tracks} == {20, 23}


def test_two_things_in_one_frame_are_two_however_near() -> None:
    assert len(link([[sight(0, 3.0, 20.0), sight(0, 3.1, 20.1)]])) == 2


def test_the_order_of_boxes_in_a_frame_changes_nothing() -> None:
    one = [[sight(n, 3.0, 20.0), sight(n, 3.0, 22.5), sight(n, -4.0, 21.0)] for n in range(5)]
    other = [list(reversed(frame)) for frame in one]
    places = [sorted((round(t.spot.east_m, 6), round(t.spot.north_m, 6)) for t in link(f)) for f in (one, other)]
    assert places[0] == places[1]


def test_a_name_that_changes_between_frames_is_still_one_thing_of_the_surer_name() -> None:
    names = ["sand_rubble", "garbage", "sand_rubble", "sand_rubble"]
    (track,) = link([[sight(n, 3.0, 20.0, name)] for n, name in enumerate(names)])
    assert track.class_key == "sand_rubble"


def test_a_pothole_and_a_billboard_at_one_place_are_two() -> None:
    assert len(link([[sight(0, 3.0, 20.0, "pothole")], [sight(1, 3.0, 20.0, "bad_billboard")]])) == 2


def test_a_track_of_an_earlier_batch_goes_on_until_the_fix_has_drifted() -> None:
    earlier = [sight(0, 3.0, 20.0), sight(1, 3.0, 20.1)]
    (going_on,) = link([[sight(4, 3.2, 20.3)]], [Track(earlier, 7, frozenset({0, 1}))])
    assert going_on.defect == 7 and [one.frame for one in going_on.new_sights] == [4]
    late = int(2 * LONGEST_GAP_S) + 10
    (fresh,) = link([[sight(late, 3.2, 20.3)]], [Track(earlier, 7, frozenset({0, 1}))])
    assert fresh.defect is None


CAMERA = Camera(height_m=1.6, pitch_deg=6.0, hfov_deg=70.0, pitch_sd_deg=0.2, yaw_sd_deg=0.2)
SIZE_PX = (1280, 720)


def approach(
    things: dict[str, tuple[float, float]], class_key: str, noise_px: float = 1.0, frames: int = 8
) -> list[list[Sight]]:
    """What a vehicle that drives north from (0, 0), 4 m a frame, sees of heaps 0.6 m high and 1.6 m wide and deep."""
    rng = np.random.default_rng(len(things))
    seen = []
    for number in range(frames):
        eye_m = (0.0, 4.0 * number)
        pose = FramePose(24.7, 46.7, 0.0, *SIZE_PX, 1.0)
        row = []
        for east_m, north_m in things.values():
            ahead_m = north_m - eye_m[1]
            if ahead_m < 5:
                continue
            left, bottom = projected(east_m - 0.8, ahead_m - 0.8, 0.0, CAMERA, pose)
            right, _ = projected(east_m + 0.8, ahead_m - 0.8, 0.0, CAMERA, pose)
            _, top = projected(east_m, ahead_m, 0.6, CAMERA, pose)
            x0, y0, x1, y1 = (np.array([left, top, right, bottom]) + rng.normal(0, noise_px, 4)).tolist()
            ray = ray_of((x0, y0, x1, y1), CAMERA, 0.0, 1.0, SIZE_PX)
            found = locate((x0, y0, x1, y1), CAMERA, pose, class_key)
            spot = Spot(eye_m[0], eye_m[1] + (found.distance_m or 20.0), found.ellipse)
            row.append(Sight(number, number / 2, spot, class_key, 0.8, 2.5, eye_m, ray))
        seen.append(row)
    return seen


def test_heaps_far_ahead_are_followed_by_the_angles_at_which_they_are_seen() -> None:
    """At 45 m a pixel is metres of range; two heaps at three metres from one another stay two all the way."""
    things = {"a": (5.0, 48.0), "b": (5.0, 51.5), "c": (-4.0, 44.0)}
    tracks = link(approach(things, "garbage"))
    assert shown(tracks) == [list(range(8))] * 3
    places = sorted((track.spot.east_m, track.spot.north_m) for track in tracks)
    for (east_m, north_m), (true_east_m, true_north_m) in zip(places, sorted(things.values()), strict=True):
        assert abs(east_m - true_east_m) < 0.7 and abs(north_m - true_north_m) < 1.5


def test_halves_of_a_track_that_one_place_explains_are_joined_unless_both_are_filed() -> None:
    seen = approach({"a": (5.0, 40.0)}, "garbage", noise_px=0.5)
    sights = [row[0] for row in seen if row]
    first, last = sights[:4], sights[4:]
    (joined,) = link([[]], [Track(first, 7, frozenset(one.frame for one in first)), Track(last)])
    assert joined.defect == 7 and len(joined.sights) == len(sights)
    assert [one.frame for one in joined.new_sights] == [one.frame for one in last]
    filed = [Track(part, number, frozenset(one.frame for one in part)) for number, part in ((7, first), (8, last))]
    assert link([[]], filed) == []
