"""What people teach the model: boxes they moved and drew, and the classes they looked for in a frame"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("detection", sa.Column("added_by_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_detection_added_by_id"), "detection", "user_account", ["added_by_id"], ["id"])
    op.add_column("review", sa.Column("detection_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_review_detection_id"), "review", "detection", ["detection_id"], ["id"])
    op.create_index(op.f("ix_review_detection_id"), "review", ["detection_id"], unique=False)
    for name in ("x0_px", "y0_px", "x1_px", "y1_px"):
        op.add_column("review", sa.Column(name, sa.Double(), nullable=True))
    op.drop_constraint(op.f("ck_review_verdict"), "review", type_="check")
    op.create_check_constraint(
        op.f("ck_review_verdict"), "review", "verdict IN ('accept', 'reject', 'reclassify', 'merge', 'move')"
    )
    # Verdicts given before this: where a defect was seen once, that sighting is what the person looked at.
    op.execute(
        "UPDATE review SET detection_id = defect.best_detection_id FROM defect "
        "WHERE defect.id = review.defect_id AND defect.sightings_count = 1"
    )
    op.create_table(
        "frame_check",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("frame_id", sa.BigInteger(), nullable=False),
        sa.Column("class_key", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["frame_id"], ["frame.id"], name=op.f("fk_frame_check_frame_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_frame_check_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frame_check")),
        sa.UniqueConstraint("frame_id", "class_key", name=op.f("uq_frame_check_frame_id_class_key")),
    )


def downgrade() -> None:
    raise NotImplementedError("verdicts of this kind have no place in the schema before: restore a backup instead")
