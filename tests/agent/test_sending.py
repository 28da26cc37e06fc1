"""Whatever the link does to a file on its way, it arrives once."""

import os
import random
from hashlib import sha256
from threading import Event

import pytest

from tests.agent.conftest import MTIME_S, Vehicle
from tests.agent.servers import (
    SmallRasid,
    Trouble,
    after,
    claims_offset,
    cut_after,
    forget,
    lose_answer,
    says,
    then,
    twice,
)

LARGE = bytes(range(256)) * 2_000  # 512,000 bytes
TROUBLES: dict[str, Trouble] = {
    "cut before the body": cut_after(0),
    "cut inside the body": cut_after(3_000),
    "answer lost": lose_answer,
    "too many requests": says(429, Retry_After="7"),
    "unavailable": says(503),
    "disk full": says(507, Retry_After="Sun, 22 Nov 2026 06:00:30 GMT"),
    "server error": says(500, b"oops"),
    "proxy time-out": says(408),
    "proxy limit": says(413, b"<html>too large"),
}
TUS_TROUBLES: dict[str, Trouble] = TROUBLES | {
    "arrives twice": twice,
    "cut and half kept": cut_after(3_000, keep=True),
    "offset too small": claims_offset(0),
    "offset too large": claims_offset(10**9),
    "expired": forget,
    "locked": says(423),
    "damaged on the way": says(460),
    "a proxy that knows nothing of it": says(502, b"<html>bad gateway"),
}


def name_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_a_small_image_takes_one_round_trip(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    report = van.run()
    assert (report.sent, report.exit_code) == (1, 0)
    assert rasid.requests == [("POST", "/api/v1/frames")]
    assert rasid.files == {name_of(b"image"): 1}


def test_a_large_file_goes_in_parts_and_the_key_to_no_other_host(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("drive.mp4", LARGE)
    van.chunk_bytes = 200_000
    report = van.run()  # the small server's Location names http://inside.example
    assert (report.sent, report.bytes_sent) == (1, len(LARGE))
    assert [method for method, _ in rasid.requests] == ["POST", "PATCH", "PATCH"]  # the second part is twice as large
    assert rasid.files == {name_of(LARGE): 1}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_an_image_arrives_after_any_trouble_with_its_form(van: Vehicle, rasid: SmallRasid, trouble: Trouble) -> None:
    van.add("a.jpg", LARGE[:70_000])
    rasid.trouble("POST", trouble)
    report = van.run()
    assert report.exit_code == 0
    assert set(rasid.files) == {name_of(LARGE[:70_000])}


@pytest.mark.parametrize("trouble", TUS_TROUBLES.values(), ids=TUS_TROUBLES)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_file_arrives_once_after_any_trouble_with_any_part(
    van: Vehicle, rasid: SmallRasid, trouble: Trouble, part: int
) -> None:
    van.add("drive.zip", LARGE)
    van.chunk_bytes = 128_000
    rasid.trouble("PATCH", *[lambda handler: handler.act(handler.body())] * part, trouble)
    report = van.run()
    assert report.exit_code == 0
    assert rasid.files == {name_of(LARGE): 1}


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("trouble", [cut_after(0), lose_answer, says(503), says(429)])
def test_beginning_and_asking_may_fail_too(van: Vehicle, rasid: SmallRasid, method: str, trouble: Trouble) -> None:
    van.add("drive.zip", LARGE)
    rasid.trouble("PATCH", cut_after(90_000, keep=True))
    rasid.trouble(method, trouble)
    assert van.run().exit_code == 0
    assert rasid.files == {name_of(LARGE): 1}


def test_the_next_run_goes_on_where_the_last_one_broke(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("drive.zip", LARGE)
    van.chunk_bytes = 256_000
    rasid.trouble("PATCH", lose_answer)
    rasid.trouble("HEAD", *[says(503)] * 50)
    assert van.run(patience_s=60.0).waiting == 1
    rasid.troubles.clear()
    before = rasid.body_bytes
    assert van.run().exit_code == 0
    assert rasid.body_bytes - before == len(LARGE) - 256_000
    assert rasid.count("POST") == 1


def test_a_hotspots_page_is_no_receipt(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    for page in (says(200, b"<html>log in"), says(302, Location="http://hotspot.example/"), says(401, b"<html>pay")):
        rasid.trouble("POST", page)
        report = van.run()
        assert (report.waiting, report.exit_code) == (1, 3)
        assert "expected" in (report.stopped or "")
    assert van.run().exit_code == 0
    assert rasid.files == {name_of(b"image"): 1}


def test_a_hotspots_404_does_not_forget_what_is_there(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("drive.zip", LARGE)
    van.chunk_bytes = 256_000
    rasid.trouble("PATCH", lose_answer)
    rasid.trouble("HEAD", says(404, b"<html>log in"))
    assert van.run().exit_code == 3
    assert van.run().exit_code == 0
    assert len(rasid.uploads) == 1


def test_answers_may_come_late_and_in_another_order(van: Vehicle, rasid: SmallRasid) -> None:
    last = Event()
    for number in range(3):
        van.add(f"{number}.jpg", b"image %d" % number)
    rasid.trouble("POST", after(last), after(last), then(last))
    assert van.run(parallel=3).sent == 3
    assert sorted(rasid.files.values()) == [1, 1, 1]


def test_a_bad_link_is_answered_with_smaller_requests(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", LARGE)
    rasid.trouble("POST", cut_after(300_000), cut_after(0), lose_answer)
    assert van.run().exit_code == 0
    assert ("POST", "/api/v1/tus") in rasid.requests  # what does not get through whole goes in parts


def test_a_file_that_changes_while_it_is_sent_arrives_as_it_became(van: Vehicle, rasid: SmallRasid) -> None:
    file = van.add("drive.zip", LARGE)
    van.chunk_bytes = 128_000

    def grow(handler: object) -> None:
        file.write_bytes(LARGE + b"more")
        os.utime(file, (MTIME_S + 60, MTIME_S + 60))

    rasid.trouble("PATCH", grow)
    assert van.run().exit_code == 0
    assert rasid.files == {name_of(LARGE + b"more"): 1}


@pytest.mark.parametrize("seed", range(5))
def test_a_folder_arrives_exactly_once_over_a_link_that_does_everything_wrong(
    van: Vehicle, rasid: SmallRasid, seed: int
) -> None:
    chance = random.Random(seed)
    contents = [chance.randbytes(chance.randint(1, 90_000)) for _ in range(12)]
    for number, data in enumerate(contents):
        van.add(f"{number:02}.{chance.choice(['jpg', 'png', 'zip'])}", data)
    van.chunk_bytes = 40_000
    rasid.trouble("PATCH", *chance.choices(list(TUS_TROUBLES.values()), k=30))
    rasid.trouble("POST", *chance.choices([one for key, one in TROUBLES.items() if key != "answer lost"], k=10))
    report = van.run(patience_s=1e6)
    assert (report.exit_code, report.waiting) == (0, 0)
    assert rasid.files == {name_of(data): 1 for data in contents}
