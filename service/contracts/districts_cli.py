"""`rasid districts end`, beside the other commands on districts: contracts may name what it ends."""

from dataclasses import asdict
from typing import Annotated

import typer

from service.work_orders.cli import DataDir, Json, Place, as_json_line, districts, transaction

__all__ = ["districts"]


@districts.command()
def end(
    key: Annotated[str, typer.Argument(help="Key of the district, as in `rasid districts list`.")],
    municipality: Place,
    reason: Annotated[str, typer.Option(help="Why; kept with the event.")],
    even_if_used: Annotated[
        bool, typer.Option("--even-if-used", help="Although routing rules or contracts name it.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Place no more work in a district; orders that are over keep it, others go to the district that covers them.

    Refused while routing rules in force or running contracts name it. Import it again to have it back.

    Example: rasid districts end old_port --municipality dammam --reason "joined with al_shati"
    """
    from sqlalchemy import select

    from service.accounts.models import District
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.contracts.districts import end as end_district
    from service.core.clock import utc_now
    from service.core.errors import NotFound

    with transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        found = session.scalar(select(District.id).where(District.municipality_id == place.id, District.key == key))
        if found is None:
            raise NotFound("district.unknown", f"expected a district of {municipality}, got {key!r}; list them")
        done = end_district(session, SYSTEM_CALLER, found, reason, utc_now(), even_if_used=even_if_used)
        told = {"key": key, "ended_at": done.district.ended_at, "orders_moved": done.orders_moved, **asdict(done.uses)}
    if as_json:
        as_json_line(told)
        return
    typer.echo(f"{key}: ended; {done.orders_moved:,} orders moved")
    for rule in done.uses.routing_rules:
        typer.echo(f"  routing rule {rule} names it in vain")
    for reference in done.uses.contracts:
        typer.echo(f"  contract {reference} names it in vain")
