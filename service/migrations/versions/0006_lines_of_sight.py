"""Lines of sight of detections, and by how much each visit's fix was off"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FIX = ("fix_east_m", "fix_north_m", "fix_sd_m")
# What sightings had in common was kept beside the ellipse; now it is in it.
WHOLE_ELLIPSES = """
    UPDATE visit SET cov_ee_m2 = cov_ee_m2 + bias_sd_m ^ 2, cov_nn_m2 = cov_nn_m2 + bias_sd_m ^ 2
    WHERE bias_sd_m IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("detection", sa.Column("ray", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    for name in FIX:
        op.add_column("visit", sa.Column(name, sa.Double(), nullable=True))
    op.execute(WHOLE_ELLIPSES)
    op.drop_column("visit", "bias_sd_m")


def downgrade() -> None:
    op.add_column("visit", sa.Column("bias_sd_m", sa.Double(), nullable=True))
    for name in FIX:
        op.drop_column("visit", name)
    op.drop_column("detection", "ray")
