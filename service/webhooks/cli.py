"""`rasid webhooks`: endpoints and their secrets, what became of messages, a test message, messages again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, in_transaction, opened, parsed, refuse

if TYPE_CHECKING:
    from service.webhooks.models import WebhookEndpoint

Endpoint = Annotated[int, typer.Argument(metavar="WEBHOOK", help="Its number; `rasid webhooks list` shows it.")]
Moment = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], help="UTC, for a replay of a time.")
]

webhooks = typer.Typer(help="Programs that hear of every event.", no_args_is_help=True)


@webhooks.command("list")
def list_webhooks(data_dir: DataDir = None) -> None:
    """Show every endpoint with its state and how many messages wait or were given up.

    Example: rasid webhooks list
    """
    from rich.console import Console
    from rich.table import Table
    from sqlalchemy import func, select

    from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        counted = session.execute(
            select(WebhookDelivery.endpoint_id, WebhookDelivery.state, func.count()).group_by(
                WebhookDelivery.endpoint_id, WebhookDelivery.state
            )
        )
        counts = {(endpoint_id, state): number for endpoint_id, state, number in counted}
        table = Table("id", "municipality", "state", "events", "waiting", "dead", "address", "reason")
        for column in table.columns:
            column.overflow = "fold"
        for row in session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id)):
            numbers = [str(counts.get((row.id, state), 0)) for state in (DeliveryState.WAITING, DeliveryState.DEAD)]
            place = "all" if row.municipality_id is None else str(row.municipality_id)
            table.add_row(
                str(row.id), place, row.state.value, " ".join(row.event_types), *numbers, row.url, row.reason or ""
            )
        Console().print(table)


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(help="https; another where RASID_PRIVATE_HOSTS names the host.")],
    municipality: Annotated[str | None, typer.Option(help="Key of the one whose events; of all if left out.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Type or pattern (work_order.*); all if left out.")] = None,
    description: Annotated[str, typer.Option(help="Whose program it is, for people.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Add an endpoint and print its secret, this once. It hears of events from now on.

    Example: rasid webhooks add https://city.example.org/hook --municipality dammam --event 'work_order.*'
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.webhooks.endpoints import create_endpoint
    from service.webhooks.schemas import WebhookIn

    with in_transaction(data_dir) as (session, runtime):
        place = find_municipality(session, municipality).id if municipality else None
        asked = parsed(WebhookIn, url=url, description=description, event_types=event or ["*"], municipality_id=place)
        made = create_endpoint(session, runtime.settings, SYSTEM_CALLER, **asked.model_dump(), now=utc_now())
        typer.echo(f"{_told(made[0])}\n{made[1]}")


@webhooks.command()
def change(
    webhook: Endpoint,
    url: Annotated[str | None, typer.Option(help="Its new address; messages that wait go there.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Type or pattern, in place of those of before.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Give an endpoint another address or other events; what is left out stays.

    Example: rasid webhooks change 3 --url https://city.example.org/hook
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.endpoints import change_endpoint, find_endpoint
    from service.webhooks.schemas import WebhookChange

    with in_transaction(data_dir) as (session, runtime):
        row = find_endpoint(session, SYSTEM_CALLER, webhook)
        asked = parsed(
            WebhookChange, url=url or row.url, description=row.description, event_types=event or row.event_types
        )
        told = change_endpoint(session, runtime.settings, SYSTEM_CALLER, webhook, **asked.model_dump(), now=utc_now())
        typer.echo(_told(told))


@webhooks.command()
def rotate(
    webhook: Endpoint,
    keep_previous_h: Annotated[
        int, typer.Option(min=0, max=720, help="Hours that older secrets sign too; 0: one leaked.")
    ] = 24,
    data_dir: DataDir = None,
) -> None:
    """Print a new secret, this once; older ones sign beside it for a while.

    Example: rasid webhooks rotate 3 --keep-previous-h 48
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.endpoints import rotate_secret

    with in_transaction(data_dir) as (session, runtime):
        typer.echo(rotate_secret(session, runtime.settings, SYSTEM_CALLER, webhook, keep_previous_h, utc_now())[1])


