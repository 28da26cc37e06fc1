"""What callers send and get of contractors, contracts, prices, penalties, charges and statements; money in riyals."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, model_validator

from datasets.taxonomy import BY_KEY
from datasets.taxonomy import Unit as UnitOfWork
from service.contracts.ledger import EntryKind
from service.contracts.money import to_halalas
from service.contracts.terms import PenaltyKind
from service.core.fields import NO_NUL, Name, RowId
from service.defects.schemas import ClassKey
from service.work_orders.schemas import Body, Reason

MAX_SAR = Decimal(1_000_000_000)
Sar = Annotated[Decimal, Field(ge=0, le=MAX_SAR, decimal_places=2, description="riyals")]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Reference = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=NO_NUL)]
Registration = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,20}$")]
VatNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{15}$")]
SizeClass = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31), description="in Riyadh")]


class ContractorNames(Body):
    name_en: Name
    name_ar: Name
    vat_number: VatNumber | None = Field(None, description="15 digits")


class ContractorIn(ContractorNames):
    municipality_id: RowId
    registration: Registration = Field(description="commercial registration number")


class ContractorOut(BaseModel):
    """A company that a municipality has contracts with."""

    id: int
    municipality_id: int
    registration: str
    vat_number: str | None
    name_en: str
    name_ar: str


class Validity(Body):
    first_day: Day
    last_day: Day | None = Field(None, description="counted too; null: until further notice")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Validity":
        if self.last_day is not None and self.last_day < self.first_day:
            raise ValueError(f"expected a last day from {self.first_day} on, got {self.last_day}")
        return self


class PriceIn(Validity):
    class_key: ClassKey
    size_class: SizeClass | None = Field(None, description="null: sizes that have no price of their own")
    unit_price: Sar = Field(description="riyals for one unit of work of the class")
    minimum_charge: Sar = Field(Decimal(0), description="riyals; of one repair")

    def columns(self) -> dict[str, Any]:
        return {
            "class_key": self.class_key, "size_class": self.size_class,
            "quantity_unit": BY_KEY[self.class_key].unit.value, "price_halalas": to_halalas(self.unit_price),
            "minimum_halalas": to_halalas(self.minimum_charge), "first_day": self.first_day,
            "last_day": self.last_day,
        }  # fmt: skip


class PenaltyIn(Validity):
    kind: PenaltyKind
    class_key: ClassKey | None = Field(None, description="null: classes that have no rule of their own")
    amount: Sar | None = Field(None, description="riyals; of late_hour for each begun hour")
    percent: Percent | None = Field(None, description="of what the repair is worth by the price list")
    cap: Sar | None = Field(None, description="riyals; no more for one order")

    @model_validator(mode="after")
    def _one_measure(self) -> "PenaltyIn":
        if (self.amount is None) == (self.percent is None):
            raise ValueError("expected either amount or percent, got both or none")
        return self

    def columns(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "class_key": self.class_key, "amount_halalas": _halalas(self.amount),
            "percent": self.percent if self.percent is None else self.percent.quantize(Decimal("0.01")),
            "cap_halalas": _halalas(self.cap), "first_day": self.first_day, "last_day": self.last_day,
        }  # fmt: skip


class ContractIn(Validity):
    municipality_id: RowId
    contractor_id: RowId
    reference: Reference
    last_day: Day
    unit_ids: list[RowId] = Field(min_length=1, max_length=100)
    class_keys: list[ClassKey] = Field([], max_length=50, description="empty: every class")
    district_ids: list[RowId] = Field([], max_length=1000, description="empty: the whole municipality")
    service_hours: dict[ClassKey, Annotated[int, Field(ge=1, le=24 * 365)]] = Field(
        {}, description="by class, from assigned to done, holds not counted; else the order's due time decides"
    )
    warranty_days: int | None = Field(None, ge=0, le=3650, description="null: a failure is credited whenever it comes")
    vat_percent: Percent = Decimal(15)
    monthly_cap: Sar | None = Field(None, description="riyals; penalties of a month go no higher")
    monthly_cap_percent: Percent | None = Field(None, description="of the works of that month")
    penalties_reduce_vat: bool = Field(False, description="true: VAT is on works less penalties")
    prices: list[PriceIn] = Field([], max_length=500)
    penalties: list[PenaltyIn] = Field([], max_length=100)

    def columns(self) -> dict[str, Any]:
        hundredth = Decimal("0.01")
        cap_percent = self.monthly_cap_percent
        return {
            "municipality_id": self.municipality_id, "contractor_id": self.contractor_id,
            "reference": self.reference, "first_day": self.first_day, "last_day": self.last_day,
            "class_keys": sorted(set(self.class_keys)), "district_ids": sorted(set(self.district_ids)),
            "service_hours": dict(self.service_hours), "warranty_days": self.warranty_days,
            "vat_percent": self.vat_percent.quantize(hundredth), "monthly_cap_halalas": _halalas(self.monthly_cap),
            "monthly_cap_percent": cap_percent if cap_percent is None else cap_percent.quantize(hundredth),
        }  # fmt: skip


class EndIn(Body):
    last_day: Day
    reason: Reason


class PriceOut(BaseModel):
    id: int
    class_key: str
    size_class: str | None
    quantity_unit: UnitOfWork
    unit_price: Decimal
    minimum_charge: Decimal
    first_day: date
    last_day: date | None


class PenaltyOut(BaseModel):
    id: int
    kind: PenaltyKind
    class_key: str | None
    amount: Decimal | None
    percent: Decimal | None
    cap: Decimal | None
    first_day: date
    last_day: date | None


class ContractOut(BaseModel):
    """A contract without its lists."""

    id: int
    municipality_id: int
    contractor_id: int
    reference: str
    first_day: date
    last_day: date
    unit_ids: list[int]
    class_keys: list[str] = Field(description="empty: every class")
    district_ids: list[int] = Field(description="empty: the whole municipality")


class ContractDetail(ContractOut):
    contractor: ContractorOut
    service_hours: dict[str, int]
    warranty_days: int | None
    vat_percent: Decimal
    monthly_cap: Decimal | None
    monthly_cap_percent: Decimal | None
    penalties_reduce_vat: bool
    prices: list[PriceOut]
    penalties: list[PenaltyOut]


class ChargeOut(BaseModel):
    """What a closing cost, or what a failed repair gave back."""

    id: int
    work_order_id: int
    unit_id: int | None
    class_key: str
    kind: EntryKind
    event_id: int
    at: datetime
    quantity: Decimal
    quantity_unit: UnitOfWork
    amount: Decimal
    reason: str
    correction: bool


class EntryOut(BaseModel):
    """One line with its reason and the event behind it; what the municipality pays is positive."""

    kind: EntryKind
    reason: str
    month: str = Field(description="to which it belongs")
    correction: bool = Field(description="of a month that was stated before")
    order_id: int | None
    event_id: int | None
    at: datetime | None
    class_key: str | None
    unit_id: int | None
    quantity: Decimal | None
    quantity_unit: str | None
    unit_price: Decimal | None
    amount: Decimal
    hours: int | None = Field(description="begun hours late")
    lasted_days: float | None


class ConsideredOut(BaseModel):
    contract_id: int
    reference: str
    why_not: str | None = Field(description="null: this one covers the order")


class CostOut(BaseModel):
    """What an order cost, by which contract and price, and which other contracts were considered."""

    work_order_id: int
    amount: Decimal = Field(description="charged so far, credits taken off, without VAT")
    expected: Decimal | None = Field(description="of the repair that is not closed yet")
    contract_id: int | None = Field(description="that covered the order when it was done, or would today")
    price: PriceOut | None
    quantity: Decimal | None
    measured: bool = Field(description="false: the quantity is an estimate")
    lines: list[EntryOut]
    considered: list[ConsideredOut]


def _halalas(sar: Decimal | None) -> int | None:
    return None if sar is None else to_halalas(sar)
