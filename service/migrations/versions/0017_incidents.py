"""Incidents, what they add to priorities, and when orders were due before them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EXTENT = ("west", "south", "east", "north")


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "incident",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("area", json, nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in EXTENT),
        sa.Column("rules", json, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.Column("declared_by_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("kind IN ('rain', 'sandstorm', 'other')", name=op.f("ck_incident_incidentkind")),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_incident_municipality_id")),
        sa.ForeignKeyConstraint(["declared_by_id"], ["user_account.id"], name=op.f("fk_incident_declared_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint(
            "municipality_id", "kind", "starts_at", name=op.f("uq_incident_municipality_id_kind_starts_at")
        ),
    )
    op.create_index(
        "ix_incident_lasting", "incident", ["municipality_id"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.add_column("defect", sa.Column("incident_points", sa.Double(), server_default="0", nullable=False))
    op.add_column("work_order", sa.Column("due_before_incident", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_defect_incident", "defect", ["municipality_id"], postgresql_where=sa.text("incident_points > 0")
    )
    op.create_index(
        "ix_work_order_hurried", "work_order", ["municipality_id"],
        postgresql_where=sa.text("due_before_incident IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_work_order_hurried", "work_order")
    op.drop_index("ix_defect_incident", "defect")
    op.drop_column("work_order", "due_before_incident")
    op.drop_column("defect", "incident_points")
    op.drop_table("incident")
