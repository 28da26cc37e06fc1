"""Indicators counted from events, programmes with targets, the rule of the ranking"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

DIMENSIONS = ("day", "municipality_id", "district_id", "unit_id", "contractor_id", "class_key", "source")
COUNTS = (
    "cases", "observed", "received", "cancelled", "treated", "in_time", "repairs", "repairs_lasting", "judged",
    "judged_right", "rated", "satisfied",
)  # fmt: skip


def upgrade() -> None:
    op.create_index("ix_work_order_defect", "work_order", ["defect_id"], if_not_exists=True)
    _cases()
    _days()
    _programmes()


def downgrade() -> None:
    for table in (
        "programme_initiative", "programme_target", "programme_phase", "programme", "ranking_rule", "indicator_state",
        "indicator_day", "indicator_case",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_work_order_defect", "work_order")


def _cases() -> None:
    op.create_table(
        "indicator_case",
        sa.Column("defect_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("ref_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("contractor_id", sa.BigInteger(), nullable=True),
        sa.Column("class_key", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_day", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric(14, 3), nullable=True),
        sa.Column("cost", sa.Numeric(14, 2), nullable=True),
        sa.Column("rating", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("defect_id", "kind", "ref_id", "number", name=op.f("pk_indicator_case")),
    )
    op.create_index("ix_indicator_case_day", "indicator_case", ["kind", "municipality_id", "day", "ref_id", "number"])
    op.create_index(
        "ix_indicator_case_ended", "indicator_case", ["municipality_id", "ended_day"],
        postgresql_where=sa.text("kind = 'order'"),
    )  # fmt: skip
    op.create_index(
        "ix_indicator_case_open", "indicator_case", ["municipality_id", "day"],
        postgresql_where=sa.text("outcome IN ('waiting', 'done')"),
    )  # fmt: skip


def _days() -> None:
    op.create_table(
        "indicator_day",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("district_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("contractor_id", sa.BigInteger(), nullable=True),
        sa.Column("class_key", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("costed", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator_day")),
        sa.UniqueConstraint(*DIMENSIONS, name="uq_indicator_day", postgresql_nulls_not_distinct=True),
    )
    op.create_index("ix_indicator_day_place", "indicator_day", ["municipality_id", "day"])
    op.create_index("ix_indicator_day_empty", "indicator_day", ["id"], postgresql_where=sa.text("cases = 0"))
    op.create_table(
        "indicator_state",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=True),
        sa.Column("mark_xid", sa.BigInteger(), nullable=True),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator_state")),
    )


def _programmes() -> None:
    op.create_table(
        "ranking_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["set_by_id"], ["user_account.id"], name=op.f("fk_ranking_rule_set_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking_rule")),
    )
    op.create_table(
        "programme",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("name_ar", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_programme_municipality_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme")),
        sa.UniqueConstraint("municipality_id", "key", name="uq_programme_key", postgresql_nulls_not_distinct=True),
    )
    op.create_table(
        "programme_phase",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("name_ar", sa.String(length=120), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("margin_percent", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_programme_phase_programme_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_phase")),
        sa.UniqueConstraint("programme_id", "key", name=op.f("uq_programme_phase_programme_id_key")),
    )
    op.create_table(
        "programme_target",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("phase_id", sa.BigInteger(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("indicator", sa.String(length=40), nullable=False),
        sa.Column("class_key", sa.String(length=40), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["phase_id"], ["programme_phase.id"], name=op.f("fk_programme_target_phase_id")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_programme_target_municipality_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_target")),
        sa.UniqueConstraint(
            "phase_id", "municipality_id", "indicator", "class_key", name="uq_programme_target",
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_table(
        "programme_initiative",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("phase_id", sa.BigInteger(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("name_ar", sa.String(length=120), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned", "under_way", "done", "stopped",
                name="initiativestate", native_enum=False, create_constraint=True, length=24,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.Column("serves", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["phase_id"], ["programme_phase.id"], name=op.f("fk_programme_initiative_phase_id")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_programme_initiative_municipality_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_initiative")),
        sa.UniqueConstraint("phase_id", "key", name=op.f("uq_programme_initiative_phase_id_key")),
    )  # fmt: skip
