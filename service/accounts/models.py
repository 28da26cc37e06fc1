"""Who owns data and who may touch it: municipalities, users, vehicles and their hashed secrets."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.permissions import Role
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column


class Municipality(Base):
    __tablename__ = "municipality"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    # GeoJSON Polygon or MultiPolygon, WGS 84, lon/lat; thousands of points, so read only where it is asked for
    west: Mapped[float | None]  # the boundary's extent, so that a place is compared with few boundaries
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    boundary: Mapped[JsonObject | None] = mapped_column(deferred=True)
    created_at: Mapped[CreatedAt]


class District(Base):
    """A part of a municipality by which work is routed and counted; in an overlap the first one made counts."""

    __tablename__ = "district"
    __table_args__ = (UniqueConstraint("municipality_id", "key"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    key: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(120))
    name_ar: Mapped[str] = mapped_column(String(120))
    west: Mapped[float]  # the boundary's extent
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]
    boundary: Mapped[JsonObject] = mapped_column(deferred=True)  # as of a municipality
    ended_at: Mapped[datetime | None]  # no work is placed in it since; what ended before keeps it
    created_at: Mapped[CreatedAt]


user_municipality = Table(
    "user_municipality",
    Base.metadata,
    Column("user_id", ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    Column("municipality_id", ForeignKey("municipality.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))  # argon2id
    role: Mapped[Role] = mapped_column(status_column(Role))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))  # the unit a foreman works for
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)  # since the last success
    locked_until: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    municipalities: Mapped[list[Municipality]] = relationship(secondary=user_municipality)


class AccessToken(Base):
    """A signed-in browser or a program acting as a user; only the SHA-256 of the secret is kept."""

    __tablename__ = "access_token"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    sign_in_link: Mapped[bool] = mapped_column(default=False)  # good for one exchange into a session, for nothing else
    created_at: Mapped[CreatedAt]
    user: Mapped[User] = relationship()


class Vehicle(Base):
    __tablename__ = "vehicle"
    __table_args__ = (UniqueConstraint("municipality_id", "name"),)

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    name: Mapped[str] = mapped_column(String(120))
    camera: Mapped[JsonObject]  # accounts.schemas.CameraProfile
    key_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # None: revoked
    key_prefix: Mapped[str] = mapped_column(String(16))  # shown so that a key can be told from another
    created_at: Mapped[CreatedAt]
    municipality: Mapped[Municipality] = relationship()
