"""Citizens' reports: who sent them apart, notices, ratings, keys and connections of Open311"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=True),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("key_prefix", sa.String(length=16), nullable=False),
        sa.Column("notice_url", sa.String(length=500), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_api_key_municipality_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    op.create_table(
        "open311_connection",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=True),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("jurisdiction_id", sa.String(length=120), nullable=True),
        sa.Column("format", sa.String(length=4), nullable=False),
        sa.Column("service_codes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pull", sa.Boolean(), nullable=False),
        sa.Column("push", sa.Boolean(), nullable=False),
        sa.Column("tell_updates", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("polled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_open311_connection_municipality_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open311_connection")),
        sa.UniqueConstraint("key", name=op.f("uq_open311_connection_key")),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=True),
        sa.Column(
            "source",
            sa.Enum(
                "open311", "centre", "web", name="reportsource", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("api_key_id", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("class_key", sa.String(length=40), nullable=True),
        sa.Column("description", sa.String(length=4000), nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("place_sd_m", sa.Double(), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("address_id", sa.String(length=120), nullable=True),
        sa.Column("media_urls", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "accepted",
                "referred",
                "rejected",
                "in_work",
                "closed",
                "reopened",
                name="reportstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "step",
            sa.Enum(
                "received",
                "inspection",
                "confirmed",
                "work_begun",
                "work_done",
                "referred",
                "rejected",
                "fixed",
                "gone",
                "closed",
                "reopened",
                "answered",
                name="step",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=4000), nullable=True),
        sa.Column("agency", sa.String(length=200), nullable=True),
        sa.Column("defect_id", sa.BigInteger(), nullable=True),
        sa.Column("taken_by_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closings", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name=op.f("ck_report_place")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"], name=op.f("fk_report_api_key_id")),
        sa.ForeignKeyConstraint(["defect_id"], ["defect.id"], name=op.f("fk_report_defect_id")),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_report_municipality_id")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["user_account.id"], name=op.f("fk_report_taken_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("number", name=op.f("uq_report_number")),
        sa.UniqueConstraint("token", name=op.f("uq_report_token")),
    )
    op.create_index(op.f("ix_report_closed_at"), "report", ["closed_at"], unique=False)
    op.create_index(op.f("ix_report_defect_id"), "report", ["defect_id"], unique=False)
    op.create_index("ix_report_digest", "report", ["digest", "received_at"], unique=False)
    op.create_index("ix_report_municipality_state", "report", ["municipality_id", "state", "id"], unique=False)
    op.create_index("ix_report_received", "report", ["received_at", "id"], unique=False)
    op.create_index(op.f("ix_report_updated_at"), "report", ["updated_at"], unique=False)
    op.create_table(
        "open311_peer_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("pulled", sa.Boolean(), nullable=False),
        sa.Column("service_request_id", sa.String(length=120), nullable=True),
        sa.Column("token", sa.String(length=120), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_update_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("their_status", sa.String(length=40), nullable=True),
        sa.Column("their_updated", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["open311_connection.id"], name=op.f("fk_open311_peer_request_connection_id")
        ),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_open311_peer_request_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open311_peer_request")),
        sa.UniqueConstraint("connection_id", "report_id", name=op.f("uq_open311_peer_request_connection_id_report_id")),
        sa.UniqueConstraint(
            "connection_id", "service_request_id", name=op.f("uq_open311_peer_request_connection_id_service_request_id")
        ),
    )
    op.create_index(op.f("ix_open311_peer_request_report_id"), "open311_peer_request", ["report_id"], unique=False)
    op.create_table(
        "rating",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("municipality_id", sa.BigInteger(), nullable=False),
        sa.Column("closing", sa.BigInteger(), nullable=False),
        sa.Column("stars", sa.BigInteger(), nullable=False),
        sa.Column("satisfied", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_rating_stars")),
        sa.ForeignKeyConstraint(["municipality_id"], ["municipality.id"], name=op.f("fk_rating_municipality_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_rating_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("report_id", "closing", name=op.f("uq_rating_report_id_closing")),
    )
    op.create_index("ix_rating_municipality", "rating", ["municipality_id", "created_at"], unique=False)
    op.create_table(
        "report_photo",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob_key", sa.String(length=200), nullable=True),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("blur", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_report_photo_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_photo")),
        sa.UniqueConstraint("key", name=op.f("uq_report_photo_key")),
        sa.UniqueConstraint("report_id", "sha256", name=op.f("uq_report_photo_report_id_sha256")),
    )
    op.create_index(op.f("ix_report_photo_report_id"), "report_photo", ["report_id"], unique=False)
    op.create_table(
        "report_update",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "accepted",
                "referred",
                "rejected",
                "in_work",
                "closed",
                "reopened",
                name="reportstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "step",
            sa.Enum(
                "received",
                "inspection",
                "confirmed",
                "work_begun",
                "work_done",
                "referred",
                "rejected",
                "fixed",
                "gone",
                "closed",
                "reopened",
                "answered",
                name="step",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=4000), nullable=True),
        sa.Column("said_status", sa.String(length=40), nullable=True),
        sa.Column("outside_id", sa.String(length=160), nullable=True),
        sa.Column("noticed", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_report_update_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_update")),
        sa.UniqueConstraint("report_id", "outside_id", name=op.f("uq_report_update_report_id_outside_id")),
    )
    op.create_index("ix_report_update_at", "report_update", ["at", "id"], unique=False)
    op.create_index(
        "ix_report_update_new", "report_update", ["id"], unique=False, postgresql_where=sa.text("NOT noticed")
    )
    op.create_index(op.f("ix_report_update_report_id"), "report_update", ["report_id"], unique=False)
    op.create_table(
        "reporter",
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("first_name", sa.String(length=120), nullable=True),
        sa.Column("last_name", sa.String(length=120), nullable=True),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("device_id", sa.String(length=120), nullable=True),
        sa.Column("words", sa.String(length=4000), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_reporter_report_id")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_reporter")),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sent",
                "failed",
                "dropped",
                name="noticestate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_notice_report_id")),
        sa.ForeignKeyConstraint(["update_id"], ["report_update.id"], name=op.f("fk_notice_update_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("update_id", "channel", name=op.f("uq_notice_update_id_channel")),
    )
    op.create_index("ix_notice_due", "notice", ["next_at"], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(op.f("ix_notice_report_id"), "notice", ["report_id"], unique=False)
    op.add_column("defect", sa.Column("reports_count", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("defect", "reports_count")
    op.drop_index(op.f("ix_notice_report_id"), table_name="notice")
    op.drop_index("ix_notice_due", table_name="notice", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("notice")
    op.drop_table("reporter")
    op.drop_index(op.f("ix_report_update_report_id"), table_name="report_update")
    op.drop_index("ix_report_update_new", table_name="report_update", postgresql_where=sa.text("NOT noticed"))
    op.drop_index("ix_report_update_at", table_name="report_update")
    op.drop_table("report_update")
    op.drop_index(op.f("ix_report_photo_report_id"), table_name="report_photo")
    op.drop_table("report_photo")
    op.drop_index("ix_rating_municipality", table_name="rating")
    op.drop_table("rating")
    op.drop_index(op.f("ix_open311_peer_request_report_id"), table_name="open311_peer_request")
    op.drop_table("open311_peer_request")
    op.drop_index(op.f("ix_report_updated_at"), table_name="report")
    op.drop_index("ix_report_received", table_name="report")
    op.drop_index("ix_report_municipality_state", table_name="report")
    op.drop_index("ix_report_digest", table_name="report")
    op.drop_index(op.f("ix_report_defect_id"), table_name="report")
    op.drop_index(op.f("ix_report_closed_at"), table_name="report")
    op.drop_table("report")
    op.drop_table("open311_connection")
    op.drop_table("api_key")
