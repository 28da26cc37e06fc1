"""Municipalities may publish an anonymised subset of their defects"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "publication",
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("delay_days", sa.BigInteger(), nullable=False),
        sa.Column("grid_m", sa.Double(), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_publication_municipality_id")),
        sa.PrimaryKeyConstraint("municipality_id", name=op.f("pk_publication")),
    )


def downgrade() -> None:
    op.drop_table("publication")
