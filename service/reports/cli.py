"""`rasid reports`: keys of programs, exchange with other endpoints, and what else runs by itself, by hand."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from service.core.commands import DataDir, Json, opened

reports = typer.Typer(help="Citizens' reports: Open311 keys, exchange with other endpoints.", no_args_is_help=True)


@reports.command()
def key(
    name: Annotated[str, typer.Argument(help="Of the program, as people call it.")],
    municipality: Annotated[str | None, typer.Option(help="Key of the municipality; else all of them.")] = None,
    notice_url: Annotated[str | None, typer.Option(help="Told of every step of its reports, signed.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an api_key with which a program writes reports through Open311; it is shown this once.

    Example: rasid reports key "the city's app" --municipality dammam
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.addresses import read_target
    from service.core.clock import utc_now
    from service.reports.keys import make_key
    from service.reports.signing import notice_secret, secret_of, shown_secret

    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        if notice_url:
            read_target(notice_url, runtime.settings.private_hosts)
        owner = find_municipality(session, municipality).id if municipality else None
        made, secret = make_key(session, SYSTEM_CALLER, name, owner, notice_url, utc_now())
        typer.echo(f"api_key {secret}")
        if notice_url:
            typer.echo(f"notices are signed with {shown_secret(notice_secret(secret_of(runtime.settings), made.id))}")


@reports.command()
def sync(
    connection: Annotated[str | None, typer.Option(help="Key of one connection; else all that are active.")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Exchange reports with other Open311 endpoints now; the worker does it every five minutes.

    Example: rasid reports sync --connection centre940
    """
    from service.core.clock import utc_now
    from service.reports.peers import sync_all

    with opened(data_dir) as runtime:
        done = sync_all(runtime, utc_now(), connection)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in done]))
    else:
        for one in done:
            typer.echo(
                f"{one.connection}: {one.pulled} taken, {one.skipped} refused here, {one.posted} posted, "
                f"{one.told} told, {one.followed} followed, {one.refused} refused there"
                + (f"; {one.error}" if one.error else "")
            )
    if not done or any(one.error for one in done):
        typer.echo("rasid reports: no active connection" if not done else "rasid reports: see above", err=True)
        raise typer.Exit(1)


@reports.command()
def notify(data_dir: DataDir = None) -> None:
    """Let reports follow their defects and send what is due; the worker does it every minute.

    Example: rasid reports notify
    """
    from service.core.clock import utc_now
    from service.reports.following import follow_defects
    from service.reports.notices import send_notices

    with opened(data_dir) as runtime:
        moved = follow_defects(runtime, utc_now())
        done = send_notices(runtime, utc_now())
    told = ", ".join(f"{count} {state.value}" for state, count in done.items() if count) or "nothing due"
    typer.echo(f"{moved} reports moved; notices: {told}")
