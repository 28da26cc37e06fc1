"""What callers get of a monthly statement; money in riyals, penalties negative."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.contracts.schemas import EntryOut


class TotalsOut(BaseModel):
    """works + penalties + vat = total."""

    works: Decimal = Field(description="charges less credits")
    penalties: Decimal = Field(description="negative")
    vat_percent: Decimal
    vat: Decimal
    total: Decimal


class ClassOut(BaseModel):
    class_key: str
    quantity_unit: str
    repairs: int
    quantity: Decimal = Field(description="charged less credited, in the class's own unit")
    works: Decimal


class OrderOut(BaseModel):
    """All of the month's lines of one order."""

    order_id: int
    class_key: str
    size_class: str | None
    district_id: int | None
    unit_id: int | None
    opened_at: datetime | None
    due_at: datetime | None
    done_at: datetime | None
    closed_at: datetime | None
    quantity: Decimal
    quantity_unit: str
    works: Decimal
    penalties: Decimal


class DurabilityOut(BaseModel):
    """Of repairs found good in the year up to the month's end."""

    model_config = ConfigDict(from_attributes=True)

    class_key: str = Field(description="empty: all")
    repairs: int
    failed: int
    good_after_30_days: float | None = Field(description="share still good; null: none was followed so long")
    good_after_90_days: float | None
    median_days: float | None


class IssuedOut(BaseModel):
    """An issued statement without its lines."""

    id: int
    month: str
    sha256: str
    issued_at: datetime
    works: Decimal
    penalties: Decimal
    vat: Decimal
    total: Decimal


class StatementOut(BaseModel):
    contract_id: int
    reference: str
    contractor_en: str
    contractor_ar: str
    month: str
    from_at: datetime = Field(description="the month's first moment in Riyadh")
    until_at: datetime
    state: Literal["draft", "issued"]
    issued_at: datetime | None
    sha256: str = Field(description="of the statement as it is kept")
    totals: TotalsOut
    classes: list[ClassOut]
    orders: list[OrderOut]
    lines: list[EntryOut]
    durability: list[DurabilityOut]


class CheckOut(BaseModel):
    """An issued statement worked out again from the events."""

    same: bool
    sha256_issued: str
    sha256_again: str
    missing: list[EntryOut] = Field(description="issued, and no longer given by the events")
    unexpected: list[EntryOut] = Field(description="given by the events, and not issued")
