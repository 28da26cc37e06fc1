"""What one pass sees of one thing is one track; a vehicle that drives north past things to its right."""

from service.identity.gaussian import Ellipse, Spot
from service.identity.linking import LONGEST_GAP_S, Sight, Track, link


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
    assert {round(track.whole().north_m) for track in tracks} == {20, 23}


def test_two_things_in_one_frame_are_two_however_near() -> None:
    assert len(link([[sight(0, 3.0, 20.0), sight(0, 3.1, 20.1)]])) == 2


def test_the_order_of_boxes_in_a_frame_changes_nothing() -> None:
    one = [[sight(n, 3.0, 20.0), sight(n, 3.0, 22.5), sight(n, -4.0, 21.0)] for n in range(5)]
    other = [list(reversed(frame)) for frame in one]
    places = [sorted((round(t.whole().east_m, 6), round(t.whole().north_m, 6)) for t in link(f)) for f in (one, other)]
    assert places[0] == places[1]


def test_a_name_that_changes_between_frames_is_still_one_thing_of_the_surer_name() -> None:
    names = ["sand_rubble", "garbage", "sand_rubble", "sand_rubble"]
    (track,) = link([[sight(n, 3.0, 20.0, name)] for n, name in enumerate(names)])
    assert track.class_key == "sand_rubble"


def test_a_pothole_and_a_billboard_at_one_place_are_two() -> None:
    assert len(link([[sight(0, 3.0, 20.0, "pothole")], [sight(1, 3.0, 20.0, "bad_billboard")]])) == 2


def test_a_track_of_an_earlier_batch_goes_on_until_the_fix_has_drifted() -> None:
    earlier = Track(Spot(3.0, 20.0, Ellipse.round(0.3)), 0.0, votes={"pothole": 2.0}, defect=7)
    (going_on,) = link([[sight(4, 3.2, 20.3)]], [earlier])
    assert going_on.defect == 7
    late = int(2 * LONGEST_GAP_S) + 10
    (fresh,) = link([[sight(late, 3.2, 20.3)]], [Track(earlier.spot, 0.0, votes={"pothole": 2.0}, defect=7)])
    assert fresh.defect is None
