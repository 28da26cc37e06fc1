"""Runs the migrations on the connection that `Database.migrate` hands over."""

from alembic import context

import service.tables  # noqa: F401  every table must be known before metadata is compared
from service.core.tables import Base


def ours(name: str | None, kind: str, parents: object) -> bool:
    return not (kind == "table" and name and name.startswith("procrastinate"))


context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, include_name=ours)
with context.begin_transaction():
    context.run_migrations()
