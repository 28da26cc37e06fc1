"""Who repairs for money, at what prices, and what was charged and stated."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Column, ForeignKey, Index, Numeric, String, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality
from service.contracts.ledger import EntryKind
from service.contracts.terms import PenaltyKind
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.work_orders.models import Unit

PERCENT = Numeric(5, 2)


class Contractor(Base):
    """A company that a municipality has contracts with."""

    __tablename__ = "contractor"
    __table_args__ = (UniqueConstraint("municipality_id", "registration"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    registration: Mapped[str] = mapped_column(String(20))  # commercial registration number
    vat_number: Mapped[str | None] = mapped_column(String(20))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[CreatedAt]


contract_unit = Table(
    "contract_unit",
    Base.metadata,
    Column("contract_id", ForeignKey("contract.id"), primary_key=True),
    Column("unit_id", ForeignKey("unit.id"), primary_key=True, index=True),
)


class Contract(Base):
    """Units of a company for a period, with the terms that their work is paid by."""

    __tablename__ = "contract"
    __table_args__ = (UniqueConstraint("municipality_id", "reference"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    contractor_id: Mapped[int] = mapped_column(ForeignKey("contractor.id"), index=True)
    reference: Mapped[str] = mapped_column(String(60))  # the number on its first page
    first_day: Mapped[date]  # in Riyadh
    last_day: Mapped[date]  # counted too; earlier than signed where it was ended
    class_keys: Mapped[list[str]] = mapped_column(JSONB)  # empty: every class
    district_ids: Mapped[list[int]] = mapped_column(JSONB)  # empty: the whole municipality
    service_hours: Mapped[JsonObject]  # class -> hours from assigned to done; else the order's due time
    warranty_days: Mapped[int | None]  # a repair that fails within is credited; None: whenever it fails
    vat_percent: Mapped[Decimal] = mapped_column(PERCENT)
    monthly_cap_halalas: Mapped[int | None]  # penalties of a month go no higher
    monthly_cap_percent: Mapped[Decimal | None] = mapped_column(PERCENT)  # of the works of that month
    penalties_reduce_vat: Mapped[bool] = mapped_column(default=False)
    charged_until: Mapped[datetime | None]  # closings before this have their charges; None: look at all
    created_at: Mapped[CreatedAt]
    contractor: Mapped[Contractor] = relationship()
    municipality: Mapped[Municipality] = relationship()
    units: Mapped[list[Unit]] = relationship(secondary=contract_unit, order_by=Unit.id)
    prices: Mapped[list["PriceItem"]] = relationship(order_by="PriceItem.id")
    penalties: Mapped[list["PenaltyRule"]] = relationship(order_by="PenaltyRule.id")


class PriceItem(Base):
    """The price of one unit of work of a class."""

    __tablename__ = "price_item"

    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id"), index=True)
    class_key: Mapped[str] = mapped_column(String(40))
    size_class: Mapped[str | None] = mapped_column(String(40))  # None: sizes without a price of their own
    quantity_unit: Mapped[str] = mapped_column(String(8))
    price_halalas: Mapped[int]
    minimum_halalas: Mapped[int]  # of one repair
    first_day: Mapped[date]
    last_day: Mapped[date | None]


class PenaltyRule(Base):
    """What a failure of the contractor costs: an amount or a percentage of the repair's worth, one of them."""

    __tablename__ = "penalty_rule"

    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id"), index=True)
    kind: Mapped[PenaltyKind] = mapped_column(status_column(PenaltyKind, "kind"))
    class_key: Mapped[str | None] = mapped_column(String(40))  # None: classes without a rule of their own
    amount_halalas: Mapped[int | None]
    percent: Mapped[Decimal | None] = mapped_column(PERCENT)
    cap_halalas: Mapped[int | None]  # of one order
    first_day: Mapped[date]
    last_day: Mapped[date | None]


class Charge(Base):
    """What a closing cost, or a failure gave back; append-only: a changed price adds the difference."""

    __tablename__ = "charge"
    __table_args__ = (Index("ix_charge_contract_at", "contract_id", "at"),)

    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id"))
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    kind: Mapped[EntryKind] = mapped_column(status_column(EntryKind, "kind"))  # charge | credit
    key: Mapped[str] = mapped_column(String(80), index=True)  # of the entry: what has one key adds up
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))  # the closing or the failure
    at: Mapped[datetime]  # of that event
    quantity: Mapped[Decimal] = mapped_column(Numeric)
    quantity_unit: Mapped[str] = mapped_column(String(8))
    price_item_id: Mapped[int | None] = mapped_column(ForeignKey("price_item.id"))  # None: no fitting price
    amount_halalas: Mapped[int]  # a credit is negative
    reason: Mapped[str] = mapped_column(String(24))
    correction: Mapped[bool]  # the difference to what stood before
    created_at: Mapped[CreatedAt]


class ContractStatement(Base):
    """A month as it was issued; never changed."""

    __tablename__ = "contract_statement"
    __table_args__ = (UniqueConstraint("contract_id", "month"),)

    id: Mapped[Id]
    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id"))
    month: Mapped[str] = mapped_column(String(7))
    content: Mapped[str] = mapped_column(Text, deferred=True)  # `statement.to_text`
    sha256: Mapped[str] = mapped_column(String(64))
    works_halalas: Mapped[int]
    penalties_halalas: Mapped[int]
    vat_halalas: Mapped[int]
    total_halalas: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # None: at the command line
