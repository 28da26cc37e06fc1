"""How likely a candidate is real: what the scores of a visit say, and the chance by all visits"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit", sa.Column("score_log", sa.Double(), nullable=True))
    op.add_column("defect", sa.Column("real_log_odds", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("defect", "real_log_odds")
    op.drop_column("visit", "score_log")
