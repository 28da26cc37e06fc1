"""`rasid survey`: the command that runs in the vehicle."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ssl import SSLContext
    from threading import Event

    from service.agent.plan import Plan
    from service.agent.report import Report

STATE_FOLDER = ".rasid"

survey = typer.Typer(help="Send what a vehicle recorded, from the vehicle.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with images, GPX, ZIP and MP4 files, however deep.")
]
Url = Annotated[str, typer.Option(envvar="RASID_URL", help="Address of the service, e.g. https://rasid.example.org")]
StateDir = Annotated[
    Path | None, typer.Option("--state", help="Where to keep the list of what was sent, else in DIR/.rasid.")
]


@survey.command()
def upload(
    folder: Folder,
    url: Url,
    key: Annotated[
        str | None,
        typer.Option(envvar="RASID_KEY", show_default=False, help="The vehicle's key; not to be typed here."),
    ] = None,
    key_file: Annotated[Path | None, typer.Option(dir_okay=False, help="File that holds the key and no more.")] = None,
    name: Annotated[
        str | None, typer.Option("--survey", help="Name of the drive, else each sub-folder's name and day.")
    ] = None,
    state: StateDir = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and send what comes, through days offline.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Try each file once and end; for cron.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Files on their way at once.")] = 3,
    limit_rate: Annotated[str | None, typer.Option(help="Bytes a second at most, e.g. 250k or 1.5M.")] = None,
    patience_min: Annotated[
        float, typer.Option(min=0, help="Without --watch: end after so many minutes without a byte getting through.")
    ] = 15,
    settle_s: Annotated[float, typer.Option(min=0.1, help="A file unchanged for so long is whole.")] = 2,
    rescan_s: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks through DIR.")] = 5,
    delete_after_upload: Annotated[
        bool, typer.Option("--delete-after-upload", help="Delete images and tracks that the server has taken.")
    ] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Send again what was refused; else it waits for a changed file.")
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate authority of the service, PEM.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the report here; - is standard output.")
    ] = None,
) -> None:
    """Send a folder of footage over whatever link there is; may be ended and started again at any moment.

    Each file arrives once, however often this is run: a list of what was sent is kept on disk, and a file that was
    half sent is gone on with. Files still being written are left for later. Nothing is deleted unless asked for.

    Exit codes: 0 everything is at the server; 1 so, but some files were refused (named, with the reason); 2 wrong use;
    3 some files wait, run again; 4 the key was refused.

    Example: RASID_KEY=... rasid survey upload /media/card --url https://rasid.example.org --watch
    """
    from service.agent.plan import Plan

    if not folder.is_dir():
        _refuse(f"expected a folder, {folder} is none")
    if watch and once:
        _refuse("expected --watch or --once, got both")
    plan = Plan(
        folder, _survey_name(name), parallel, watch, once, patience_min * 60,
        settle_s, rescan_s, delete_after_upload, retry_refused,
    )  # fmt: skip
    report = _run(plan, _address(url), _key(key, key_file), state, _rate(limit_rate), ca_file)
    _tell(report, json_file)
    raise typer.Exit(int(report.exit_code))


@survey.command()
def status(
    folder: Folder,
    url: Url,
    state: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how many files wait, were sent and were refused, and why; works while an upload runs.

    Example: rasid survey status ./2026-11-22 --url https://rasid.example.org
    """
    from service.agent.report import status_report
    from service.agent.spool import Spool

    place = _state_folder(folder, state)
    if not place.is_dir():
        _refuse(f"expected a list of sent files in {place}, found none; run rasid survey upload first")
    spool = Spool(place, _address(url))
    counts, refused = spool.count(), spool.refused()
    spool.close()
    if as_json:
        typer.echo(json.dumps(status_report(counts, refused), ensure_ascii=False, indent=2))
        return
    for one, (files, size_bytes) in counts.items():
        typer.echo(f"{one.value}: {files} files, {size_bytes / 1e6:.1f} MB")
    for file in refused:
        typer.echo(f"{file.path}: {file.code}: {file.detail}")


def _run(
    plan: "Plan", url: str, key: str, state: Path | None, bytes_per_s: float | None, ca_file: Path | None
) -> "Report":
    import random
    import sqlite3
    from threading import Event

    from service.agent.clock import SystemClock
    from service.agent.display import open_display
    from service.agent.link import Link
    from service.agent.pace import RateLimit
    from service.agent.running import Run
    from service.agent.sending import Sender
    from service.agent.spool import Spool, SpoolBusy

    stop = Event()
    clock = SystemClock(stop)
    limit = RateLimit(bytes_per_s, clock) if bytes_per_s else None
    _end_on_signals(stop)
    try:
        spool = Spool(_state_folder(plan.folder, state), url)
        spool.claim()
        with Link(url, key, clock, stop, limit, _trust(ca_file)) as link, open_display() as display:
            sender = Sender(plan.folder, spool, link, clock)
            report = Run(plan, spool, sender, clock, stop, display, random.random).run()
        spool.close()
    except SpoolBusy as error:
        _refuse(str(error), 3)
    except (sqlite3.Error, OSError) as error:
        _refuse(
            f"expected to read the folder and to write the list of what was sent (or --state elsewhere): {error}", 3
        )
    return report


def _end_on_signals(stop: "Event") -> None:
    """The first Ctrl-C or SIGTERM ends the run in order, the second at once; both lose nothing."""
    import signal

    def ask(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


def _state_folder(folder: Path, state: Path | None) -> Path:
    """One --state may serve several folders."""
    import hashlib

    if state is None:
        return folder / STATE_FOLDER
    whole = folder.resolve()
    return state / f"{whole.name}-{hashlib.sha256(bytes(whole)).hexdigest()[:8]}"


def _key(key: str | None, key_file: Path | None) -> str:
    if key_file:
        try:
            key = key_file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            _refuse(f"expected the vehicle's key in {key_file}: {error}")
    key = (key or "").strip()
    if not key:
        _refuse("expected the vehicle's key in RASID_KEY or in --key-file; `rasid vehicle create` prints one")
    if not (key.isascii() and key.isprintable()) or " " in key:
        _refuse("expected a key of plain letters and digits, got other characters in it")
    return key


def _trust(ca_file: Path | None) -> "SSLContext | None":
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else None
    except OSError as error:
        _refuse(f"expected a certificate authority in PEM in {ca_file}: {error}")


def _address(url: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        _refuse(f"expected an address such as https://rasid.example.org, got {url}")
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        typer.echo("rasid survey: the key and the images travel readable by all over http; use https", err=True)
    return url.rstrip("/")


def _survey_name(name: str | None) -> str | None:
    if name is not None and not (0 < len(name) <= 120 and name.isprintable()):
        _refuse("expected a survey name of 1 to 120 printable characters")
    return name


def _rate(text: str | None) -> float | None:
    from service.agent.pace import parse_rate

    try:
        return parse_rate(text) if text else None
    except ValueError as error:
        _refuse(str(error))


def _tell(report: "Report", json_file: str | None) -> None:
    if json_file:
        text = json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n"
        if json_file == "-":
            typer.echo(text, nl=False)
        else:
            Path(json_file).write_text(text, "utf-8")
    for line in report.lines():
        typer.echo(line, err=True)


def _refuse(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"rasid survey: {message}", err=True)
    raise typer.Exit(code)
