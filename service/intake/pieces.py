"""What archives are made of: the values that a ZIP's or a video's reader gives and the unpacking takes."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from service.surveys.schemas import FrameMetadata


class ArchiveRefused(Exception):
    """The archive as a whole cannot be used; `code` is stable, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Picture:
    """An image file and what is known of it beside its own EXIF."""

    name: str
    data: bytes
    told: FrameMetadata


@dataclass(frozen=True)
class TrackFile:
    name: str
    data: bytes


@dataclass(frozen=True)
class Passed:
    """Something that is neither image nor track."""

    name: str


@dataclass(frozen=True)
class Spoilt:
    """A piece that cannot be read: it stops none of the others."""

    name: str
    code: str


Piece: TypeAlias = Picture | TrackFile | Passed | Spoilt


@dataclass(frozen=True)
class Contents:
    """`pieces` come in an order that is the same every time, from the one asked for; `total` counts from the first."""

    total: int
    pieces: Generator[Piece, None, None]
    notes: dict[str, object] = field(default_factory=dict)
