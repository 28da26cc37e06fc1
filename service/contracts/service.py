"""Companies and the contracts with them: who sees them, and how they are made, given new prices and ended."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, false, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.accounts.caller import Caller, visible
from service.accounts.districts import others_than_in_use
from service.accounts.models import Municipality
from service.accounts.permissions import Permission, Role
from service.contracts.models import Contract, Contractor, PenaltyRule, PriceItem, contract_unit
from service.contracts.schemas import ContractIn, ContractorIn, PenaltyIn, PriceIn
from service.contracts.terms import overlap
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit
from service.work_orders.models import Unit

Item = TypeVar("Item", PriceItem, PenaltyRule)


def visible_contractors(caller: Caller) -> Select[Contractor]:
    """Those of the caller's municipalities; a unit's user sees the company that the unit works for."""
    statement = visible(select(Contractor), Contractor.municipality_id, caller)
    return statement.where(_of_unit(Contractor.id, caller)) if caller.role is Role.UNIT else statement


def visible_contracts(caller: Caller) -> Select[Contract]:
    """Those of the caller's municipalities; a unit's user sees those of the company that the unit works for."""
    statement = visible(select(Contract), Contract.municipality_id, caller)
    return statement.where(_of_unit(Contract.contractor_id, caller)) if caller.role is Role.UNIT else statement


def get_contract(session: Session, caller: Caller, contract_id: int) -> Contract:
    permit(caller, {Permission.VIEW_CONTRACTS})
    found = session.scalar(visible_contracts(caller).where(Contract.id == contract_id))
    if found is None:
        raise NotFound("contract.unknown", f"expected a contract that you may see, got id {contract_id}")
    return found


def find_contract(session: Session, reference: str, municipality: str | None = None) -> Contract:
    """By its reference; with the municipality's key where two have one of that reference."""
    own = select(Contract).join(Municipality).where(Contract.reference == reference)
    own = own.where(Municipality.key == municipality) if municipality else own
    found = session.scalars(own).all()
    if len(found) != 1:
        known = ", ".join(session.scalars(select(Contract.reference).order_by(Contract.reference).limit(20))) or "none"
        expected = "the municipality too, several have it" if found else f"the reference of a contract ({known})"
        raise NotFound("contract.unknown", f"expected {expected}, got {reference!r}")
    return found[0]


def create_contractor(session: Session, caller: Caller, data: ContractorIn, now: datetime) -> Contractor:
    """The company of that registration; the same request again returns it, other names are a Conflict."""
    _lock_municipality(session, caller, data.municipality_id)
    values = data.model_dump()
    same = {"municipality_id": data.municipality_id, "registration": data.registration}
    made = session.scalar(insert(Contractor).values(values).on_conflict_do_nothing().returning(Contractor.id))
    found = session.scalars(select(Contractor).filter_by(**same)).one()
    if made is not None:
        _record(session, caller, "contractor", found.id, found.municipality_id, "create", now, values)
    elif any(getattr(found, key) != value for key, value in values.items()):
        raise Conflict("contractor.exists", f"expected a new registration, {data.registration} is contractor "
                       f"{found.id}; change that with PUT", contractor_id=found.id)  # fmt: skip
    return found


def change_contractor(
    session: Session, caller: Caller, contractor_id: int, names: dict[str, str | None], now: datetime
) -> Contractor:
    """Names and VAT number; statements that were issued keep the old ones."""
    permit(caller, {Permission.MANAGE_CONTRACTS})
    found = session.scalar(visible_contractors(caller).where(Contractor.id == contractor_id).with_for_update())
    if found is None:
        raise NotFound("contractor.unknown", f"expected a contractor of your municipalities, got id {contractor_id}")
    if any(getattr(found, key) != value for key, value in names.items()):
        for key, value in names.items():
            setattr(found, key, value)
        _record(session, caller, "contractor", found.id, found.municipality_id, "change", now, dict(names))
    return found


