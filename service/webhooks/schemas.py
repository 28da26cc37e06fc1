"""What goes over the wire about webhooks; a secret only in the answer that makes it."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.core.fields import NO_NUL, RowId
from service.webhooks.catalogue import PREFIX, event_type, unknown_patterns
from service.webhooks.models import DeliveryState, WebhookDelivery, WebhookState
from service.webhooks.payload import message_id


def _known(patterns: list[str]) -> list[str]:
    if unknown := unknown_patterns(patterns):
        raise ValueError(f"expected types of GET /api/v1/event-types, work_order.* or *, got {', '.join(unknown)}")
    return sorted(set(patterns))


Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
Patterns = Annotated[
    list[Annotated[str, StringConstraints(max_length=82)]],
    Field(min_length=1, max_length=100, description="Types, or patterns such as `work_order.*` and `*`."),
    AfterValidator(_known),
]


class EventType(BaseModel):
    type: str = Field(description="as a webhook asks for it: work_order.assign")
    cloud_event_type: str = Field(description="as a message names it: sa.rasid.work_order.assign")
    description: str


class WebhookChange(BaseModel):
    url: Url = Field(description="https; other addresses where the operator allows the host")
    description: Annotated[str, StringConstraints(max_length=120, pattern=NO_NUL)] = ""
    event_types: Patterns


class WebhookIn(WebhookChange):
    municipality_id: RowId | None = Field(None, description="whose events; null: of all, for an administrator")


class WebhookOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    municipality_id: int | None
    url: str
    description: str
    event_types: list[str]
    state: WebhookState
    reason: str | None = Field(description="why it is disabled")
    failing_since: datetime | None = Field(description="first failure after the last success")
    created_at: datetime


class WebhookWithSecret(WebhookOut):
    secret: str = Field(description="whsec_ and base64; shown this once")


class Rotate(BaseModel):
    keep_previous_h: int = Field(24, ge=0, le=720, description="how long older secrets sign too; 0: not at all")


class Resume(BaseModel):
    from_now: bool = Field(False, description="pass over what happened while it was not active")


class Replay(BaseModel):
    """Either what was given up, or a time."""

    dead: bool = False
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(None, description="left out itself; null: now")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.dead == (self.since is not None) or (self.dead and self.until):
            raise ValueError("expected either dead: true or since (and until), got both or neither")
        return self


class Replayed(BaseModel):
    count: int
    state: WebhookState = Field(description="of the webhook; only an active one is sent anything")


class DeliveryOut(BaseModel):
    id: int
    webhook_id: int
    message_id: str = Field(description="webhook-id and CloudEvents id, the same at every attempt")
    type: str
    state: DeliveryState
    attempts: int
    due_at: datetime | None = Field(description="next attempt, while it waits")
    last_at: datetime | None
    last_status: int | None = Field(description="HTTP status of the last attempt")
    last_error: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookDelivery, **more: Any) -> Self:
        waits = row.state is DeliveryState.WAITING
        return cls(
            id=row.id, webhook_id=row.endpoint_id, message_id=message_id(row.event_id),
            type=PREFIX + event_type(row.event.subject_kind, row.event.action), state=row.state, attempts=row.attempts,
            due_at=row.due_at if waits else None, last_at=row.last_at, last_status=row.last_status,
            last_error=row.last_error, created_at=row.created_at, **more,
        )  # fmt: skip


class DeliveryDetail(DeliveryOut):
    message: dict[str, Any] = Field(description="the body as it is sent")
