"""`rasid webhooks`: which endpoints there are, a test message to one, messages again."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, opened, refuse

if TYPE_CHECKING:
    pass

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
        for row in session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id)):
            numbers = [str(counts.get((row.id, state), 0)) for state in (DeliveryState.WAITING, DeliveryState.DEAD)]
            place = "all" if row.municipality_id is None else str(row.municipality_id)
            table.add_row(
                str(row.id), place, row.state.value, " ".join(row.event_types), *numbers, row.url, row.reason or ""
            )
        Console().print(table)


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
