"""`rasid survey` as it runs in a vehicle: a process that can be killed, a key nobody sees, figures for programs."""

import json
import os
import signal
import subprocess
import sys
from threading import Event

import pytest

from tests.agent.conftest import Vehicle
from tests.agent.servers import KEY, Answer, Handler, SmallRasid, says

RUN = (sys.executable, "-c", "from service.agent.cli import survey; survey()")
HEAVY = ("fastapi", "sqlalchemy", "onnxruntime", "cv2", "numpy", "service.core", "service.surveys")


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    own = os.environ | {"RASID_KEY": KEY, "NO_COLOR": "1"} | environment
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*RUN, *arguments], env=own, **pipes)  # type: ignore[call-overload, no-any-return]


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def upload(van: Vehicle, *more: str, **environment: str) -> subprocess.Popen[str]:
    return start("upload", str(van.folder), "--url", van.url, "--settle-s", "0.1", *more, **environment)


class Hold:
    """The server has the request and does not answer: the moment at which the agent is killed."""

    def __init__(self) -> None:
        self.arrived, self.released = Event(), Event()

    def __call__(self, handler: Handler) -> Answer | None:
        handler.body()
        self.arrived.set()
        self.released.wait(60)
        return None


def test_the_report_is_for_programs_and_the_exit_code_too(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image a")
    van.add("b.jpg", b"image b")
    rasid.refused = {"b.jpg": "position.missing"}
    code, out, err = finish(upload(van, "--json", "-"))
    assert code == 1, err
    report = json.loads(out)
    assert (report["sent"], report["refused"], report["waiting"]) == (1, {"position.missing": 1}, 0)
    assert report["bytes_sent"] == 7
    assert report["seconds"] > 0
    assert "refused: b.jpg: position.missing: expected lat and lon" in err
    shown, out, _ = finish(start("status", str(van.folder), "--url", van.url, "--json"))
    assert shown == 0
    assert json.loads(out)["states"]["sent"] == {"files": 1, "bytes": 7}


def test_the_key_comes_from_a_file_and_is_shown_nowhere(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    key_file = van.folder.parent / "key"
    key_file.write_text(KEY + "\n")
    rasid.trouble("POST", says(500))
    code, out, err = finish(upload(van, "--key-file", str(key_file), "--json", "-", RASID_KEY=""))
    assert code == 0, err
    kept = b"".join(file.read_bytes() for file in (van.folder / ".rasid").iterdir())
    assert KEY not in out + err
    assert KEY.encode() not in kept


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--url", "rasid.example.org"), "expected an address such as https://"),
        (("--watch", "--once"), "expected --watch or --once"),
        (("--limit-rate", "fast"), "expected bytes a second"),
        (("--key", "two words"), "expected a key of plain letters"),
        (("--survey", "x" * 121), "expected a survey name"),
    ],
)
def test_wrong_use_is_told_in_a_line(van: Vehicle, options: tuple[str, ...], said: str) -> None:
    code, _, err = finish(upload(van, *options))
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_without_a_key_nothing_is_sent(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    code, _, err = finish(upload(van, RASID_KEY=""))
    assert code == 2
    assert "RASID_KEY" in err
    assert rasid.requests == []


def test_killed_in_the_middle_of_a_file_it_goes_on_there(van: Vehicle, rasid: SmallRasid) -> None:
    data = bytes(range(256)) * 12_000  # 3 MB: several parts
    van.add("drive.zip", data)
    hold = Hold()
    rasid.trouble("PATCH", lambda handler: handler.act(handler.body()), hold)
    first = upload(van)
    assert hold.arrived.wait(60)
    os.kill(first.pid, signal.SIGKILL)
    finish(first)
    hold.released.set()
    before = rasid.body_bytes
    code, _, err = finish(upload(van))
    assert code == 0, err
    assert list(rasid.files.values()) == [1]
    assert rasid.body_bytes - before == len(data) - 1_048_576
    assert len(rasid.uploads) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_the_next_run_goes_on(
    van: Vehicle, rasid: SmallRasid, number: signal.Signals
) -> None:
    for name in ("a.jpg", "b.jpg"):
        van.add(name, name.encode())
    hold = Hold()
    rasid.trouble("POST", hold)
    process = upload(van, "--watch", "--parallel", "1", "--json", "-")
    assert hold.arrived.wait(60)
    process.send_signal(number)
    hold.released.set()
    code, out, err = finish(process)
    assert code == 3, err
    report = json.loads(out)
    assert "asked to end" in report["stopped"]
    assert report["waiting"] == 2
    assert finish(upload(van))[0] == 0
    assert sorted(rasid.files.values()) == [1, 1]


def test_two_agents_do_not_send_one_folder(van: Vehicle, rasid: SmallRasid) -> None:
    van.add("a.jpg", b"image")
    hold = Hold()
    rasid.trouble("POST", hold)
    first = upload(van)
    assert hold.arrived.wait(60)
    code, _, err = finish(upload(van))
    assert code == 3
    assert "another agent" in err
    hold.released.set()
    assert finish(first)[0] == 0


def test_a_server_nobody_vouches_for_gets_no_key(van: Vehicle, tmp_path_factory: pytest.TempPathFactory) -> None:
    import ssl
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    folder = tmp_path_factory.mktemp("tls")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(507)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    van.add("a.jpg", b"image")
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a handshake refused is the test's point
        Thread(target=server.serve_forever, daemon=True).start()
        van.url = f"https://127.0.0.1:{server.server_port}"
        code, _, err = finish(upload(van))
        assert code == 3
        assert "--ca-file" in err
        assert asked == []
        finish(upload(van, "--once", "--ca-file", str(folder / "cert.pem")))
        assert asked == [f"Bearer {KEY}"]
        server.shutdown()


def test_the_agent_loads_nothing_of_the_server() -> None:
    modules = [f"service.agent.{name}" for name in ("cli", "running", "sending", "spool", "link", "display", "report")]
    code = f"import sys, {', '.join(modules)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_says_what_the_exit_codes_mean() -> None:
    code, out, _ = finish(start("upload", "--help", COLUMNS="120"))
    assert code == 0
    assert "Exit codes: 0 everything is at the server" in " ".join(out.split())
    assert KEY not in out
