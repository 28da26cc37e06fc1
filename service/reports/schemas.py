"""What the reports API takes and gives; nothing here but `ReporterOut` tells of a person."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, HttpUrl, StringConstraints

from service.core.fields import NO_NUL, Key, Name, RowId
from service.core.tables import JsonObject
from service.defects.schemas import ClassKey, DefectOut
from service.reports.models import NoticeState, ReportSource
from service.reports.states import ReportState, Step

Lat = Annotated[FiniteFloat, Field(ge=-90, le=90)]
Lon = Annotated[FiniteFloat, Field(ge=-180, le=180)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=NO_NUL)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=NO_NUL)]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r'^[^\s@<>,;"\x00]+@[^\s@<>,;"\x00]+\.[^\s@<>,;"\x00]+$')
]


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonIn(Body):
    """Who reports; all of it may be left out."""

    email: Email | None = None
    phone: Annotated[str, StringConstraints(max_length=40, pattern=NO_NUL)] | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    language: Literal["ar", "en"] = "ar"


class ReportIn(Body):
    source: Literal["centre", "web"] = "centre"
    class_key: ClassKey | None = Field(None, description="left out: something else, to be named later")
    description: Annotated[str, StringConstraints(max_length=4000, pattern=NO_NUL)] = ""
    lat: Lat | None = None
    lon: Lon | None = None
    place_sd_m: Annotated[FiniteFloat, Field(gt=0, le=200)] | None = Field(None, description="how far it may err")
    address: Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)] | None = None
    municipality_id: RowId | None = Field(None, description="needed for an address alone")
    person: PersonIn = PersonIn()


class PhotoOut(Row):
    id: int
    url: str
    public: bool = Field(description="faces and plates were looked for, so everybody may see it")


class UpdateOut(Row):
    id: int
    at: datetime
    state: ReportState
    step: Step
    note: str | None
    said_status: str | None = Field(description="what software outside calls the state")


class ReportOut(Row):
    id: int
    number: str = Field(description="service_request_id of Open311")
    municipality_id: int
    source: ReportSource
    class_key: str | None
    description: str = Field(description="telephone numbers and addresses masked")
    attributes: JsonObject
    lat: float | None
    lon: float | None
    address: str | None
    state: ReportState
    step: Step
    note: str | None
    agency: str | None
    defect_id: int | None
    taken_by_id: int | None
    received_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    reopened_at: datetime | None


class ReportDetail(ReportOut):
    actions: list[str]
    photos: list[PhotoOut]
    updates: list[UpdateOut]


class ProposalOut(BaseModel):
    """A defect that a report may mean, with the evidence."""

    defect: DefectOut
    distance_m: float
    mahalanobis: float = Field(description="that distance in standard deviations of both places")
    log_ratio: float = Field(description="logarithm of how much likelier it is than one that nobody knows")
    chance: float = Field(description="0 to 1, beside all others and a new one")


class ReporterOut(Row):
    """Who sent a report; each reading is recorded."""

    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None
    account_id: str | None
    words: str | None = Field(description="the description as sent, where something in it was masked")
    language: str


class TakeIn(Body):
    class_key: ClassKey | None = None
    lat: Lat | None = None
    lon: Lon | None = None


class MergeIn(Body):
    defect_id: RowId


class CandidateIn(Body):
    class_key: ClassKey | None = Field(None, description="left out: as reported")


class ReferIn(Body):
    agency: Name
    note: Words | None = None
    connection: Key | None = Field(None, description="Open311 connection that it is posted to")


class NoteIn(Body):
    note: Words


class ReopenIn(Body):
    note: Words | None = None


class NoticeOut(Row):
    """A message to a reporter, without address and words."""

    id: int
    report_id: int
    update_id: int
    channel: str
    state: NoticeState
    attempts: int
    next_at: datetime = Field(description="of the next try, while it waits")
    error: str | None = Field(description="kind of the last failure")
    sent_at: datetime | None


class RateIn(Body):
    stars: Annotated[int, Field(ge=1, le=5)]
    satisfied: bool


class LinkOut(BaseModel):
    """What a reporter's link is for."""

    number: str
    class_key: str | None
    state: ReportState
    until: datetime
    rated: bool
    may_reopen: bool


class ApiKeyIn(Body):
    name: Name
    municipality_id: RowId | None = None
    notice_url: HttpUrl | None = Field(None, description="told of every step of its reports, signed")


class ApiKeyOut(Row):
    id: int
    name: str
    municipality_id: int | None
    key_prefix: str
    notice_url: str | None
    revoked_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    api_key: str = Field(description="shown this once")
    notice_secret: str = Field(description="with which notices are signed (Standard Webhooks)")


class ConnectionIn(Body):
    municipality_id: RowId | None = None
    url: HttpUrl = Field(description="of the endpoint, without /requests and a format")
    jurisdiction_id: Short | None = None
    format: Literal["json", "xml"] = "json"
    service_codes: dict[ClassKey | Literal["other"], Short] = Field(description="our class -> their service_code")
    pull: bool = False
    push: bool = False
    tell_updates: bool = False
    active: bool = True


class ConnectionOut(Row):
    id: int
    key: str
    municipality_id: int | None
    url: str
    jurisdiction_id: str | None
    format: str
    service_codes: dict[str, str]
    pull: bool
    push: bool
    tell_updates: bool
    active: bool
    polled_until: datetime | None
    last_ok_at: datetime | None
    last_error: str | None
