"""The command `rasid`: running the service and its accounts here, every other room's commands by entry point."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import typer

from service.core.commands import DataDir, in_transaction, opened, parsed, read_json

app = typer.Typer(
    name="rasid",
    help="Rasid (راصد): from a street frame to a closed work order.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="People who sign in.", no_args_is_help=True)
municipalities = typer.Typer(help="Municipalities and their boundaries.", no_args_is_help=True)
vehicles = typer.Typer(help="Survey vehicles and their keys.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(municipalities, name="municipality")
app.add_typer(vehicles, name="vehicle")

Email = Annotated[str, typer.Argument(help="Of an account that exists.")]


class Termination:
    """SIGTERM unwinds, so that what a command started is ended.

    Python drops an exception raised inside a weak reference's callback, and every import runs one: a SIGTERM that
    falls there would be lost. It is remembered, and whoever is about to wait asks once more.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: object) -> None:
        self.asked = True
        sys.exit(143)

    def insist(self) -> None:
        """Exit if that was asked for before."""
        if self.asked:
            sys.exit(143)


TERMINATION = Termination()


def main() -> None:
    signal.signal(signal.SIGTERM, TERMINATION)
    for entry in sorted(entry_points(group="rasid.commands")):
        _attach(entry)
    app()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (RASID_HOST, 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (RASID_PORT, 8000).")] = None,
    data_dir: DataDir = None,
    worker: Annotated[bool, typer.Option(help="Process frames in this process too.")] = True,
) -> None:
    """Run the service: pages, API and (unless --no-worker) a worker, on the embedded or an external PostgreSQL.

    First make an account for yourself: rasid user create you@example.org --role admin
    """
    import uvicorn

    from service.app import create_app

    changes = {"host": host, "port": port, "worker_in_server": worker}
    with opened(data_dir, **changes) as runtime:
        settings = runtime.settings
        typer.echo(f"Rasid on http://{settings.host}:{settings.port} (Ctrl-C ends it)", err=True)
        config = uvicorn.Config(create_app(runtime), host=settings.host, port=settings.port, log_level="warning")
        server = uvicorn.Server(config)
        TERMINATION.insist()
        with suppress(KeyboardInterrupt):  # Ctrl-C has been obeyed by then
            server.run()
        if not server.started:
            raise typer.Exit(3)


@app.command()
def worker(data_dir: DataDir = None) -> None:
    """Process frames until stopped; run as many as you have machines, all on one database.

    Example: RASID_DATABASE_URL=postgresql://rasid@db.example.org/rasid rasid worker
    """
    import asyncio

    from service.jobs import run_worker_until_signalled

    with opened(data_dir) as runtime:
        TERMINATION.insist()
        asyncio.run(run_worker_until_signalled(runtime))


