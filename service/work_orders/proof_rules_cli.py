"""`rasid proof`: sets and asks what must be shown of repairs, and reports a repair with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import DataDir, Json, Place, in_transaction, opened, print_json, refuse

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.accounts.caller import Caller
    from service.core.runtime import Runtime
    from service.work_orders.models import ProofRule
    from service.work_orders.proof_rules_api import ProofExplanation

proof = typer.Typer(help="What must be shown of a repair before it counts as done.", no_args_is_help=True)
ClassKey = Annotated[str | None, typer.Option("--class", help="Key of the class; every class if left out.")]
OrderId = Annotated[int, typer.Argument(min=1, help="Number of the work order.")]
Photo = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JPEG, PNG or WebP.")]
By = Annotated[str, typer.Option("--by", help="E-mail address of the user who gives it.")]


@proof.command("set")
def set_rule(
    municipality: Place,
    demand: Annotated[list[str] | None, typer.Option(help="photo_before, photo_after or quantity; repeat.")] = None,
    class_key: ClassKey = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Demand this of repairs that are reported from now on; without --demand nothing, and what is missing is a doubt.

    Example: rasid proof set --municipality dammam --class pothole --demand photo_before --demand quantity
    """
    from service.accounts.service import SYSTEM_CALLER, find_municipality
    from service.core.clock import utc_now
    from service.work_orders import proof_rules
    from service.work_orders.demands import Demand

    unknown = sorted(set(demand or ()) - set(Demand))
    if unknown:
        refuse(f"expected {', '.join(Demand)} as a demand, got {', '.join(unknown)}")
    _check_class(class_key)
    demands = [Demand(one) for one in demand or ()]
    with in_transaction(data_dir) as (session, _):
        place = find_municipality(session, municipality)
        told = _told(proof_rules.set_rule(session, SYSTEM_CALLER, place.id, class_key, demands, utc_now()))
    print_json(told) if as_json else typer.echo(_line(told))


@proof.command("rules")
def list_rules(municipality: Place, as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the rules of a municipality and those that all share.

    Example: rasid proof rules --municipality dammam --json
    """
    from sqlalchemy import select

    from service.accounts.service import find_municipality
    from service.work_orders import proof_rules
    from service.work_orders.models import ProofRule

    with in_transaction(data_dir) as (session, _):
        near = proof_rules.shared_or_of(find_municipality(session, municipality).id)
        rules = [_told(row) for row in session.scalars(select(ProofRule).where(near).order_by(ProofRule.id))]
    if as_json:
        print_json(rules)
        return
    for one in rules:
        typer.echo(_line(one))


@proof.command()
def drop(rule_id: Annotated[int, typer.Argument(min=1, help="Number of the rule.")], data_dir: DataDir = None) -> None:
    """Take a rule away; the next most specific one decides.

    Example: rasid proof drop 3
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.core.clock import utc_now
    from service.work_orders import proof_rules

    with in_transaction(data_dir) as (session, _):
        proof_rules.delete_rule(session, SYSTEM_CALLER, rule_id, utc_now())


@proof.command()
def explain(
    municipality: Place,
    class_key: Annotated[str, typer.Option("--class", help="Key of the class, such as pothole.")],
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Say what is demanded of repairs of a class, which rule decides and why the others do not; nothing is changed.

    Example: rasid proof explain --municipality dammam --class pothole
    """
    from service.accounts.service import find_municipality
    from service.work_orders.proof_rules import choose_for
    from service.work_orders.proof_rules_api import explanation

    _check_class(class_key)
    with in_transaction(data_dir) as (session, _):
        told = explanation(choose_for(session, find_municipality(session, municipality).id, class_key))
    typer.echo(told.model_dump_json(indent=2)) if as_json else _tell(told)


@proof.command("photo")
def add_photo(
    order_id: OrderId,
    photo: Photo,
    by: By,
    kind: Annotated[str, typer.Option(help="before or after")],
    note: Annotated[str | None, typer.Option(help="What it shows.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Keep a photo of the place before or after the repair; the same photo again changes nothing.

    Example: rasid proof photo 12 hole.jpg --kind before --by foreman@example.org
    """
    from service.core.clock import utc_now
    from service.work_orders import proofs
    from service.work_orders.models import ProofKind

    if kind not in set(ProofKind):
        refuse(f"expected {' or '.join(ProofKind)}, got {kind!r}")
    with _acting(data_dir, by) as (session, runtime, caller):
        proofs.add_photo(
            session, runtime, caller, order_id, photo=photo.read_bytes(), kind=ProofKind(kind), note=note, now=utc_now()
        )
    typer.echo(f"kept with work order {order_id}")


@proof.command("report")
def report_done(
    order_id: OrderId,
    photo: Photo,
    quantity: Annotated[float, typer.Option(help="Measured on site, in the unit of work of the class.")],
    by: By,
    note: Annotated[str | None, typer.Option(help="For whoever inspects it.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Report a repair done; refused without what the municipality demands. The same photo again does it once.

    Example: rasid proof report 12 mended.jpg --quantity 1.5 --by foreman@example.org
    """
    from service.core.clock import utc_now
    from service.work_orders import proofs

    with _acting(data_dir, by) as (session, runtime, caller):
        order = proofs.report_done(
            session, runtime, caller, order_id, photo=photo.read_bytes(), quantity=quantity, note=note, now=utc_now()
        )
        told = f"work order {order.id}: {order.state.value}, {quantity:g} {order.quantity_unit}"
    typer.echo(told)


@contextmanager
def _acting(data_dir: Path | None, email: str) -> "Iterator[tuple[Session, Runtime, Caller]]":
    """One transaction with the rights of a user, whose the proof is."""
    from service.accounts.caller import caller_of_user
    from service.accounts.service import find_user

    with opened(data_dir) as runtime, runtime.database.transaction() as session:
        user = find_user(session, email)
        if not user.active:
            refuse(f"expected an active account, {user.email} is not")
        yield session, runtime, caller_of_user(user)


def _check_class(class_key: str | None) -> None:
    from datasets.taxonomy import KEYS

    if class_key is not None and class_key not in KEYS:
        refuse(f"expected one of {', '.join(KEYS)}, got {class_key!r}")


def _told(row: "ProofRule") -> dict[str, object]:
    shown = ("id", "municipality_id", "class_key", "demands")
    return {name: getattr(row, name) for name in shown}


def _line(rule: dict[str, object]) -> str:
    scope = f"{rule['class_key'] or 'every class'}{'' if rule['municipality_id'] else ' (shared)'}"
    demands = rule["demands"]
    assert isinstance(demands, list)
    return f"{rule['id']:>5} {scope:<36} {' '.join(demands) or 'nothing'}"


def _tell(told: "ProofExplanation") -> None:
    typer.echo(f"demanded: {', '.join(told.demands) or 'nothing; what is missing is a doubt'}")
    for one in told.considered:
        name = "built in" if one.rule_id is None else f"rule {one.rule_id}"
        typer.echo(f"  {name}: {', '.join(one.demands) or 'nothing'}; {one.why}")
