"""What was done to many orders at once, kept so that it can be taken back."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, Id, JsonObject, status_column


class BulkKind(StrEnum):
    ASSIGN = "assign"
    TRANSFER = "transfer"
    ROUTE = "route"
    HOLD = "hold"
    RESUME = "resume"
    CANCEL = "cancel"
    PRIORITY = "priority"


class BulkAction(Base):
    __tablename__ = "bulk_action"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    key: Mapped[str] = mapped_column(String(80))  # the sender's: sent again it changes nothing
    kind: Mapped[BulkKind] = mapped_column(status_column(BulkKind))
    request: Mapped[JsonObject]  # as it was asked for
    at: Mapped[datetime]
    undo_until: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    items: Mapped[list["BulkItem"]] = relationship(order_by="BulkItem.order_id", back_populates="bulk")


class BulkItem(Base):
    """What became of one order."""

    __tablename__ = "bulk_item"

    bulk_id: Mapped[int] = mapped_column(ForeignKey("bulk_action.id", ondelete="CASCADE"), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("work_order.id"), primary_key=True)
    code: Mapped[str | None] = mapped_column(String(60))  # why it was refused; None: it was done
    detail: Mapped[str | None] = mapped_column(String(1000))
    before: Mapped[JsonObject]  # the columns that it changed, as they were
    event_id: Mapped[int | None]  # the order's last event after it
    undone: Mapped[bool | None]  # None: not tried
    undo_code: Mapped[str | None] = mapped_column(String(60))
    undo_detail: Mapped[str | None] = mapped_column(String(1000))
    bulk: Mapped[BulkAction] = relationship(back_populates="items")