@users.command("create")
def create_user(
    email: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[str, typer.Option(help="admin, supervisor, inspector, unit or centre (the 940 reports centre)")],
    name: Annotated[str, typer.Option(help="Shown beside what they do; the e-mail address if left out.")] = "",
    municipality: Annotated[list[str] | None, typer.Option(help="Key of a municipality; repeat for several.")] = None,
    unit: Annotated[str | None, typer.Option(help="Key of the unit, for the role unit.")] = None,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="RASID_NEW_PASSWORD", help="Better not here."
        ),
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Make an account. The password is asked for, or read from RASID_NEW_PASSWORD; there is no default.

    Example: rasid user create sara@example.org --role inspector --municipality dammam
    """
    from service.accounts.schemas import UserIn
    from service.accounts.service import SYSTEM_CALLER, find_municipality, record_account
    from service.accounts.service import create_user as create
    from service.core.clock import utc_now
    from service.work_orders.operations import find_unit

    with in_transaction(data_dir) as (session, _):
        places = [find_municipality(session, key) for key in municipality or []]
        data = parsed(
            UserIn,
            email=email,
            name=name or email,
            password=password,
            role=role,
            municipality_ids=[place.id for place in places],
            unit_id=find_unit(session, places[0].id, unit).id if unit and places else None,
        )
        user = create(session, data)
        record_account(session, SYSTEM_CALLER, user, "create", utc_now())
        typer.echo(f"{user.email}: {user.role.value}")


@users.command()
def deactivate(email: Email, data_dir: DataDir = None) -> None:
    """Let nobody in as this user any more: every token, session and link of theirs ends at once.

    Example: rasid user deactivate sara@example.org
    """
    _set_active(email, False, data_dir)


@users.command()
def activate(email: Email, data_dir: DataDir = None) -> None:
    """Let a user in again, with the password of before.

    Example: rasid user activate sara@example.org
    """
    _set_active(email, True, data_dir)


@users.command("link")
def make_sign_in_link(
    email: Email,
    base_url: Annotated[
        str, typer.Option(help="Address under which people reach the service.")
    ] = "http://127.0.0.1:8000",
    hours: Annotated[float, typer.Option(min=0.01, max=72, help="How long the link is good.")] = 1,
    data_dir: DataDir = None,
) -> None:
    """Print an address that signs the user in, once.

    Example: rasid user link sara@example.org --base-url https://rasid.example.org --hours 24
    """
    from service.accounts.service import find_user, issue_token
    from service.core.clock import utc_now

    with in_transaction(data_dir) as (session, _):
        user = find_user(session, email)
        secret = issue_token(session, user, utc_now() + timedelta(hours=hours), sign_in_link=True)
        typer.echo(f"{base_url.rstrip('/')}/sign-in/link?token={secret}")


@municipalities.command("create")
def create_municipality(
    key: Annotated[str, typer.Argument(help="Short name for addresses and commands, such as dammam.")],
    name_en: Annotated[str, typer.Option(help="English name.")],
    name_ar: Annotated[str, typer.Option(help="Arabic name.")],
    boundary: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="GeoJSON, WGS 84.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a municipality with the usual units, routing and service levels, which can be changed afterwards.

    Example: rasid municipality create dammam --name-en Dammam --name-ar الدمام --boundary dammam.geojson
    """
    from service.accounts.schemas import MunicipalityIn
    from service.work_orders.operations import create_municipality as create

    shape = read_json(boundary) if boundary else None
    with in_transaction(data_dir) as (session, _):
        made = create(session, parsed(MunicipalityIn, key=key, name_en=name_en, name_ar=name_ar, boundary=shape))
        typer.echo(f"{made.key}: id {made.id}")


@vehicles.command("create")
def create_vehicle(
    name: Annotated[str, typer.Argument(help="As people call it.")],
    municipality: Annotated[str, typer.Option(help="Key of the municipality that owns it.")],
    height_m: Annotated[float | None, typer.Option(help="Camera's lens above the road.")] = None,
    pitch_deg: Annotated[float | None, typer.Option(help="Camera's tilt, downwards positive.")] = None,
    yaw_deg: Annotated[float, typer.Option(help="Camera's turn, clockwise from straight ahead.")] = 0,
    hfov_deg: Annotated[float | None, typer.Option(help="Camera's horizontal field of view.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Register a survey vehicle and print its key, this once.

    Without the camera's height, tilt and field of view, defects are placed at the vehicle's own position.
    Example: rasid vehicle create "Vehicle 7" --municipality dammam --height-m 1.9 --pitch-deg 8 --hfov-deg 78
    """
    from service.accounts.schemas import VehicleIn
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.accounts.service import create_vehicle as create
    from service.core.clock import utc_now

    camera = {"height_m": height_m, "pitch_deg": pitch_deg, "yaw_deg": yaw_deg, "hfov_deg": hfov_deg}
    with in_transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        data = parsed(VehicleIn, municipality_id=place.id, name=name, camera=camera)
        _, key = create(session, SYSTEM_CALLER, data, utc_now())
        typer.echo(key)


def _attach(entry: EntryPoint) -> None:
    """Adds another room's command; a room whose extra is not installed says which one it needs when it is called."""
    try:
        command = entry.load()
    except ModuleNotFoundError as error:
        app.command(entry.name, help=f"Needs the extra that brings {error.name}.")(_missing(entry.name, error))
        return
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=entry.name)
    else:
        app.command(entry.name)(command)


def _set_active(email: str, active: bool, data_dir: Path | None) -> None:
    from service.accounts.service import SYSTEM_CALLER, find_user, set_active
    from service.core.clock import utc_now

    with in_transaction(data_dir) as (session, _):
        user = set_active(session, SYSTEM_CALLER, find_user(session, email).id, active, utc_now())
        typer.echo(f"{user.email}: {'active' if user.active else 'not active'}")


def _missing(name: str, error: ModuleNotFoundError) -> Callable[[], None]:
    def explain() -> None:
        typer.echo(f"rasid {name}: expected the Python package {error.name}; pip install 'rasid[train]'", err=True)
        raise typer.Exit(2)

    return explain
