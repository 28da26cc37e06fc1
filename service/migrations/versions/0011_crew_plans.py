"""Crews, their plans for a shift and the stops of each"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0017"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
DOUBLE = sa.Float()


def upgrade() -> None:
    op.create_table(
        "crew",
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, DOUBLE, nullable=False) for name in ("start_lat", "start_lon", "end_lat", "end_lon")),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("shift_starts_min", "shift_min", "break_after_min", "break_min")
        ),
        sa.Column("speed_kmh", DOUBLE, nullable=False),
        sa.Column("detour_factor", DOUBLE, nullable=False),
        sa.Column("carries_kg", sa.BigInteger()),
        sa.Column("work_times", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_crew")),
        _key("crew", "unit_id", "unit"),
        _key("crew", "municipality_id", "municipality"),
    )
    op.create_table(
        "crew_plan",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("shift_starts_at", AT, nullable=False),
        sa.Column("shift_ends_at", AT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("from_at", AT, nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        *(sa.Column(name, postgresql.JSONB(), nullable=False) for name in ("inputs", "summary", "skipped")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crew_plan")),
        _key("crew_plan", "unit_id", "unit"),
        _key("crew_plan", "municipality_id", "municipality"),
        sa.UniqueConstraint(
            "unit_id", "shift_starts_at", "version", name=op.f("uq_crew_plan_unit_id_shift_starts_at_version")
        ),
    )
    current = sa.text("current")
    op.create_index(
        "uq_crew_plan_current", "crew_plan", ["unit_id", "shift_starts_at"], unique=True, postgresql_where=current
    )
    op.create_index("ix_crew_plan_current_shift", "crew_plan", ["shift_ends_at"], postgresql_where=current)
    op.create_table(
        "plan_stop",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("work_order_id", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("must", sa.Boolean(), nullable=False),
        sa.Column("class_key", sa.String(40), nullable=False),
        sa.Column("quantity", DOUBLE),
        sa.Column("quantity_unit", sa.String(8), nullable=False),
        sa.Column("lat", DOUBLE, nullable=False),
        sa.Column("lon", DOUBLE, nullable=False),
        *(sa.Column(name, AT, nullable=False) for name in ("due_at", "arrives_at", "leaves_at")),
        sa.Column("drive_s", sa.BigInteger(), nullable=False),
        sa.Column("drive_m", DOUBLE, nullable=False),
        sa.Column("by_road", sa.Boolean(), nullable=False),
        sa.Column("path", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "position", name=op.f("pk_plan_stop")),
        _key("plan_stop", "plan_id", "crew_plan", ondelete="CASCADE"),
        _key("plan_stop", "work_order_id", "work_order"),
    )
    op.create_index(op.f("ix_plan_stop_work_order_id"), "plan_stop", ["work_order_id"])


def downgrade() -> None:
    for table in ("plan_stop", "crew_plan", "crew"):
        op.drop_table(table)


def _key(table: str, column: str, other: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)
