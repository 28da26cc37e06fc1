"""Service levels by class, size, priority and municipality; working calendars; a clock for each order

Policies of earlier releases go on as they were: round the clock, without a promise of a start. Orders that are open keep
their due times; the next sweep gives them their clocks (service_levels.adopt_order).
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ESCALATIONS = (
    '[{"level": 1, "after_hours": 7, "to_role": "supervisor", "to_user_id": null},'
    ' {"level": 2, "after_hours": 21, "to_role": "admin", "to_user_id": null}]'
)
ADDED: tuple[tuple[str, Any, str], ...] = (  # with what policies that are there get
    ("clock", sa.String(24), "'round_the_clock'"),
    ("warn_share", sa.Double(), "0.75"),
    ("escalations", postgresql.JSONB(), f"'{ESCALATIONS}'"),
    ("on_transfer", sa.String(24), "'keep'"),
)


def upgrade() -> None:
    _widen_policies()
    op.add_column("work_order", sa.Column("start_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "working_calendar",
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("week", postgresql.JSONB(), nullable=False),
        sa.Column("ramadan", postgresql.JSONB(), nullable=True),
        sa.Column("public_holidays", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_working_calendar_municipality_id")
        ),
        sa.PrimaryKeyConstraint("municipality_id", name=op.f("pk_working_calendar")),
    )
    op.create_table(
        "special_period",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("name_en", sa.String(120), nullable=False),
        sa.Column("name_ar", sa.String(120), nullable=False),
        sa.Column("hours", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_special_period_municipality_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_special_period")),
        sa.UniqueConstraint(
            "municipality_id",
            "first_day",
            "last_day",
            name=op.f("uq_special_period_municipality_id_first_day_last_day"),
        ),
    )
    _create_clocks()


def downgrade() -> None:
    op.drop_table("order_clock")
    op.drop_table("special_period")
    op.drop_table("working_calendar")
    op.drop_column("work_order", "start_due_at")
    op.execute(
        "DELETE FROM sla_policy WHERE municipality_id IS NULL OR class_key IS NULL OR size_class IS NOT NULL"
        " OR min_priority IS NOT NULL"
    )
    op.drop_constraint(op.f("uq_sla_policy_scope"), "sla_policy", type_="unique")
    for name, _, _ in ADDED:
        op.drop_column("sla_policy", name)
    for name in ("size_class", "min_priority", "hours_to_start"):
        op.drop_column("sla_policy", name)
    op.alter_column("sla_policy", "hours_to_close", new_column_name="hours")
    op.alter_column("sla_policy", "municipality_id", nullable=False)
    op.alter_column("sla_policy", "class_key", nullable=False)
    op.create_unique_constraint(
        op.f("uq_sla_policy_municipality_id_class_key"), "sla_policy", ["municipality_id", "class_key"]
    )


def _widen_policies() -> None:
    op.drop_constraint(op.f("uq_sla_policy_municipality_id_class_key"), "sla_policy", type_="unique")
    op.alter_column("sla_policy", "hours", new_column_name="hours_to_close")
    op.alter_column("sla_policy", "municipality_id", nullable=True)
    op.alter_column("sla_policy", "class_key", nullable=True)
    op.add_column("sla_policy", sa.Column("size_class", sa.String(10), nullable=True))
    op.add_column("sla_policy", sa.Column("min_priority", sa.Double(), nullable=True))
    op.add_column("sla_policy", sa.Column("hours_to_start", sa.BigInteger(), nullable=True))
    for name, kind, value in ADDED:
        op.add_column("sla_policy", sa.Column(name, kind, server_default=sa.text(value), nullable=False))
        op.alter_column("sla_policy", name, server_default=None)
    op.create_check_constraint(
        op.f("ck_sla_policy_size_class"), "sla_policy", "size_class IN ('small', 'medium', 'large')"
    )
    op.create_check_constraint(
        op.f("ck_sla_policy_clockkind"), "sla_policy", "clock IN ('working_hours', 'round_the_clock')"
    )
    op.create_check_constraint(op.f("ck_sla_policy_ontransfer"), "sla_policy", "on_transfer IN ('keep', 'restart')")
    op.create_unique_constraint(
        op.f("uq_sla_policy_scope"),
        "sla_policy",
        ["municipality_id", "class_key", "size_class", "min_priority"],
        postgresql_nulls_not_distinct=True,
    )


def _create_clocks() -> None:
    op.create_table(
        "order_clock",
        sa.Column("work_order_id", sa.BigInteger(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), nullable=True),
        sa.Column("level", postgresql.JSONB(), nullable=False),
        sa.Column("running_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_working", sa.Interval(), nullable=False),
        sa.Column("used_elapsed", sa.Interval(), nullable=False),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_order.id"], name=op.f("fk_order_clock_work_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["sla_policy.id"], name=op.f("fk_order_clock_policy_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_order_clock")),
    )
    op.create_index(op.f("ix_order_clock_policy_id"), "order_clock", ["policy_id"])
    op.create_index(
        "ix_order_clock_next_at", "order_clock", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL")
    )
