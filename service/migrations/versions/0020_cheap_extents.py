"""Indexes from which extents, boxes on maps and late orders are read without looking at every row"""

from alembic import op

revision = "0020"
down_revision = "0023"
branch_labels = None
depends_on = None

LIVE = "state IN ('assigned', 'in_progress', 'on_hold', 'open', 'referred')"
ENDS = "coalesce(closed_at, 'infinity'::timestamp with time zone)"
PLAIN = {
    "ix_defect_lat": "defect (municipality_id, lat)",
    "ix_defect_lon": "defect (municipality_id, lon)",
    "ix_defect_first_seen": "defect (municipality_id, first_seen_at)",
    "ix_defect_last_seen": "defect (municipality_id, last_seen_at)",
    "ix_defect_h3_cell": "defect (h3_cell) INCLUDE (id, lat, lon, priority, score, state, class_key, municipality_id)",
    "ix_defect_confirmed": "defect (municipality_id, first_seen_at) INCLUDE (id, class_key, lat, lon)"
    " WHERE state = 'confirmed'",
    "ix_work_order_ends": f"work_order (municipality_id, ({ENDS}), opened_at)",
    "ix_work_order_live": f"work_order (due_at, id, state, class_key, municipality_id, unit_id, held_at) WHERE {LIVE}",
}


def upgrade() -> None:
    op.drop_index("ix_defect_h3_cell", "defect")
    for name, columns in PLAIN.items():
        op.execute(f"CREATE INDEX {name} ON {columns}")


def downgrade() -> None:
    for name in PLAIN:
        op.execute(f"DROP INDEX {name}")
    op.create_index("ix_defect_h3_cell", "defect", ["h3_cell"])
