"""What is known of a survey's lens, and what deleting a frame does to the rows that speak of it"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ON_DELETE = (
    ("upload", "frame", "SET NULL"),
    ("upload", "archive", "SET NULL"),
    ("upload", "track", "SET NULL"),
    ("upload_set_file", "frame", "CASCADE"),
    ("blur_report", "frame", "CASCADE"),
)


def upgrade() -> None:
    op.add_column("survey", sa.Column("lens_code", sa.String(length=40), nullable=True))
    op.add_column("survey", sa.Column("lens_share", sa.Double(), nullable=True))
    op.add_column("survey", sa.Column("lens_checked_at", sa.DateTime(timezone=True), nullable=True))
    for table, target, ondelete in ON_DELETE:
        _replace_foreign_key(table, target, ondelete)
    op.create_index(op.f("ix_upload_frame_id"), "upload", ["frame_id"], unique=False)
    op.create_index(op.f("ix_upload_set_file_frame_id"), "upload_set_file", ["frame_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_upload_set_file_frame_id"), table_name="upload_set_file")
    op.drop_index(op.f("ix_upload_frame_id"), table_name="upload")
    for table, target, _ in ON_DELETE:
        _replace_foreign_key(table, target, None)
    for name in ("lens_checked_at", "lens_share", "lens_code"):
        op.drop_column("survey", name)


def _replace_foreign_key(table: str, target: str, ondelete: str | None) -> None:
    name = op.f(f"fk_{table}_{target}_id")
    op.drop_constraint(name, table, type_="foreignkey")
    op.create_foreign_key(name, table, target, [f"{target}_id"], ["id"], ondelete=ondelete)
