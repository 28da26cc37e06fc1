"""`rasid contract`: companies, contracts, prices and penalties, what orders cost, and the monthly statement."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.core.commands import DataDir, Json, in_transaction, parsed_file, print_json, refuse

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.contracts.models import Contract
    from service.contracts.statements import Stated

Reference = Annotated[str, typer.Argument(help="Reference of the contract.")]
Place = Annotated[str | None, typer.Option("--municipality", help="Its key, where two have that reference.")]
Body = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, the body of the API's request.")]


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"
    PDF = "pdf"
    XLSX = "xlsx"


contract = typer.Typer(help="Contractors, prices, penalties and monthly statements.", no_args_is_help=True)


@contract.command()
def contractor(file: Body, data_dir: DataDir = None) -> None:
    """Register a company, from the body of POST /api/v1/contractors.

    Example: rasid contract contractor company.json
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.schemas import ContractorIn
    from service.contracts.service import create_contractor
    from service.core.clock import utc_now

    data = parsed_file(ContractorIn, file)
    with in_transaction(data_dir) as (session, _):
        made = create_contractor(session, SYSTEM_CALLER, data, utc_now())
        typer.echo(f"{made.registration}: id {made.id}")


@contract.command()
def create(file: Body, data_dir: DataDir = None) -> None:
    """Make a contract with its prices and penalties, from the body of POST /api/v1/contracts.

    Example: rasid contract create asphalt-2026.json, which docs/operating.md shows
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.schemas import ContractIn
    from service.contracts.service import create_contract
    from service.core.clock import utc_now

    data = parsed_file(ContractIn, file)
    with in_transaction(data_dir) as (session, _):
        made = create_contract(session, SYSTEM_CALLER, data, utc_now())
        typer.echo(f"{made.reference}: id {made.id}")


@contract.command()
def price(reference: Reference, file: Body, municipality: Place = None, data_dir: DataDir = None) -> None:
    """Add a price, from the body of POST /api/v1/contracts/{id}/prices; the one open till then ends the day before.

    Example: rasid contract price DMM-2026-17 pothole-2027.json
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.schemas import PriceIn
    from service.contracts.service import add_price
    from service.core.clock import utc_now

    data = parsed_file(PriceIn, file)
    with _contract(reference, municipality, data_dir) as (session, found):
        made = add_price(session, SYSTEM_CALLER, found.id, data, utc_now())
        typer.echo(f"{made.class_key} from {made.first_day}: id {made.id}")


@contract.command()
def penalty(reference: Reference, file: Body, municipality: Place = None, data_dir: DataDir = None) -> None:
    """Add a penalty, from the body of POST /api/v1/contracts/{id}/penalties.

    Example: rasid contract penalty DMM-2026-17 late.json
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.schemas import PenaltyIn
    from service.contracts.service import add_penalty
    from service.core.clock import utc_now

    data = parsed_file(PenaltyIn, file)
    with _contract(reference, municipality, data_dir) as (session, found):
        made = add_penalty(session, SYSTEM_CALLER, found.id, data, utc_now())
        typer.echo(f"{made.kind.value} from {made.first_day}: id {made.id}")


@contract.command("list")
def list_contracts(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the contracts, with period, company and what was last issued; --json: a line for each.

    Example: rasid contract list --json
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.service import visible_contracts
    from service.contracts.statements import list_issued

    with in_transaction(data_dir) as (session, _):
        for found in session.scalars(visible_contracts(SYSTEM_CALLER)):
            issued = [one.month for one in list_issued(session, found)]
            if as_json:
                told = {"id": found.id, "reference": found.reference, "contractor": found.contractor.name_en,
                        "first_day": found.first_day, "last_day": found.last_day, "issued": issued}  # fmt: skip
                print_json(told)
                continue
            typer.echo(f"{found.reference:<24} {found.first_day} to {found.last_day}  {found.contractor.name_en}; "
                       f"issued until {issued[-1] if issued else 'nothing yet'}")  # fmt: skip


@contract.command()
def cost(order_id: Annotated[int, typer.Argument(help="Number of the work order.")], data_dir: DataDir = None) -> None:
    """Tell as JSON what a work order cost, by which contract and price, and why no other contract covers it.

    Example: rasid contract cost 4711
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts.charging import cost_of
    from service.contracts.showing import cost_out
    from service.work_orders.access import get_order

    with in_transaction(data_dir) as (session, _):
        found = cost_of(session, get_order(session, SYSTEM_CALLER, order_id))
        typer.echo(cost_out(order_id, found).model_dump_json(indent=2))


