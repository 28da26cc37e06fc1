"""Monthly statements: drawn up as often as asked, issued once and in order, checked against the events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from service.accounts.caller import Caller
from service.accounts.models import District
from service.accounts.permissions import Permission
from service.contracts.basis import basis_of
from service.contracts.charging import post_charges
from service.contracts.facts import header_of, last_event_id, last_looks, terms_of
from service.contracts.ledger import Entry
from service.contracts.models import Contract, ContractStatement
from service.contracts.months import Month, month_of
from service.contracts.service import get_contract
from service.contracts.statement import Statement, again, build_statement, from_text, hash_of, to_text
from service.core.errors import Conflict, Unprocessable
from service.core.events import record
from service.defects.access import permit
from service.work_orders.models import Unit

GRACE = timedelta(hours=1)  # what began in the month has been committed by then


@dataclass(frozen=True)
class Stated:
    """A month's statement: as it would be issued now, or as it was."""

    statement: Statement
    sha256: str
    issued: ContractStatement | None


@dataclass(frozen=True)
class PlaceNames:
    """English and Arabic names as they are now, by id."""

    units: Mapping[int, tuple[str, str]]
    districts: Mapping[int, tuple[str, str]]


@dataclass(frozen=True)
class Check:
    """Whether the events still give what was issued; the lines that they give more, or no longer."""

    same: bool
    sha256_issued: str
    sha256_again: str
    missing: tuple[Entry, ...]
    unexpected: tuple[Entry, ...]


def statement_of(session: Session, caller: Caller, contract_id: int, month: Month, now: datetime) -> Stated:
    """The issued one; else a draft from the events until now."""
    contract = get_contract(session, caller, contract_id)
    _check_month(contract, month, now)
    issued = find_issued(session, contract, month)
    if issued:
        return Stated(from_text(issued.content), issued.sha256, issued)
    draft = _draft(session, contract, month, now)
    return Stated(draft, hash_of(to_text(draft)), None)


def place_names(session: Session, statement: Statement) -> PlaceNames:
    """Of the units and districts that its orders name."""

    def names(table: type[Unit | District], ids: set[int | None]) -> dict[int, tuple[str, str]]:
        rows = session.execute(select(table.id, table.name_en, table.name_ar).where(table.id.in_(ids - {None})))
        return {row.id: (row.name_en, row.name_ar) for row in rows}

    return PlaceNames(
        names(Unit, {one.unit_id for one in statement.orders}),
        names(District, {one.district_id for one in statement.orders}),
    )


def issue(session: Session, caller: Caller, contract_id: int, month: Month, now: datetime) -> Stated:
    """Freezes the month; the same request again returns what was issued. Charges until now are kept with it.

    Raises Conflict before the month has ended, and while the month before it is not issued.
    """
    permit(caller, {Permission.MANAGE_CONTRACTS})
    contract = get_contract(session, caller, contract_id)
    _check_month(contract, month, now)
    post_charges(session, contract, now)  # locks the contract, so that of two requests the second finds it issued
    issued = find_issued(session, contract, month)
    if issued:
        return Stated(from_text(issued.content), issued.sha256, issued)
    if now < month.end + GRACE:
        raise Conflict("statement.early", f"expected a month that has ended by {now - GRACE:%Y-%m-%d %H:%M} UTC, "
                       f"{month} ends {month.end:%Y-%m-%d %H:%M}; look at the draft until then")  # fmt: skip
    if month > month_of(contract.first_day) and find_issued(session, contract, month.before) is None:
        raise Conflict("statement.order", f"expected {month.before} to be issued first, it is a draft; issue that")
    draft = _draft(session, contract, month, now)
    return _freeze(session, caller, contract, draft, now)


def check(session: Session, caller: Caller, contract_id: int, month: Month) -> Check:
    """Works an issued statement out again from the events. Raises Conflict for one that was not issued."""
    contract = get_contract(session, caller, contract_id)
    issued = find_issued(session, contract, month)
    if issued is None:
        raise Conflict("statement.draft", f"expected an issued statement, {month} is a draft; issue it first")
    frozen = from_text(issued.content)
    basis = basis_of(session, contract, month, frozen.terms)
    found = again(frozen, basis.orders, basis.stated, basis.settled)
    lines, others = set(frozen.lines), set(found.lines)
    digest = hash_of(to_text(found))
    missing = tuple(line for line in frozen.lines if line not in others)
    unexpected = tuple(line for line in found.lines if line not in lines)
    return Check(digest == issued.sha256 == hash_of(issued.content), issued.sha256, digest, missing, unexpected)


def find_issued(session: Session, contract: Contract, month: Month) -> ContractStatement | None:
    own = select(ContractStatement).where(ContractStatement.contract_id == contract.id)
    own = own.where(ContractStatement.month == str(month))
    return session.scalar(own.options(undefer(ContractStatement.content)))


def list_issued(session: Session, contract: Contract) -> Sequence[ContractStatement]:
    own = select(ContractStatement).where(ContractStatement.contract_id == contract.id)
    return session.scalars(own.order_by(ContractStatement.month)).all()


def _draft(session: Session, contract: Contract, month: Month, now: datetime) -> Statement:
    terms = terms_of(contract)
    basis = basis_of(session, contract, month, terms)
    looked_at = last_looks(session, basis.recent_ids, month.end)
    through = last_event_id(session, month.end)
    return build_statement(
        header_of(contract), terms, month, basis.orders, basis.stated, looked_at, through, now, basis.settled
    )


def _freeze(session: Session, caller: Caller, contract: Contract, draft: Statement, now: datetime) -> Stated:
    content, totals = to_text(draft), draft.totals
    issued = ContractStatement(
        contract_id=contract.id, month=draft.month, content=content, sha256=hash_of(content),
        works_halalas=totals.works_halalas, penalties_halalas=totals.penalties_halalas,
        vat_halalas=totals.vat_halalas, total_halalas=totals.total_halalas, issued_at=now,
        issued_by_id=caller.actor.id if caller.actor.kind == "user" else None,
    )  # fmt: skip
    session.add(issued)
    data = {"month": draft.month, "sha256": issued.sha256, "total_halalas": totals.total_halalas}
    record(
        session, at=now, actor=caller.actor, subject_kind="contract", subject_id=contract.id, action="issue_statement",
        municipality_id=contract.municipality_id, data=data,
    )  # fmt: skip
    session.flush()
    return Stated(draft, issued.sha256, issued)


def _check_month(contract: Contract, month: Month, now: datetime) -> None:
    """A month after the contract's last is stated too, while repairs can fail or be found good."""
    first, last = month_of(contract.first_day), month_of(now)
    if not first <= month <= last:
        raise Unprocessable("statement.month", f"expected a month from {first} to {last}, got {month}")
