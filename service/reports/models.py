"""What citizens tell: reports and their photos, the people behind them in a table of their own, what they are told."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.defects.models import Defect
from service.reports.states import ReportState, Step


class ReportSource(StrEnum):
    OPEN311 = "open311"
    CENTRE = "centre"  # an agent of the 940 centre wrote it down
    WEB = "web"


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # all tries were used up
    DROPPED = "dropped"  # nobody to send it to any more


class Report(Base):
    """One citizen's word of one thing; who that was is in `reporter`."""

    __tablename__ = "report"
    __table_args__ = (
        Index("ix_report_municipality_state", "municipality_id", "state", "id"),
        Index("ix_report_received", "received_at", "id"),
        Index("ix_report_digest", "digest", "received_at"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
    )

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    number: Mapped[str] = mapped_column(String(60), unique=True)  # Open311's service_request_id
    token: Mapped[str | None] = mapped_column(String(40), unique=True)  # told until a person has said what it is
    source: Mapped[ReportSource] = mapped_column(status_column(ReportSource))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))  # the program that sent it
    digest: Mapped[str] = mapped_column(String(64))  # of all that was sent, so that twice is once
    class_key: Mapped[str | None] = mapped_column(String(40))  # None: something else, until a person says what
    description: Mapped[str] = mapped_column(String(4000))  # telephone numbers and addresses masked
    attributes: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    lat: Mapped[float | None]  # both None: told by address alone, to be placed by a person
    lon: Mapped[float | None]
    place_sd_m: Mapped[float]  # per axis, of that place
    address: Mapped[str | None] = mapped_column(String(500))
    address_id: Mapped[str | None] = mapped_column(String(120))
    media_urls: Mapped[JsonObject] = mapped_column(
        default=dict, server_default="{}"
    )  # address told -> what became of it; None: not tried, {tries, next_at}: tried in vain so far
    state: Mapped[ReportState] = mapped_column(status_column(ReportState))
    step: Mapped[Step] = mapped_column(status_column(Step))
    note: Mapped[str | None] = mapped_column(String(4000))  # words of the last step, public
    agency: Mapped[str | None] = mapped_column(String(200))  # whom it was referred to
    defect_id: Mapped[int | None] = mapped_column(ForeignKey("defect.id"), index=True)
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    reopened_at: Mapped[datetime | None]
    closings: Mapped[int] = mapped_column(default=0, server_default="0")  # each can be rated once
    municipality: Mapped[Municipality] = relationship()
    defect: Mapped[Defect | None] = relationship()
    photos: Mapped[list["ReportPhoto"]] = relationship(order_by="ReportPhoto.id")


class ReportPhoto(Base):
    """A photo as stored: faces and plates blurred, or not to be shown in public."""

    __tablename__ = "report_photo"
    __table_args__ = (UniqueConstraint("report_id", "sha256"),)

    id: Mapped[Id]
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)  # random, in its public address
    sha256: Mapped[str] = mapped_column(String(64))  # of the bytes as sent
    blob_key: Mapped[str | None] = mapped_column(String(200))  # None: deleted by its age
    media_type: Mapped[str] = mapped_column(String(40))
    blur: Mapped[JsonObject | None]  # None: nobody looked for faces; such a photo is not public
    created_at: Mapped[CreatedAt]


class Reporter(Base):
    """Who sent a report: only what was given, deleted some days after the report is over."""

    __tablename__ = "reporter"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(40))
    first_name: Mapped[str | None] = mapped_column(String(120))
    last_name: Mapped[str | None] = mapped_column(String(120))
    account_id: Mapped[str | None] = mapped_column(String(120))
    device_id: Mapped[str | None] = mapped_column(String(120))
    words: Mapped[str | None] = mapped_column(String(4000))  # the description as sent, where something was masked
    language: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[CreatedAt]


