"""What the agent knows of a file: where it lies, what it was when it was noted, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from service.agent.finding import Kind


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    AWAY = "away"  # gone, or being written again; noted anew when it is there and whole


@dataclass(frozen=True)
class Entry:
    """A file on the list; `survey` is the name of its drive, `upload_url` where a part of it may be already."""

    id: int
    path: str
    kind: Kind
    size_bytes: int
    mtime_ns: int
    survey: str
    sha256: str | None
    upload_url: str | None


@dataclass(frozen=True)
class RefusedFile:
    path: str
    code: str
    detail: str
    frame_id: int | None


@dataclass(frozen=True)
class Receipt:
    """The server's word that it has the file. `known` was not sent: the server had acknowledged its bytes before."""

    outcome: str  # new | again | known
    frame_id: int | None = None
