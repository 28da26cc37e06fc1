"""What people say of blurring: a report per region, kept with what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.core.tables import Base, CreatedAt, Id, status_column
from service.surveys.models import Frame


class BlurReportState(StrEnum):
    OPEN = "open"
    DONE = "done"  # the region was blurred
    DECLINED = "declined"


class BlurReport(Base):
    """Somebody saw a face or a plate that is legible, or a region blurred that hides no person."""

    __tablename__ = "blur_report"
    __table_args__ = (Index("ix_blur_report_queue", "municipality_id", "state", "id"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    frame_id: Mapped[int] = mapped_column(ForeignKey("frame.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(12))  # missing | too_much
    x0_px: Mapped[float]  # upright pixels
    y0_px: Mapped[float]
    x1_px: Mapped[float]
    y1_px: Mapped[float]
    note: Mapped[str | None] = mapped_column(String(500))
    state: Mapped[BlurReportState] = mapped_column(status_column(BlurReportState))
    reported_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    frame: Mapped[Frame] = relationship()
