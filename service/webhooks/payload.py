"""An event as a CloudEvents 1.0 message: what changed, never who did it and nothing that a person wrote."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from service.core.tables import JsonObject
from service.webhooks.catalogue import PREFIX, event_type

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_BODY_BYTES = 65_536  # CloudEvents: every intermediary forwards that much
PERSONAL = frozenset(  # a field named by one of these words is left out, whatever it holds
    {
        "account", "actor", "address", "author", "by", "comment", "contact", "description", "device", "email", "first",
        "inspector", "last", "media", "mobile", "name", "note", "operator", "phone", "reporter", "reviewer", "text",
        "user", "username",
    }
)  # fmt: skip
CODE = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,79}")  # what programs write; people write spaces, capitals and Arabic
NUMBER = re.compile(r"[0-9.:-]{7,}")  # a telephone or identity number
MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True)
class Told:
    """One row of the event table, as far as consumers may know it."""

    event_id: int
    at: datetime
    municipality_id: int | None
    actor_kind: str
    subject_kind: str
    subject_id: int
    action: str
    from_state: str | None
    to_state: str | None
    facts: JsonObject


def message_id(event_id: int) -> str:
    """`webhook-id` and the CloudEvents id: the same at every attempt and replay, so that consumers know repeats."""
    return f"evt_{event_id}"


def render(told: Told, source: str) -> bytes:
    """The body, the same bytes each time; facts that would make it too large are named as withheld."""
    body = _dump(_cloud_event(told, source, *shareable(told.facts)))
    if len(body) > MAX_BODY_BYTES:
        body = _dump(_cloud_event(told, source, {}, sorted(told.facts)[:100]))
    return body


def shareable(facts: JsonObject) -> tuple[JsonObject, list[str]]:
    """The facts that may leave, by name and shape, and the names of the others.

    Numbers, truth values, codes and times pass. Anything else may be a person's words.
    """
    kept = {key: value for key, value in facts.items() if not _personal(key) and _harmless(value)}
    return kept, sorted(facts.keys() - kept.keys())


def _personal(key: str) -> bool:
    return not PERSONAL.isdisjoint(key.lower().split("_"))


def _harmless(value: object) -> bool:
    if isinstance(value, str):
        return bool(MOMENT.fullmatch(value) or (CODE.fullmatch(value) and not NUMBER.fullmatch(value)))
    if isinstance(value, dict):
        return all(not _personal(str(key)) and _harmless(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_harmless, value))
    return value is None or isinstance(value, int | float)


def _cloud_event(told: Told, source: str, facts: JsonObject, withheld: list[str]) -> JsonObject:
    return {
        "specversion": "1.0",
        "id": message_id(told.event_id),
        "source": source,
        "type": PREFIX + event_type(told.subject_kind, told.action),
        "subject": f"{told.subject_kind}/{told.subject_id}",
        "time": told.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": f"{told.event_id:019d}",
        "data": {
            "municipality_id": told.municipality_id,
            "subject_kind": told.subject_kind,
            "subject_id": told.subject_id,
            "action": told.action,
            "from_state": told.from_state,
            "to_state": told.to_state,
            "actor_kind": told.actor_kind,
            "facts": facts,
            "withheld": withheld,
        },
    }


def _dump(event: JsonObject) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
