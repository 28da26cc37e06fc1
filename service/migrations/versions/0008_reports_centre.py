"""People of the reports centre have a role of their own"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = ("admin", "supervisor", "inspector", "unit")


def upgrade() -> None:
    _allow((*BEFORE, "centre"))


def downgrade() -> None:
    op.execute("UPDATE user_account SET role = 'inspector' WHERE role = 'centre'")
    _allow(BEFORE)


def _allow(roles: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_user_account_role"), "user_account", type_="check")
    listed = ", ".join(f"'{role}'" for role in roles)
    op.create_check_constraint(op.f("ck_user_account_role"), "user_account", f"role IN ({listed})")
