"""Which municipality shows its defects to the public, how late and how roughly."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality
from service.core.tables import Base


class Publication(Base):
    """A row while a municipality publishes; without one it shows nothing."""

    __tablename__ = "publication"

    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), primary_key=True)
    delay_days: Mapped[int]  # a defect is shown so long after it was first seen
    grid_m: Mapped[float]  # places are moved to the nearest corner of a grid so wide
    salt: Mapped[str] = mapped_column(String(64))  # public ids are hashes with it: they tell neither number nor order
    since: Mapped[datetime]
    municipality: Mapped[Municipality] = relationship()
