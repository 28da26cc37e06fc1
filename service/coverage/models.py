"""Which street was seen when: H3 cells that frames looked at, and the streets of a municipality."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.core.tables import Base, CreatedAt, Id, JsonObject


class CoveredCell(Base):
    """A cell of H3 resolution 12 that frames of one municipality looked at on one day (UTC)."""

    __tablename__ = "covered_cell"
    __table_args__ = (Index("ix_covered_cell_day", "municipality_id", "day"),)

    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"), primary_key=True)
    cell: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    frames: Mapped[int]


class Street(Base):
    """A road's centre line, imported from a GeoJSON of the municipality."""

    __tablename__ = "street"
    __table_args__ = (UniqueConstraint("municipality_id", "source_id"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    source_id: Mapped[str] = mapped_column(String(80))  # the feature's id in the file; imported again it is replaced
    name: Mapped[str | None] = mapped_column(String(200))
    road_class: Mapped[str | None] = mapped_column(String(40))
    length_m: Mapped[float]
    line: Mapped[JsonObject]  # GeoJSON LineString or MultiLineString, WGS 84
    created_at: Mapped[CreatedAt]


class StreetCell(Base):
    """How many metres of a street lie in a cell."""

    __tablename__ = "street_cell"
    __table_args__ = (Index("ix_street_cell_cell", "municipality_id", "cell"),)

    street_id: Mapped[int] = mapped_column(ForeignKey("street.id", ondelete="CASCADE"), primary_key=True)
    cell: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    length_m: Mapped[float]
