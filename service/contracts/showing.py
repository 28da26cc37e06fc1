"""Turns rows and values of contracts into what callers get."""

from datetime import datetime

from datasets.taxonomy import Unit as UnitOfWork
from service.contracts.charging import Cost
from service.contracts.ledger import Entry
from service.contracts.models import Charge, Contract, Contractor, PenaltyRule, PriceItem
from service.contracts.money import to_sar
from service.contracts.schemas import (
    ChargeOut,
    ConsideredOut,
    ContractDetail,
    ContractorOut,
    ContractOut,
    CostOut,
    EntryOut,
    PenaltyOut,
    PriceOut,
)
from service.contracts.statement_schemas import ClassOut, DurabilityOut, OrderOut, StatementOut, TotalsOut
from service.contracts.statements import Stated
from service.contracts.terms import Price


def contractor_out(row: Contractor) -> ContractorOut:
    return ContractorOut(
        id=row.id, municipality_id=row.municipality_id, registration=row.registration, vat_number=row.vat_number,
        name_en=row.name_en, name_ar=row.name_ar,
    )  # fmt: skip


def contract_out(row: Contract) -> ContractOut:
    return ContractOut(
        id=row.id, municipality_id=row.municipality_id, contractor_id=row.contractor_id, reference=row.reference,
        first_day=row.first_day, last_day=row.last_day, unit_ids=[unit.id for unit in row.units],
        class_keys=row.class_keys, district_ids=row.district_ids,
    )  # fmt: skip


def contract_detail(row: Contract) -> ContractDetail:
    return ContractDetail(
        **contract_out(row).model_dump(),
        contractor=contractor_out(row.contractor),
        service_hours=row.service_hours,
        warranty_days=row.warranty_days,
        vat_percent=row.vat_percent,
        monthly_cap=None if row.monthly_cap_halalas is None else to_sar(row.monthly_cap_halalas),
        monthly_cap_percent=row.monthly_cap_percent,
        penalties_reduce_vat=row.penalties_reduce_vat,
        prices=[price_out(one) for one in row.prices],
        penalties=[penalty_out(one) for one in row.penalties],
    )


def price_out(row: PriceItem | Price) -> PriceOut:
    return PriceOut(
        id=row.id, class_key=row.class_key, size_class=row.size_class, quantity_unit=UnitOfWork(row.quantity_unit),
        unit_price=to_sar(row.price_halalas), minimum_charge=to_sar(row.minimum_halalas), first_day=row.first_day,
        last_day=row.last_day,
    )  # fmt: skip


def penalty_out(row: PenaltyRule) -> PenaltyOut:
    return PenaltyOut(
        id=row.id, kind=row.kind, class_key=row.class_key, percent=row.percent, first_day=row.first_day,
        amount=None if row.amount_halalas is None else to_sar(row.amount_halalas),
        cap=None if row.cap_halalas is None else to_sar(row.cap_halalas), last_day=row.last_day,
    )  # fmt: skip


def charge_out(row: Charge) -> ChargeOut:
    return ChargeOut(
        id=row.id, work_order_id=row.work_order_id, unit_id=row.unit_id, class_key=row.class_key, kind=row.kind,
        event_id=row.event_id, at=row.at, quantity=row.quantity, quantity_unit=UnitOfWork(row.quantity_unit),
        amount=to_sar(row.amount_halalas), reason=row.reason, correction=row.correction,
    )  # fmt: skip


def entry_out(line: Entry) -> EntryOut:
    return EntryOut(
        kind=line.kind, reason=line.reason, month=line.month, correction=line.correction, order_id=line.order_id,
        event_id=line.event_id, at=line.at, class_key=line.class_key, unit_id=line.unit_id, quantity=line.quantity,
        quantity_unit=line.quantity_unit, amount=to_sar(line.amount_halalas), hours=line.hours,
        unit_price=None if line.price_halalas is None else to_sar(line.price_halalas), lasted_days=line.lasted_days,
    )  # fmt: skip


def cost_out(order_id: int, cost: Cost) -> CostOut:
    return CostOut(
        work_order_id=order_id,
        amount=to_sar(cost.amount_halalas),
        expected=None if cost.expected_halalas is None else to_sar(cost.expected_halalas),
        contract_id=cost.contract_id,
        price=price_out(cost.price) if cost.price else None,
        quantity=cost.quantity,
        measured=cost.measured,
        lines=[entry_out(line) for line in cost.entries],
        considered=[
            ConsideredOut(contract_id=one.contract_id, reference=one.reference, why_not=one.why_not)
            for one in cost.considered
        ],
    )


def statement_out(contract_id: int, stated: Stated) -> StatementOut:
    statement, totals = stated.statement, stated.statement.totals
    issued_at: datetime | None = stated.issued.issued_at if stated.issued else None
    return StatementOut(
        contract_id=contract_id,
        reference=statement.header.reference,
        contractor_en=statement.header.contractor_en,
        contractor_ar=statement.header.contractor_ar,
        month=statement.month,
        from_at=statement.from_at,
        until_at=statement.until_at,
        state="issued" if stated.issued else "draft",
        issued_at=issued_at,
        sha256=stated.sha256,
        totals=TotalsOut(
            works=to_sar(totals.works_halalas), penalties=to_sar(totals.penalties_halalas),
            vat_percent=statement.terms.vat_percent, vat=to_sar(totals.vat_halalas),
            total=to_sar(totals.total_halalas),
        ),
        classes=[
            ClassOut(class_key=one.class_key, quantity_unit=one.quantity_unit, repairs=one.repairs,
                     quantity=one.quantity, works=to_sar(one.works_halalas))
            for one in statement.classes
        ],
        orders=[
            OrderOut(order_id=one.order_id, class_key=one.class_key, size_class=one.size_class,
                     district_id=one.district_id, unit_id=one.unit_id, opened_at=one.opened_at, due_at=one.due_at,
                     done_at=one.done_at, closed_at=one.closed_at, quantity=one.quantity,
                     quantity_unit=one.quantity_unit, works=to_sar(one.works_halalas),
                     penalties=to_sar(one.penalties_halalas))
            for one in statement.orders
        ],
        lines=[entry_out(line) for line in statement.lines],
        durability=[DurabilityOut.model_validate(one) for one in statement.durability],
    )  # fmt: skip
