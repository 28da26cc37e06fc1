"""Indexes that lists and indicators run along, orders' priority beside them, sums by month"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0019"
branch_labels = None
depends_on = None

PASSED_OVER = ("state", "class_key", "municipality_id", "unit_id")
INDEXES: dict[str, tuple[str, list[str]]] = {
    "ix_defect_priority": ("defect", ["priority", "id", *PASSED_OVER[:3]]),
    "ix_defect_score": ("defect", ["score", "id", *PASSED_OVER[:3]]),
    "ix_defect_seen": ("defect", ["id", "last_seen_at", "first_seen_at", "municipality_id"]),
    "ix_defect_class": ("defect", ["municipality_id", "class_key", "first_seen_at"]),
    "ix_work_order_due": ("work_order", ["due_at", "id", *PASSED_OVER]),
    "ix_work_order_opened": ("work_order", ["opened_at", "id", *PASSED_OVER]),
    "ix_work_order_rank": ("work_order", ["rank", "id", *PASSED_OVER]),
    "ix_work_order_quantity": (
        "work_order",
        ["coalesce(quantity_measured, quantity_estimated, '-1'::double precision)", "id", *PASSED_OVER],
    ),
    "ix_work_order_seen": (
        "work_order", ["id", "coalesce(closed_at, 'infinity'::timestamp with time zone)", "opened_at", *PASSED_OVER[:3]]
    ),
}  # fmt: skip
CAME_BACK = "subject_kind = 'defect' AND action IN ('reopen', 'return')"
REOPENED = "subject_kind = 'work_order' AND action = 'reopen'"
GROUPS = ["district_id", "unit_id", "contractor_id", "class_key", "source"]
BEFORE: dict[str, tuple[list[str], str | None]] = {  # of `indicator_case`
    "ix_indicator_case_day": (["kind", "municipality_id", "day", "ref_id", "number"], None),
    "ix_indicator_case_ended": (["municipality_id", "ended_day"], "kind = 'order'"),
    "ix_indicator_case_open": (["municipality_id", "day"], "outcome IN ('waiting', 'done')"),
}
# The priority of an order is its own where a person set one, else its defect's; whoever writes either, the copy follows.
RANK = (
    """
    CREATE FUNCTION rank_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.rank := coalesce(NEW.priority_set, (SELECT priority FROM defect WHERE id = NEW.defect_id), 0);
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER rank_of_order BEFORE INSERT OR UPDATE OF priority_set, defect_id ON work_order
    FOR EACH ROW EXECUTE FUNCTION rank_of_order()
    """,
    """
    CREATE FUNCTION rank_of_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE work_order SET rank = NEW.priority WHERE defect_id = NEW.id AND priority_set IS NULL;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER rank_of_orders AFTER UPDATE OF priority ON defect
    FOR EACH ROW WHEN (OLD.priority IS DISTINCT FROM NEW.priority) EXECUTE FUNCTION rank_of_orders()
    """,
)


def upgrade() -> None:
    op.add_column("work_order", sa.Column("rank", sa.Double(), nullable=True))
    op.execute(
        "UPDATE work_order SET rank = coalesce(priority_set, defect.priority) FROM defect WHERE defect.id = defect_id"
    )
    op.alter_column("work_order", "rank", nullable=False)
    for statement in RANK:
        op.execute(statement)
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, [sa.text(one) if "(" in one else one for one in columns])
    op.create_index("ix_event_came_back", "event", ["at"], postgresql_where=sa.text(CAME_BACK))
    op.create_index("ix_event_reopened", "event", ["subject_id"], postgresql_where=sa.text(REOPENED))
    _index_cases()
    _months()


def downgrade() -> None:
    op.drop_table("indicator_month")
    op.drop_index("ix_indicator_case_while", "indicator_case")
    for name, (columns, where) in BEFORE.items():
        op.drop_index(name, "indicator_case")
        op.create_index(name, "indicator_case", columns, postgresql_where=sa.text(where) if where else None)
    op.drop_index("ix_event_reopened", "event")
    op.drop_index("ix_event_came_back", "event")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
    op.execute("DROP TRIGGER rank_of_orders ON defect")
    op.execute("DROP TRIGGER rank_of_order ON work_order")
    op.execute("DROP FUNCTION rank_of_orders(), rank_of_order()")
    op.drop_column("work_order", "rank")


def _index_cases() -> None:
    for name in BEFORE:
        op.drop_index(name, "indicator_case")
    order = ["day", "ref_id", "number", "municipality_id"]
    ended = sa.text("kind = 'order' AND ended_day IS NOT NULL")
    op.create_index("ix_indicator_case_day", "indicator_case", ["kind", *order])
    op.create_index("ix_indicator_case_ended", "indicator_case", ["ended_day", *order[1:]], postgresql_where=ended)
    op.create_index(
        "ix_indicator_case_while", "indicator_case", [sa.text("daterange(least(day, ended_day), ended_day, '[]')")],
        postgresql_using="gist", postgresql_where=ended,
    )  # fmt: skip
    op.create_index(
        "ix_indicator_case_open", "indicator_case", order,
        postgresql_include=["at", "late_from", "kind", "outcome", "defect_id", *GROUPS],
        postgresql_where=sa.text("kind = 'order' AND outcome IN ('waiting', 'done')"),
    )  # fmt: skip


def _months() -> None:
    """As `indicator_day`, and filled from it."""
    op.execute("CREATE TABLE indicator_month (LIKE indicator_day INCLUDING IDENTITY)")
    op.execute("ALTER TABLE indicator_month ADD CONSTRAINT pk_indicator_month PRIMARY KEY (id)")
    columns = "day, municipality_id, district_id, unit_id, contractor_id, class_key, source"
    op.execute(f"ALTER TABLE indicator_month ADD CONSTRAINT uq_indicator_month UNIQUE NULLS NOT DISTINCT ({columns})")
    op.create_index("ix_indicator_month_place", "indicator_month", ["municipality_id", "day"])
    op.create_index("ix_indicator_month_empty", "indicator_month", ["id"], postgresql_where=sa.text("cases = 0"))
    names = (
        "cases", "observed", "received", "cancelled", "treated", "in_time", "repairs", "repairs_lasting", "judged",
        "judged_right", "rated", "satisfied", "cost", "costed", "completed", "quantity",
    )  # fmt: skip
    sums = ", ".join(f"sum({name})" for name in names)
    op.execute(f"""
        INSERT INTO indicator_month ({columns}, {", ".join(names)})
        SELECT date_trunc('month', day)::date, municipality_id, district_id, unit_id, contractor_id, class_key, source,
            {sums} FROM indicator_day GROUP BY 1, 2, 3, 4, 5, 6, 7
    """)