class ReportUpdate(Base):
    """One public step of a report; append-only. Open311's service request update."""

    __tablename__ = "report_update"
    __table_args__ = (
        UniqueConstraint("report_id", "outside_id"),
        Index("ix_report_update_at", "at", "id"),
        Index("ix_report_update_new", "id", postgresql_where=text("NOT noticed")),
    )

    id: Mapped[Id]
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    at: Mapped[datetime]
    state: Mapped[ReportState] = mapped_column(status_column(ReportState))
    step: Mapped[Step] = mapped_column(status_column(Step))
    note: Mapped[str | None] = mapped_column(String(4000))
    said_status: Mapped[str | None] = mapped_column(String(40))  # what the sender of it calls the state
    outside_id: Mapped[str | None] = mapped_column(String(160))  # who sent it and its number there
    noticed: Mapped[bool] = mapped_column(default=False, server_default="false")  # notices of it are in the outbox
    report: Mapped[Report] = relationship()


class ApiKey(Base):
    """What a program writes reports with; only its SHA-256 is kept."""

    __tablename__ = "api_key"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(120))
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: all
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    key_prefix: Mapped[str] = mapped_column(String(16))
    notice_url: Mapped[str | None] = mapped_column(String(500))  # told of every step of its reports
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class Notice(Base):
    """The outbox: what a reporter is to be told, without address or words; both are looked up when it is sent."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("update_id", "channel"),
        Index("ix_notice_due", "next_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[Id]
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    update_id: Mapped[int] = mapped_column(ForeignKey("report_update.id"))
    channel: Mapped[str] = mapped_column(String(40))
    state: Mapped[NoticeState] = mapped_column(status_column(NoticeState))
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(String(200))  # kind of the last failure, never an address
    sent_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    update: Mapped[ReportUpdate] = relationship()
    report: Mapped[Report] = relationship()


class Rating(Base):
    """What a reporter thinks of one closing of a report."""

    __tablename__ = "rating"
    __table_args__ = (
        UniqueConstraint("report_id", "closing"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        Index("ix_rating_municipality", "municipality_id", "created_at"),
    )

    id: Mapped[Id]
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    closing: Mapped[int]  # `Report.closings` then
    stars: Mapped[int]
    satisfied: Mapped[bool]
    created_at: Mapped[datetime]


class Connection(Base):
    """Another Open311 endpoint that we read reports from and send reports to; its key is a setting."""

    __tablename__ = "open311_connection"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(40), unique=True)
    municipality_id: Mapped[int | None] = mapped_column(ForeignKey("municipality.id"))  # None: by boundary
    url: Mapped[str] = mapped_column(String(500))  # of the endpoint, without a slash at its end
    jurisdiction_id: Mapped[str | None] = mapped_column(String(120))
    format: Mapped[str] = mapped_column(String(4))  # json | xml
    service_codes: Mapped[JsonObject]  # our class key -> their service_code
    pull: Mapped[bool]  # their requests become our reports, and they are told the steps
    push: Mapped[bool]  # reports that are referred to it are posted there
    tell_updates: Mapped[bool]  # post servicerequestupdates for what was pulled
    active: Mapped[bool] = mapped_column(default=True, server_default="true")
    polled_until: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[CreatedAt]


class PeerRequest(Base):
    """One report as another endpoint knows it."""

    __tablename__ = "open311_peer_request"
    __table_args__ = (
        UniqueConstraint("connection_id", "report_id"),
        UniqueConstraint("connection_id", "service_request_id"),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = mapped_column(ForeignKey("open311_connection.id"))
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    pulled: Mapped[bool]  # it began there; else we posted it
    service_request_id: Mapped[str | None] = mapped_column(String(120))  # None: not posted yet, or only a token
    token: Mapped[str | None] = mapped_column(String(120))
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")  # of posting; the first answer may be lost
    told_update_id: Mapped[int] = mapped_column(default=0, server_default="0")  # ours, up to which they know
    their_status: Mapped[str | None] = mapped_column(String(40))
    their_updated: Mapped[str | None] = mapped_column(String(40))  # as they wrote it
    report: Mapped[Report] = relationship()
