"""Where a defect is and whether it is the same one: visits, error ellipses, presence, priority, how cameras hang"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What was seen before this: all sightings of a defect as one visit, placed as they were, within a few metres.
ONE_VISIT_EACH = """
    INSERT INTO visit (defect_id, survey_id, first_at, last_at, sightings, looks, unseen_log, lat, lon,
        cov_ee_m2, cov_en_m2, cov_nn_m2, bias_sd_m, gps_sd_m)
    SELECT defect.id, frame.survey_id, defect.first_seen_at, defect.last_seen_at, defect.sightings_count,
        defect.sightings_count, 0, defect.lat, defect.lon, 4, 0, 4, 1, 3
    FROM defect JOIN detection ON detection.id = defect.best_detection_id JOIN frame ON frame.id = detection.frame_id
    WHERE defect.sightings_count > 0
"""
REPAIRS_SO_FAR = """
    INSERT INTO repair (work_order_id, defect_id, unit_id, municipality_id, class_key, done_at, verified_at, verified_by)
    SELECT id, defect_id, unit_id, municipality_id, class_key, done_at, closed_at,
        CASE WHEN closed_at IS NOT NULL THEN 'person' END
    FROM work_order WHERE done_at IS NOT NULL
"""
ELLIPSE = ("cov_ee_m2", "cov_en_m2", "cov_nn_m2")


def upgrade() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("defect_id", sa.BigInteger(), nullable=False),
        sa.Column("survey_id", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sightings", sa.BigInteger(), nullable=False),
        sa.Column("looks", sa.BigInteger(), nullable=False),
        sa.Column("unseen_log", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ELLIPSE),
        sa.Column("bias_sd_m", sa.Double(), nullable=True),
        sa.Column("gps_sd_m", sa.Double(), nullable=True),
        sa.Column("heading_deg", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["defect_id"], ["defect.id"], name=op.f("fk_visit_defect_id")),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_visit_survey_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index(op.f("ix_visit_defect_id"), "visit", ["defect_id"], unique=False)
    op.create_index("ix_visit_survey", "visit", ["survey_id", "last_at"], unique=False)
    op.add_column("sighting", sa.Column("visit_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_sighting_visit_id"), "sighting", ["visit_id"], unique=False)
    op.create_foreign_key(op.f("fk_sighting_visit_id"), "sighting", "visit", ["visit_id"], ["id"], ondelete="SET NULL")
    for table in ("detection", "defect"):
        for name in (*ELLIPSE, "size_sd"):
            op.add_column(table, sa.Column(name, sa.Double(), nullable=True))
    op.add_column(
        "defect", sa.Column("class_votes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column("defect", sa.Column("visits_count", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("defect", sa.Column("presence", sa.Double(), server_default="0", nullable=False))
    op.add_column("defect", sa.Column("absence", sa.String(length=24), nullable=True))
    op.create_check_constraint(op.f("ck_defect_absence"), "defect", "absence IN ('fixed', 'gone')")
    for name in ("absence_at", "absence_overruled_at"):
        op.add_column("defect", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_defect_absence", "defect", ["id"], postgresql_where=sa.text("absence IS NOT NULL"))
    _create_repairs()
    op.add_column("defect", sa.Column("priority", sa.Double(), server_default="0", nullable=False))
    op.add_column(
        "defect",
        sa.Column("priority_parts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.execute(ONE_VISIT_EACH)
    op.add_column("frame", sa.Column("gps_sd_m", sa.Double(), nullable=True))
    op.add_column("survey", sa.Column("mounting", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def _create_repairs() -> None:
    op.add_column("inspection", sa.Column("by", sa.String(length=24), server_default="person", nullable=False))
    op.create_check_constraint(op.f("ck_inspection_verifiedby"), "inspection", "\"by\" IN ('person', 'pass')")
    op.create_table(
        "repair",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("work_order_id", sa.BigInteger(), nullable=False),
        sa.Column("defect_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("class_key", sa.String(length=40), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.String(length=24), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lasted_days", sa.Double(), nullable=True),
        sa.CheckConstraint("verified_by IN ('person', 'pass')", name=op.f("ck_repair_verifiedby")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_order.id"], name=op.f("fk_repair_work_order_id")),
        sa.ForeignKeyConstraint(["defect_id"], ["defect.id"], name=op.f("fk_repair_defect_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_repair_unit_id")),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_repair_municipality_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair")),
        sa.UniqueConstraint("work_order_id", "done_at", name=op.f("uq_repair_work_order_id_done_at")),
    )
    op.create_index("ix_repair_municipality_done", "repair", ["municipality_id", "done_at"])
    op.execute(REPAIRS_SO_FAR)


def downgrade() -> None:
    op.drop_column("survey", "mounting")
    op.drop_column("frame", "gps_sd_m")
    op.drop_table("repair")
    op.drop_column("inspection", "by")
    for name in (
        "priority_parts",
        "priority",
        "absence_overruled_at",
        "absence_at",
        "absence",
        "presence",
        "visits_count",
        "class_votes",
    ):
        op.drop_column("defect", name)
    for table in ("detection", "defect"):
        for name in (*ELLIPSE, "size_sd"):
            op.drop_column(table, name)
    op.drop_constraint(op.f("fk_sighting_visit_id"), "sighting", type_="foreignkey")
    op.drop_index(op.f("ix_sighting_visit_id"), table_name="sighting")
    op.drop_column("sighting", "visit_id")
    op.drop_table("visit")
