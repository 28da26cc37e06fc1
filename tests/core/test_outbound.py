"""Calls to addresses that others told, at servers that really listen: the checked one, whole, in time, or none."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from service.core.outbound import AnswerTooLarge, Call, Unreachable, call
from service.core.settings import Settings
from tests.certificates import write_certificate
from tests.webhooks.support import Receiver, always, receiving, reply

ALLOWING = Settings(private_hosts=frozenset({"127.0.0.1", "inside.test"}), outbound_timeout_s=10.0)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def answer_names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> list[str]:
    """What the name service says to every question; returns the list of the questions."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(0, 0, 0, "", one) for one in addresses]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return asked


def test_query_form_headers_and_status_arrive(server: Receiver) -> None:
    server.answer = lambda handler: reply(handler, 418, "شاي".encode())
    answer = call(ALLOWING, Call("POST", server.url, data={"a": "1 2"}, headers={"X-Own": "y"}))
    (came,) = server.got()
    assert (answer.status, answer.text, answer.is_success) == (418, "شاي", False)
    assert (came.path, came.body, came.headers["x-own"]) == ("/hook?tenant=7", b"a=1+2", "y")
    call(ALLOWING, Call("GET", server.url, params={"page": "2"}))
    assert "page=2" in server.got()[0].path


def test_the_name_is_asked_for_once_and_its_checked_address_dialled(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer_names(monkeypatch, ("127.0.0.1", server.port))
    assert call(ALLOWING, Call("GET", f"http://inside.test:{server.port}/x")).is_success
    assert asked == ["inside.test"] and server.got()[0].headers["host"] == f"inside.test:{server.port}"


def test_one_bad_address_condemns_a_name(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_names(monkeypatch, ("93.184.216.34", 80), ("127.0.0.1", server.port))
    with pytest.raises(Unreachable, match="loopback") as refused:
        call(ALLOWING, Call("GET", "http://photos.example.org/secret?key=7"))
    assert "secret" not in str(refused.value) and server.got() == []


def test_metadata_addresses_are_refused_even_of_a_name_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_names(monkeypatch, ("169.254.169.254", 80))
    with pytest.raises(Unreachable, match="link-local"):
        call(ALLOWING, Call("GET", "http://inside.test/latest/meta-data/"))


def test_the_next_address_is_dialled_where_nobody_listens(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_names(monkeypatch, ("::1", server.port), ("127.0.0.1", server.port))  # the server listens on the second
    assert call(ALLOWING, Call("GET", f"http://inside.test:{server.port}/")).is_success


def test_a_redirect_is_the_answer(server: Receiver) -> None:
    server.answer = always(307, Location="http://127.0.0.1:1/")
    assert call(ALLOWING, Call("GET", server.url)).status == 307
    assert len(server.got()) == 1


def test_more_bytes_than_asked_for_are_not_taken(server: Receiver) -> None:
    server.answer = lambda handler: reply(handler, 200, b"x" * 1001)
    assert len(call(ALLOWING, Call("GET", server.url), most_bytes=1001).content) == 1001
    with pytest.raises(AnswerTooLarge, match="1000"):
        call(ALLOWING, Call("GET", server.url), most_bytes=1000)


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_comes_a_byte_at_a_time_is_given_up_in_time(server: Receiver, part: str) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if part == "head" else b"Content-Length: 1000000\r\n\r\n"))
        while not over.wait(0.02):
            handler.wfile.write(b"X-More: 1\r\n")

    server.answer = drip
    with pytest.raises(Unreachable, match=r"within 0\.3 s"):
        call(ALLOWING.model_copy(update={"outbound_timeout_s": 0.3}), Call("GET", server.url))
    over.set()


def test_a_thread_that_runs_a_loop_may_call_too(server: Receiver) -> None:
    async def inside() -> bool:
        return call(ALLOWING, Call("GET", server.url)).is_success

    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(inside())))
    thread.start()
    thread.join()
    assert found == [True]


def test_what_is_sent_needs_tls_unless_the_host_is_named(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer_names(monkeypatch, ("127.0.0.1", server.port))
    with pytest.raises(Unreachable, match="https"):
        call(Settings(), Call("POST", "http://notices.example.org/", content=b"x"), secure=True)
    assert asked == [] and call(ALLOWING, Call("POST", server.url, content=b"x"), secure=True).is_success


@pytest.mark.parametrize(("host", "trusted"), [("inside.test", True), ("inside.test", False), ("other.test", True)])
def test_a_certificate_is_checked_for_the_name_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool
) -> None:
    certificate = write_certificate(tmp_path, "inside.test")
    settings = Settings(private_hosts=frozenset({host}), ca_file=certificate.only if trusted else None)
    with receiving(certificate.server_context()) as server:
        answer_names(monkeypatch, ("127.0.0.1", server.port))
        asked = Call("GET", f"https://{host}:{server.port}/")
        if trusted and host == "inside.test":
            assert call(settings, asked).is_success
            return
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            call(settings, asked)
        assert server.got() == []
