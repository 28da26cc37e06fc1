"""What must be shown of a repair before it counts as done"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proof_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=True),
        sa.Column("class_key", sa.String(40), nullable=True),
        sa.Column("demands", postgresql.ARRAY(sa.String(24)), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_proof_rule_municipality_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof_rule")),
        sa.UniqueConstraint(
            "municipality_id", "class_key", name=op.f("uq_proof_rule_scope"), postgresql_nulls_not_distinct=True
        ),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("proof_rule")