def create_contract(session: Session, caller: Caller, data: ContractIn, now: datetime) -> Contract:
    """The contract of that reference with its prices and penalties; the same request again returns it.

    Raises Conflict where another contract covers a unit's class in the same place and period: of two contracts for
    one piece of work nobody could say which pays.
    """
    _lock_municipality(session, caller, data.municipality_id)
    found = session.scalar(
        select(Contract).where(Contract.municipality_id == data.municipality_id, Contract.reference == data.reference)
    )
    if found:
        return _same(found, data)
    contractor = session.get(Contractor, data.contractor_id)
    if contractor is None or contractor.municipality_id != data.municipality_id:
        raise Unprocessable("contract.contractor", f"expected a contractor of municipality {data.municipality_id}, "
                            f"got id {data.contractor_id}")  # fmt: skip
    if others := others_than_in_use(session, data.municipality_id, data.district_ids):
        raise Unprocessable("contract.district", f"expected districts in use of municipality {data.municipality_id}, "
                            f"got ids {others}")  # fmt: skip
    contract = Contract(**data.columns(), units=_units(session, data), penalties_reduce_vat=data.penalties_reduce_vat)
    _refuse_overlap(session, contract)
    session.add(contract)
    session.flush()
    _record(session, caller, "contract", contract.id, contract.municipality_id, "create", now, _plain(data))
    for price in data.prices:
        add_price(session, caller, contract.id, price, now)
    for penalty in data.penalties:
        add_penalty(session, caller, contract.id, penalty, now)
    session.refresh(contract)
    return contract


def end_contract(
    session: Session, caller: Caller, contract_id: int, last_day: date, reason: str, now: datetime
) -> Contract:
    """Ends it earlier than signed; work done until then stays covered."""
    contract = _lock(session, caller, contract_id)
    if not contract.first_day <= last_day <= contract.last_day:
        raise Unprocessable("contract.end", f"expected a day from {contract.first_day} to {contract.last_day}, "
                            f"got {last_day}; make a new contract to go on longer")  # fmt: skip
    if last_day != contract.last_day:
        data = {"before": str(contract.last_day), "last_day": str(last_day), "reason": reason}
        contract.last_day, contract.charged_until = last_day, None
        _record(session, caller, "contract", contract.id, contract.municipality_id, "end", now, data)
    return contract


def add_price(session: Session, caller: Caller, contract_id: int, data: PriceIn, now: datetime) -> PriceItem:
    """From its first day on; the price that was open till then ends the day before. The same price again changes
    nothing. A price of days gone by changes what was charged: the next statement has the difference."""
    contract = _lock(session, caller, contract_id)
    same = (PriceItem.class_key == data.class_key, _is(PriceItem.size_class, data.size_class))
    item = PriceItem(contract_id=contract.id, **data.columns())
    return _add(session, caller, contract, item, same, now)


def add_penalty(session: Session, caller: Caller, contract_id: int, data: PenaltyIn, now: datetime) -> PenaltyRule:
    """As `add_price`."""
    contract = _lock(session, caller, contract_id)
    same = (PenaltyRule.kind == data.kind, _is(PenaltyRule.class_key, data.class_key))
    rule = PenaltyRule(contract_id=contract.id, **data.columns())
    return _add(session, caller, contract, rule, same, now)


def _add(
    session: Session, caller: Caller, contract: Contract, item: Item, same: Sequence[ColumnElement[bool]], now: datetime
) -> Item:
    kind = type(item)
    others = session.scalars(select(kind).where(kind.contract_id == contract.id, *same).order_by(kind.first_day)).all()
    for other in others:
        if _values(other) == _values(item):
            return other
        if overlap(other, item):
            _end_before(other, item)
    session.add(item)
    session.flush()
    contract.charged_until = None
    data = {key: value for key, value in _values(item).items() if value is not None} | {"id": item.id}
    action = "add_price" if isinstance(item, PriceItem) else "add_penalty"
    _record(session, caller, "contract", contract.id, contract.municipality_id, action, now, data)
    session.expire(contract, ["prices", "penalties"])
    return item