@contract.command()
def charge(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Keep the charges and credits of everything closed or failed until now; the worker does so by itself.

    Example: rasid contract charge --json
    """
    from service.contracts.charging import post_all_charges
    from service.core.clock import utc_now

    with in_transaction(data_dir) as (session, _):
        new = post_all_charges(session, utc_now())
    print_json({"new": new}) if as_json else typer.echo(f"{new:,} new")


@contract.command()
def statement(
    reference: Reference,
    month: Annotated[str, typer.Option(help="Like 2026-03, by the clock of Riyadh.")],
    form: Annotated[Form, typer.Option("--format", help="text and json go to the screen where --out is left out.")] = (
        Form.TEXT
    ),
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="File to write.")] = None,
    language: Annotated[str, typer.Option(help="ar or en, of PDF and Excel.")] = "ar",
    issue: Annotated[bool, typer.Option("--issue", help="Freeze it; later changes come in the next month.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Work the issued one out again; 1 where they differ.")] = False,
    municipality: Place = None,
    data_dir: DataDir = None,
) -> None:
    """Draw up, issue or check the statement of a month.

    Example: rasid contract statement DMM-2026-17 --month 2026-03 --format pdf --out march.pdf
    """
    from service.accounts.service import SYSTEM_CALLER
    from service.contracts import statements
    from service.contracts.months import parse_month
    from service.core.clock import utc_now

    try:
        wanted = parse_month(month)
    except ValueError as error:
        refuse(str(error))
    if form in (Form.PDF, Form.XLSX) and out is None:
        refuse(f"expected --out FILE for {form.value}, got none")
    with _contract(reference, municipality, data_dir) as (session, found):
        if check:
            _tell_check(statements.check(session, SYSTEM_CALLER, found.id, wanted))
            return
        draw = statements.issue if issue else statements.statement_of
        stated = draw(session, SYSTEM_CALLER, found.id, wanted, utc_now())
        content = _content(session, found.id, stated, form, language)
    if out is None:
        sys.stdout.write(content.decode())
    else:
        out.write_bytes(content)
        typer.echo(f"{out}: {len(content):,} bytes", err=True)


def _content(session: "Session", contract_id: int, stated: "Stated", form: Form, language: str) -> bytes:
    from service.contracts.sheets import statement_xlsx
    from service.contracts.showing import statement_out
    from service.contracts.statement_paper import statement_pdf
    from service.contracts.statements import place_names
    from service.core.i18n import Language

    if language not in set(Language):
        refuse(f"expected ar or en, got {language!r}")
    match form:
        case Form.PDF:
            return statement_pdf(stated, Language(language))
        case Form.XLSX:
            return statement_xlsx(stated, Language(language), place_names(session, stated.statement))
        case Form.JSON:
            return statement_out(contract_id, stated).model_dump_json(indent=2).encode() + b"\n"
    return _text(stated).encode()


def _text(stated: "Stated") -> str:
    from service.contracts.statement_words import Words, number_text, sar_text
    from service.core.i18n import Language

    words, shown, totals = Words(Language.ENGLISH), stated.statement, stated.statement.totals
    state = "issued" if stated.issued else "draft"
    rows = [f"{shown.header.reference}, {shown.header.contractor_en}, {shown.month}: {state} {stated.sha256[:12]}"]
    for one in shown.classes:
        quantity = f"{number_text(one.quantity)} {one.quantity_unit}"
        rows.append(f"  {one.class_key:<22} {one.repairs:>6} repairs {quantity:>14} {sar_text(one.works_halalas):>16}")
    for line in shown.lines:
        if not line.kind.of_works or line.correction:
            reason = words.reason(line.reason, line.hours, line.lasted_days)
            which = f" (correction of {line.month})" if line.correction else ""
            rows.append(f"  order {line.order_id or '-'}: {reason}{which}, {sar_text(line.amount_halalas)}")
    for name in ("works", "vat", "penalties", "total"):
        rows.append(f"{name:<12} {sar_text(getattr(totals, f'{name}_halalas')):>18} SAR")
    return "\n".join(rows) + "\n"


def _tell_check(found: Any) -> None:
    if found.same:
        typer.echo(f"the events give the same statement: {found.sha256_issued}")
        return
    for name, lines in (("issued, not given by the events", found.missing), ("not issued", found.unexpected)):
        for line in lines:
            typer.echo(f"{name}: {line.key} {line.amount_halalas} halalas")
    typer.echo(f"expected {found.sha256_issued}, the events give {found.sha256_again}", err=True)
    raise typer.Exit(1)


@contextmanager
def _contract(reference: str, municipality: str | None, data_dir: Path | None) -> "Iterator[tuple[Session, Contract]]":
    from service.contracts.service import find_contract

    with in_transaction(data_dir) as (session, _):
        yield session, find_contract(session, reference, municipality)