@webhooks.command()
def pause(webhook: Endpoint, data_dir: DataDir = None) -> None:
    """Send nothing until it is resumed; nothing is lost meanwhile.

    Example: rasid webhooks pause 3
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.endpoints import pause_endpoint

    with in_transaction(data_dir) as (session, _):
        typer.echo(_told(pause_endpoint(session, SYSTEM_CALLER, webhook, utc_now())))


@webhooks.command()
def resume(
    webhook: Endpoint,
    from_now: Annotated[bool, typer.Option("--from-now", help="Pass over what happened meanwhile.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Take a paused or disabled endpoint up again, where it stopped.

    Example: rasid webhooks resume 3
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.endpoints import resume_endpoint

    with in_transaction(data_dir) as (session, _):
        typer.echo(_told(resume_endpoint(session, SYSTEM_CALLER, webhook, from_now=from_now, now=utc_now())))


@webhooks.command()
def remove(webhook: Endpoint, data_dir: DataDir = None) -> None:
    """Remove an endpoint with its secrets and deliveries.

    Example: rasid webhooks remove 3
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.endpoints import delete_endpoint

    with in_transaction(data_dir) as (session, _):
        delete_endpoint(session, SYSTEM_CALLER, webhook, utc_now())
    typer.echo(f"{webhook}: removed")


@webhooks.command()
def deliveries(
    webhook: Endpoint,
    state: Annotated[str | None, typer.Option(help="waiting, delivered, or dead: the dead-letter list.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    data_dir: DataDir = None,
) -> None:
    """List what became of messages, the newest first: number, state, event, attempts, last answer.

    Example: rasid webhooks deliveries 3 --state dead
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.webhooks.endpoints import find_endpoint
    from service.webhooks.models import DeliveryState, WebhookDelivery
    from service.webhooks.replaying import visible_deliveries
    from service.webhooks.schemas import DeliveryOut

    if state is not None and state not in set(DeliveryState):
        refuse(f"expected one of {', '.join(DeliveryState)}, got {state!r}")
    with in_transaction(data_dir) as (session, _):
        find_endpoint(session, SYSTEM_CALLER, webhook)
        own = visible_deliveries(SYSTEM_CALLER).where(WebhookDelivery.endpoint_id == webhook)
        wanted = own.where(WebhookDelivery.state == state) if state else own
        for row in session.scalars(wanted.order_by(WebhookDelivery.id.desc()).limit(limit)):
            one = DeliveryOut.of(row)
            last = one.last_error or one.last_status or "-"
            typer.echo(f"{one.id:>8} {one.state.value:<9} {one.message_id:<12} {one.type:<36} {one.attempts:>2} {last}")


@webhooks.command("test")
def test_webhook(webhook: Endpoint, data_dir: DataDir = None) -> None:
    """Send a test message now and say what came of it; exit code 1 when it was not taken.

    Example: rasid webhooks test 3
    """
    import asyncio

    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.delivering import deliver_due
    from service.webhooks.endpoints import send_test
    from service.webhooks.models import DeliveryState, WebhookDelivery

    with opened(data_dir) as runtime:
        with runtime.database.transaction() as session:
            delivery_id = send_test(session, SYSTEM_CALLER, webhook, utc_now(), by_job=False).id
        asyncio.run(deliver_due(runtime, webhook, only_id=delivery_id))
        with runtime.database.transaction() as session:
            row = session.get_one(WebhookDelivery, delivery_id)
            taken = row.state is DeliveryState.DELIVERED
            typer.echo(f"{row.state.value}: HTTP {row.last_status or '-'} {row.last_error or ''}".strip())
    if not taken:
        raise typer.Exit(1)


@webhooks.command("replay")
def replay(
    webhook: Endpoint,
    dead: Annotated[bool, typer.Option("--dead", help="All messages that were given up.")] = False,
    since: Moment = None,
    until: Moment = None,
    data_dir: DataDir = None,
) -> None:
    """Send messages again: all that were given up, or all of a time. A worker sends them; their ids stay.

    Example: rasid webhooks replay 3 --since 2026-03-04T06:00:00 --until 2026-03-04T09:00:00
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.webhooks.replaying import replay_dead, replay_range

    if dead == (since is not None) or (dead and until):
        refuse("expected either --dead or --since (and --until), got both or neither")
    now = utc_now()
    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        if since:
            first, last = (one.replace(tzinfo=UTC) if one else now for one in (since, until))
            count = replay_range(session, SYSTEM_CALLER, webhook, first, last, now)
        else:
            count = replay_dead(session, SYSTEM_CALLER, webhook, now)
    typer.echo(f"{count} messages will be sent again")


def _told(row: "WebhookEndpoint") -> str:
    return f"{row.id}: {row.state.value}, {' '.join(row.event_types)} to {row.url}"
