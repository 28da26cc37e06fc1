"""Ratings of reports that have no defect, and perhaps no class, are counted too"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = ("indicator_case", "indicator_day", "indicator_month")
ALONE = "kind = 'rating' AND defect_id < 0"
# What `facts` would derive of the reports of before; each is a summand of its day and of its month.
CASES = """
    INSERT INTO indicator_case (defect_id, kind, ref_id, number, at, day, municipality_id, class_key, source, outcome,
                                rating)
    SELECT -report.id, 'rating', one.id, 0, one.created_at, (one.created_at AT TIME ZONE 'Asia/Riyadh')::date,
           one.municipality_id, report.class_key, 'centre',
           CASE WHEN one.satisfied THEN 'satisfied' ELSE 'unsatisfied' END, one.stars
    FROM rating AS one JOIN report ON report.id = one.report_id WHERE report.defect_id IS NULL
"""
SUMS = ("cases", "rated", "satisfied")
NOTHING = (
    "observed", "received", "cancelled", "treated", "in_time", "repairs", "repairs_lasting", "judged", "judged_right",
    "cost", "costed", "completed", "quantity",
)  # fmt: skip


def upgrade() -> None:
    for table in TABLES:
        op.alter_column(table, "class_key", nullable=True)
    op.execute(CASES)
    for table, day in (("indicator_day", "day"), ("indicator_month", "date_trunc('month', day)::date")):
        op.execute(f"""
            INSERT INTO {table} (day, municipality_id, class_key, source, {", ".join((*SUMS, *NOTHING))})
            SELECT {day}, municipality_id, class_key, source, count(*), count(*),
                   count(*) FILTER (WHERE outcome = 'satisfied'), {", ".join("0" for _ in NOTHING)}
            FROM indicator_case WHERE {ALONE} GROUP BY {day}, municipality_id, class_key, source
            ON CONFLICT ON CONSTRAINT uq_{table} DO UPDATE
            SET {", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in SUMS)}
        """)


def downgrade() -> None:
    """The sums of classes stay; counting anew mends them."""
    op.execute(f"DELETE FROM indicator_case WHERE {ALONE}")
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE class_key IS NULL")
        op.alter_column(table, "class_key", nullable=False)
