"""Photos of repairs found by their content, since one of them may have been sent for two orders"""

from alembic import op

revision = "0022"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_proof_sha256", "proof", ["sha256"])


def downgrade() -> None:
    op.drop_index("ix_proof_sha256", "proof")
