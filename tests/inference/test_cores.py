"""What there is to share out."""

import os

import psutil
import pytest

from inference import cores
from inference.cores import available_cores, stream_workers


def test_there_is_at_least_one_core_and_no_more_than_the_machine_has() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system gives a process no set of cores")
def test_cores_this_process_may_not_use_and_second_threads_of_a_core_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for physical, expected in ((16, 8), (4, 4), (None, 8)):
        monkeypatch.setattr(psutil, "cpu_count", lambda logical, physical=physical: physical)
        assert available_cores() == expected


def test_a_stream_has_a_worker_for_each_run_that_fits_and_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 8)
    assert (stream_workers(), stream_workers(threads=4), stream_workers(threads=16)) == (9, 3, 2)
