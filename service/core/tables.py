"""The base of every table: one naming convention, one clock type, statuses stored as readable text."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeAlias

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

JsonObject: TypeAlias = dict[str, Any]

Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {
        datetime: DateTime(timezone=True),
        int: BigInteger,
        JsonObject: JSONB,
    }


def status_column(kind: type[StrEnum], column: str | None = None) -> Enum:
    """A StrEnum as text with a CHECK constraint, so that a row reads the same in psql as in Python.

    `column` names the constraint where a table has two columns of one kind.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=column or kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )
