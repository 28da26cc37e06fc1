"""Districts, routing rules with conditions, capacity, referral, parts and merged orders, actions on many orders"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = ("open", "assigned", "in_progress", "on_hold", "done", "closed", "cancelled")
NEW_STATES = (*STATES, "referred", "merged")
SIZES = {
    "pothole": (0.16, 0.44), "road_crack": (2.0, 8.0), "neglected_sidewalk": (4.0, 15.0), "unkept_facade": (10.0, 30.0),
    "graffiti": (2.0, 6.0), "garbage": (0.5, 2.0), "sand_rubble": (0.5, 3.0), "standing_water": (0.5, 3.0),
}  # fmt: skip  # as they were when orders had no size class yet


def upgrade() -> None:
    _districts()
    _routing()
    _orders()
    _agencies()
    _bulk()


def downgrade() -> None:
    for table in ("bulk_item", "bulk_action", "referral", "agency"):
        op.drop_table(table)
    op.execute("DELETE FROM proof WHERE quantity IS NULL")
    op.drop_column("proof", "kind")
    op.alter_column("proof", "quantity", nullable=False)
    op.execute("UPDATE work_order SET state = 'cancelled' WHERE state = 'merged' OR part_of_id IS NOT NULL")
    op.execute("UPDATE work_order SET state = 'open', held_from = NULL, held_at = NULL WHERE state = 'referred'")
    op.execute("UPDATE work_order SET held_from = 'open' WHERE held_from IN ('referred', 'merged')")
    for name in ("municipality_due", "municipality_opened", "district_state", "defect", "merged_into"):
        op.drop_index(f"ix_work_order_{name}", "work_order", if_exists=True)  # 0015 makes and drops one of them too
    op.drop_index("uq_work_order_defect", "work_order")
    for column in ("merged_into_id", "part_key", "part_of_id", "priority_set", "source", "size_class", "district_id"):
        op.drop_column("work_order", column)
    op.create_index(
        "uq_work_order_defect", "work_order", ["defect_id"], unique=True,
        postgresql_where=sa.text("state <> 'cancelled'"),
    )  # fmt: skip
    _allow(STATES)
    op.add_column("routing_rule", sa.Column("class_key", sa.String(40)))
    op.execute("DELETE FROM routing_rule WHERE key <> 'class_' || coalesce(class_keys[1], '')")
    op.execute("UPDATE routing_rule SET class_key = class_keys[1]")
    op.alter_column("routing_rule", "class_key", nullable=False)
    op.drop_constraint(op.f("uq_routing_rule_municipality_id_key"), "routing_rule", type_="unique")
    for column in ("key", "rank", "active", "class_keys", "size_classes", "district_ids", "road_classes",
                   "incident_kinds", "weekdays", "from_hour", "until_hour"):  # fmt: skip
        op.drop_column("routing_rule", column)
    op.create_unique_constraint(
        op.f("uq_routing_rule_municipality_id_class_key"), "routing_rule", ["municipality_id", "class_key"]
    )
    op.drop_column("unit", "capacity_per_day")
    op.drop_table("district")


def _districts() -> None:
    op.create_table(
        "district",
        *_named("municipality.id", "district"),
        *(sa.Column(side, sa.Double(), nullable=False) for side in ("west", "south", "east", "north")),
        sa.Column("boundary", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.UniqueConstraint("municipality_id", "key", name=op.f("uq_district_municipality_id_key")),
    )


def _named(municipality: str, table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("name_en", sa.String(120), nullable=False),
        sa.Column("name_ar", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["municipality_id"], [municipality], name=op.f(f"fk_{table}_municipality_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _routing() -> None:
    op.add_column("unit", sa.Column("capacity_per_day", sa.BigInteger()))
    op.add_column("routing_rule", sa.Column("key", sa.String(60)))
    op.add_column("routing_rule", sa.Column("rank", sa.BigInteger()))
    op.add_column("routing_rule", sa.Column("active", sa.Boolean(), server_default="true", nullable=False))
    for name, kind in (
        ("class_keys", sa.String(40)), ("size_classes", sa.String(24)), ("district_ids", sa.BigInteger()),
        ("road_classes", sa.String(40)), ("incident_kinds", sa.String(40)), ("weekdays", sa.SmallInteger()),
    ):  # fmt: skip
        column: sa.Column[Any] = sa.Column(name, postgresql.ARRAY(kind), server_default="{}", nullable=False)
        op.add_column("routing_rule", column)
    op.add_column("routing_rule", sa.Column("from_hour", sa.BigInteger()))
    op.add_column("routing_rule", sa.Column("until_hour", sa.BigInteger()))
    op.execute("UPDATE routing_rule SET key = 'class_' || class_key, rank = 1000, class_keys = ARRAY[class_key]")
    op.alter_column("routing_rule", "key", nullable=False)
    op.alter_column("routing_rule", "rank", nullable=False)
    op.drop_constraint(op.f("uq_routing_rule_municipality_id_class_key"), "routing_rule", type_="unique")
    op.drop_column("routing_rule", "class_key")
    op.create_unique_constraint(op.f("uq_routing_rule_municipality_id_key"), "routing_rule", ["municipality_id", "key"])


def _orders() -> None:
    op.add_column("work_order", sa.Column("district_id", sa.BigInteger()))
    op.create_foreign_key(
        op.f("fk_work_order_district_id"), "work_order", "district", ["district_id"], ["id"], ondelete="SET NULL"
    )
    _status("work_order", "size_class", "sizeclass", ("small", "medium", "large", "unknown"), "unknown")
    _status("work_order", "source", "ordersource", ("vehicle", "inspector", "report"), "vehicle")
    op.add_column("work_order", sa.Column("priority_set", sa.Double()))
    op.add_column("work_order", sa.Column("part_of_id", sa.BigInteger()))
    op.add_column("work_order", sa.Column("part_key", sa.String(40)))
    op.add_column("work_order", sa.Column("merged_into_id", sa.BigInteger()))
    for column in ("part_of_id", "merged_into_id"):
        op.create_foreign_key(op.f(f"fk_work_order_{column}"), "work_order", "work_order", [column], ["id"])
    op.create_unique_constraint(op.f("uq_work_order_part_of_id_part_key"), "work_order", ["part_of_id", "part_key"])
    _allow(NEW_STATES)
    op.drop_index("uq_work_order_defect", "work_order")
    op.create_index(
        "uq_work_order_defect", "work_order", ["defect_id"], unique=True,
        postgresql_where=sa.text("state <> 'cancelled' AND part_of_id IS NULL"),
    )  # fmt: skip
    op.create_index("ix_work_order_municipality_due", "work_order", ["municipality_id", "due_at", "id"])
    op.create_index("ix_work_order_municipality_opened", "work_order", ["municipality_id", "opened_at", "id"])
    op.create_index("ix_work_order_district_state", "work_order", ["district_id", "state", "id"])
    op.create_index("ix_work_order_defect", "work_order", ["defect_id"])
    op.create_index(
        "ix_work_order_merged_into", "work_order", ["merged_into_id"],
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )  # fmt: skip
    _status("proof", "kind", "proofkind", ("before", "after"), "after")
    op.alter_column("proof", "quantity", nullable=True)
    for class_key, (medium, large) in SIZES.items():
        op.execute(
            "UPDATE work_order SET size_class = CASE "
            f"WHEN quantity_estimated >= {large} THEN 'large' WHEN quantity_estimated >= {medium} THEN 'medium' "
            f"ELSE 'small' END WHERE class_key = '{class_key}' AND quantity_estimated IS NOT NULL"
        )
    op.execute(
        "UPDATE work_order SET source = 'inspector' WHERE (SELECT d.added_by_id IS NOT NULL FROM sighting s "
        "JOIN detection d ON d.id = s.detection_id WHERE s.defect_id = work_order.defect_id ORDER BY d.id LIMIT 1)"
    )


def _status(table: str, column: str, kind: str, values: tuple[str, ...], default: str) -> None:
    op.add_column(table, sa.Column(column, sa.String(24), server_default=default, nullable=False))
    _check(table, kind, column, values)


def _check(table: str, kind: str, column: str, values: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.create_check_constraint(op.f(f"ck_{table}_{kind}"), table, f"{column} IN ({listed})")


def _allow(states: tuple[str, ...]) -> None:
    for kind, column in (("workorderstate", "state"), ("held_from", "held_from")):
        op.drop_constraint(op.f(f"ck_work_order_{kind}"), "work_order", type_="check")
        _check("work_order", kind, column, states)


def _agencies() -> None:
    op.create_table(
        "agency",
        *_named("municipality.id", "agency"),
        sa.Column("contact", sa.String(300), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("municipality_id", "key", name=op.f("uq_agency_municipality_id_key")),
    )
    references = {
        "work_order_id": "work_order", "municipality_id": "municipality", "agency_id": "agency",
        "user_id": "user_account",
    }  # fmt: skip
    op.create_table(
        "referral",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        *(sa.Column(column, sa.BigInteger(), nullable=column == "user_id") for column in references),
        sa.Column("number", sa.String(80), nullable=False),
        sa.Column("note", sa.String(1000)),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(24)),
        sa.Column("answer", sa.String(1000)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_referral_{column}"))
            for column, table in references.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral")),
    )
    _check("referral", "referraloutcome", "outcome", ("done", "declined", "returned", "withdrawn"))
    op.create_index(op.f("ix_referral_work_order_id"), "referral", ["work_order_id"])
    op.create_index("ix_referral_municipality_due", "referral", ["municipality_id", "answer_due_at"])
    op.create_index(
        "uq_referral_waiting", "referral", ["work_order_id"], unique=True, postgresql_where=sa.text("outcome IS NULL")
    )


def _bulk() -> None:
    op.create_table(
        "bulk_action",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_bulk_action_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_action")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_bulk_action_user_id_key")),
    )
    kinds = ("assign", "transfer", "route", "hold", "resume", "cancel", "priority")
    _check("bulk_action", "bulkkind", "kind", kinds)
    op.create_table(
        "bulk_item",
        sa.Column("bulk_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(60)),
        sa.Column("detail", sa.String(1000)),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("event_id", sa.BigInteger()),
        sa.Column("undone", sa.Boolean()),
        sa.Column("undo_code", sa.String(60)),
        sa.Column("undo_detail", sa.String(1000)),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulk_action.id"], name=op.f("fk_bulk_item_bulk_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name=op.f("fk_bulk_item_order_id")),
        sa.PrimaryKeyConstraint("bulk_id", "order_id", name=op.f("pk_bulk_item")),
    )
