"""An incident: rain, a sandstorm or another emergency with its area and time, while which other rules hold."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality, User
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.incidents.rules import IncidentKind


class Incident(Base):
    __tablename__ = "incident"
    __table_args__ = (
        UniqueConstraint("municipality_id", "kind", "starts_at"),
        Index("ix_incident_lasting", "municipality_id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    kind: Mapped[IncidentKind] = mapped_column(status_column(IncidentKind))
    name: Mapped[str] = mapped_column(String(120))
    area: Mapped[JsonObject | None]  # GeoJSON Polygon or MultiPolygon, WGS 84; null: the whole municipality
    west: Mapped[float | None]  # its extent, as of `Municipality`
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    rules: Mapped[JsonObject]  # rules.IncidentRules
    starts_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(String(1000))
    declared_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[CreatedAt]
    municipality: Mapped[Municipality] = relationship()
    declared_by: Mapped[User] = relationship()