def _end_before(other: PriceItem | PenaltyRule, item: PriceItem | PenaltyRule) -> None:
    if other.last_day is not None or other.first_day >= item.first_day:
        raise Conflict("contract.terms_overlap", f"expected days that no other entry has, entry {other.id} holds from "
                       f"{other.first_day} to {other.last_day or 'further notice'}; begin after it")  # fmt: skip
    other.last_day = item.first_day - timedelta(days=1)


def _values(item: PriceItem | PenaltyRule) -> JsonObject:
    skipped = {"id", "contract_id"}
    columns = [column.key for column in type(item).__table__.columns if column.key not in skipped]
    return {key: _text(getattr(item, key)) for key in columns}


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def _same(found: Contract, data: ContractIn) -> Contract:
    """Prices may have been added since; the rest must be what was asked for, but for an end before its time."""
    columns = data.columns()
    ended = columns.pop("last_day")
    units = sorted(unit.id for unit in found.units)
    differs = [key for key, value in columns.items() if getattr(found, key) != value]
    if differs or units != sorted(set(data.unit_ids)) or found.last_day > ended:
        raise Conflict("contract.exists", f"expected a new reference, {data.reference!r} is contract {found.id} with "
                       f"other terms ({', '.join(differs) or 'units or period'})", contract_id=found.id)  # fmt: skip
    return found


def _units(session: Session, data: ContractIn) -> list[Unit]:
    ids = sorted(set(data.unit_ids))
    units = session.scalars(select(Unit).where(Unit.id.in_(ids), Unit.municipality_id == data.municipality_id)).all()
    if len(units) != len(ids):
        raise Unprocessable("contract.unit", f"expected units of municipality {data.municipality_id}, got ids {ids}")
    return list(units)


def _refuse_overlap(session: Session, contract: Contract) -> None:
    units = {unit.id for unit in contract.units}
    others = select(Contract).join(contract_unit).where(contract_unit.c.unit_id.in_(units)).distinct()
    for other in session.scalars(others.order_by(Contract.id)):
        if overlap(other, contract) and _meet(other.class_keys, contract.class_keys) and _meet(
            other.district_ids, contract.district_ids
        ):  # fmt: skip
            raise Conflict("contract.overlap", f"expected units, classes, districts and days of which no contract has "
                           f"all, {other.reference!r} (id {other.id}) has; end that or part them")  # fmt: skip


def _meet(one: Sequence[object], other: Sequence[object]) -> bool:
    """Empty stands for all."""
    return not one or not other or bool({*one} & {*other})


def _of_unit(contractor_id: Any, caller: Caller) -> ColumnElement[bool]:
    if caller.unit_id is None:
        return false()
    own = select(Contract.contractor_id).join(contract_unit).where(contract_unit.c.unit_id == caller.unit_id)
    found: ColumnElement[bool] = contractor_id.in_(own.scalar_subquery())
    return found


def _is(column: Any, value: str | None) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.is_(None) if value is None else column == value
    return found


def _lock(session: Session, caller: Caller, contract_id: int) -> Contract:
    permit(caller, {Permission.MANAGE_CONTRACTS})
    contract = get_contract(session, caller, contract_id)
    session.refresh(contract, with_for_update=True)
    return contract


def _lock_municipality(session: Session, caller: Caller, municipality_id: int) -> None:
    """One contract at a time is made in a municipality, so that no two of them overlap."""
    permit(caller, {Permission.MANAGE_CONTRACTS})
    own = select(Municipality.id).where(Municipality.id == municipality_id).with_for_update()
    if not caller.sees(municipality_id) or session.scalar(own) is None:
        raise NotFound("municipality.unknown", f"expected a municipality of yours, got id {municipality_id}")


def _plain(data: ContractIn) -> JsonObject:
    plain: JsonObject = data.model_dump(mode="json", exclude={"prices", "penalties"})
    return plain


def _record(
    session: Session, caller: Caller, kind: str, subject_id: int, municipality_id: int, action: str, now: datetime,
    data: JsonObject,
) -> None:  # fmt: skip
    record(
        session, at=now, actor=caller.actor, subject_kind=kind, subject_id=subject_id, action=action,
        municipality_id=municipality_id, data=data,
    )  # fmt: skip
