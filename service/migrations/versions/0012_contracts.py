"""Contractors, contracts, prices, penalties, charges and monthly statements"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

PENALTIES = ("breach", "start_breach", "late_hour", "failed_repair", "failed_inspection")
ENTRIES = ("charge", "credit", "penalty", "cap")
PERCENT = sa.Numeric(5, 2)
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "contractor",
        _id(),
        _ref("municipality_id"),
        sa.Column("registration", sa.String(20), nullable=False),
        sa.Column("vat_number", sa.String(20)),
        sa.Column("name_en", sa.String(120), nullable=False),
        sa.Column("name_ar", sa.String(120), nullable=False),
        _created(),
        *_keys("contractor", {"municipality_id": "municipality"}, ("municipality_id", "registration")),
    )
    op.create_table(
        "contract",
        _id(),
        _ref("municipality_id"),
        _ref("contractor_id"),
        sa.Column("reference", sa.String(60), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("class_keys", postgresql.JSONB(), nullable=False),
        sa.Column("district_ids", postgresql.JSONB(), nullable=False),
        sa.Column("service_hours", postgresql.JSONB(), nullable=False),
        sa.Column("warranty_days", sa.BigInteger()),
        sa.Column("vat_percent", PERCENT, nullable=False),
        sa.Column("monthly_cap_halalas", sa.BigInteger()),
        sa.Column("monthly_cap_percent", PERCENT),
        sa.Column("penalties_reduce_vat", sa.Boolean(), nullable=False),
        sa.Column("charged_until", AT),
        _created(),
        *_keys(
            "contract",
            {"municipality_id": "municipality", "contractor_id": "contractor"},
            ("municipality_id", "reference"),
        ),
    )
    op.create_index(op.f("ix_contract_contractor_id"), "contract", ["contractor_id"])
    op.create_table(
        "contract_unit",
        _ref("contract_id"),
        _ref("unit_id"),
        *(
            _foreign("contract_unit", column, table)
            for column, table in (("contract_id", "contract"), ("unit_id", "unit"))
        ),
        sa.PrimaryKeyConstraint("contract_id", "unit_id", name=op.f("pk_contract_unit")),
    )
    op.create_index(op.f("ix_contract_unit_unit_id"), "contract_unit", ["unit_id"])
    _terms()
    _accounts()
    op.create_index(
        "ix_event_given",
        "event",
        ["municipality_id", "at"],
        postgresql_where=sa.text("subject_kind = 'work_order' AND data ? 'unit_id'"),
    )


def downgrade() -> None:
    op.drop_index("ix_event_given", "event")
    for table in (
        "contract_statement",
        "charge",
        "penalty_rule",
        "price_item",
        "contract_unit",
        "contract",
        "contractor",
    ):
        op.drop_table(table)


def _terms() -> None:
    op.create_table(
        "price_item",
        _id(),
        _ref("contract_id"),
        sa.Column("class_key", sa.String(40), nullable=False),
        sa.Column("size_class", sa.String(40)),
        sa.Column("quantity_unit", sa.String(8), nullable=False),
        sa.Column("price_halalas", sa.BigInteger(), nullable=False),
        sa.Column("minimum_halalas", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date()),
        *_keys("price_item", {"contract_id": "contract"}),
    )
    op.create_index(op.f("ix_price_item_contract_id"), "price_item", ["contract_id"])
    op.create_table(
        "penalty_rule",
        _id(),
        _ref("contract_id"),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("class_key", sa.String(40)),
        sa.Column("amount_halalas", sa.BigInteger()),
        sa.Column("percent", PERCENT),
        sa.Column("cap_halalas", sa.BigInteger()),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date()),
        _choice("penalty_rule", PENALTIES),
        *_keys("penalty_rule", {"contract_id": "contract"}),
    )
    op.create_index(op.f("ix_penalty_rule_contract_id"), "penalty_rule", ["contract_id"])


def _accounts() -> None:
    op.create_table(
        "charge",
        _id(),
        _ref("contract_id"),
        _ref("work_order_id"),
        sa.Column("unit_id", sa.BigInteger()),
        sa.Column("class_key", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("quantity_unit", sa.String(8), nullable=False),
        sa.Column("price_item_id", sa.BigInteger()),
        sa.Column("amount_halalas", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(24), nullable=False),
        sa.Column("correction", sa.Boolean(), nullable=False),
        _created(),
        _choice("charge", ENTRIES),
        *_keys(
            "charge",
            {
                "contract_id": "contract",
                "work_order_id": "work_order",
                "unit_id": "unit",
                "event_id": "event",
                "price_item_id": "price_item",
            },
        ),
    )
    op.create_index("ix_charge_contract_at", "charge", ["contract_id", "at"])
    op.create_index(op.f("ix_charge_work_order_id"), "charge", ["work_order_id"])
    op.create_index(op.f("ix_charge_key"), "charge", ["key"])
    op.create_table(
        "contract_statement",
        _id(),
        _ref("contract_id"),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        *(
            sa.Column(f"{name}_halalas", sa.BigInteger(), nullable=False)
            for name in ("works", "penalties", "vat", "total")
        ),
        sa.Column("issued_at", AT, nullable=False),
        sa.Column("issued_by_id", sa.BigInteger()),
        *_keys(
            "contract_statement",
            {"contract_id": "contract", "issued_by_id": "user_account"},
            ("contract_id", "month"),
        ),
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _created() -> sa.Column[object]:
    return sa.Column("created_at", AT, server_default=sa.func.now(), nullable=False)


def _ref(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _foreign(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))


def _choice(table: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"kind IN ({listed})", name=op.f(f"ck_{table}_kind"))


def _keys(table: str, foreign: dict[str, str], unique: tuple[str, ...] = ()) -> list[sa.Constraint]:
    found: list[sa.Constraint] = [sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))]
    found += [_foreign(table, column, other) for column, other in foreign.items()]
    if unique:
        found.append(sa.UniqueConstraint(*unique, name=op.f(f"uq_{table}_{'_'.join(unique)}")))
    return found
