from datetime import date

from service.bench.peer import PeerSight, cluster

DAY = date(2026, 3, 1)


def test_a_chain_of_steps_below_ten_metres_is_one_cluster() -> None:
    sights = [PeerSight(DAY, "pothole", 0.0, 9.0 * n) for n in range(6)]
    assert len(set(cluster(sights))) == 1


def test_eleven_metres_another_class_and_another_day_are_apart() -> None:
    here = PeerSight(DAY, "pothole", 0.0, 0.0)
    others = [
        PeerSight(DAY, "pothole", 11.0, 0.0),
        PeerSight(DAY, "garbage", 0.0, 0.0),
        PeerSight(date(2026, 3, 2), "pothole", 0.0, 0.0),
    ]
    assert len(set(cluster([here, *others]))) == 4
