"""`rasid demo`: a survey drive from frames to closed work orders, on this machine, in one command."""

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from service.demo.frames import DemoFrame
    from service.demo.report import Report

DEFAULT_FRAMES = 60


def demo(
    frames: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of your own images.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Send at most this many frames.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the service running and print where to look.")] = False,
    model: Annotated[str | None, typer.Option(help="Registry name or .onnx file, else the released model.")] = None,
    port: Annotated[int, typer.Option(help="Port of the service; 0: any free one.")] = 0,
    data_dir: Annotated[
        Path | None, typer.Option(help="New folder to keep database and files in, else a temporary one.")
    ] = None,
    sheets: Annotated[Path | None, typer.Option(help="Write the crews' printed sheets into this folder.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Send a survey drive through the real API, decide, repair, plan the crews' day, and show what came out.

    Without --frames the drive is rendered: streets of Dammam and Khobar with defects whose places are known, so that
    the report also says how many of them were found. Example: rasid demo --frames ./photos --limit 80 --serve
    """
    from rich.console import Console

    from service.demo.frames import find_images, own_frames, rendered_frames

    console = Console()
    drive: Iterator[DemoFrame]
    if frames:
        paths = find_images(frames, limit)
        if not paths:
            raise _refuse(f"expected JPEG, PNG or WebP images in {frames}, found none")
        total, drive = len(paths), own_frames(paths)
    else:
        total = limit or DEFAULT_FRAMES
        drive = rendered_frames(total)
    if data_dir and data_dir.exists() and any(data_dir.iterdir()):
        raise _refuse(f"expected a new or empty folder for the demo's database, {data_dir} has files in it")
    place: AbstractContextManager[str] = (
        nullcontext(str(data_dir)) if data_dir else tempfile.TemporaryDirectory(prefix="rasid-demo-")
    )
    with place as folder:
        report = _run(Path(folder), drive, total, console, model=model, port=port, own=bool(frames), stay=serve,
                      sheets=sheets)  # fmt: skip
    if json_file:
        json_file.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n", "utf-8")


def _run(
    data_dir: Path, drive: "Iterator[DemoFrame]", total: int, console: "Console", *,
    model: str | None, port: int, own: bool, stay: bool, sheets: Path | None,
) -> "Report":  # fmt: skip
    from datasets.simulator import CameraModel
    from service.accounts.schemas import CameraProfile
    from service.core.runtime import open_runtime
    from service.core.settings import Settings
    from service.demo.client import running_service
    from service.demo.journey import travel
    from service.demo.report import print_report
    from service.demo.town import found_towns, profile_of

    console.print("Starting PostgreSQL and the service…")
    with open_runtime(Settings(data_dir=data_dir)) as runtime:  # until the service is down: it shares the database
        staff = found_towns(runtime, CameraProfile() if own else profile_of(CameraModel()))
        with running_service(data_dir, model, port or _free_port()) as base_url:
            report = travel(base_url, staff, drive, total, console, sheets)
            print_report(report, console)
            if sheets:
                console.print(f"The crews' sheets to print: {sheets}")
            if stay:
                _stay(f"{base_url}/sign-in/link?token={staff.sign_in_link}", console)
    return report


def _stay(link: str, console: "Console") -> None:
    console.print(f"Signed in, once: {link}\nCtrl-C ends the service and removes the demo's data.", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _refuse(message: str) -> typer.Exit:
    typer.echo(f"rasid demo: {message}", err=True)
    return typer.Exit(2)
