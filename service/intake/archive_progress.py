"""How far an archive is unpacked and what its pieces became: the counts that its row shows, kept with every piece."""

from datetime import datetime

from pydantic import BaseModel, Field

from service.core.tables import JsonObject
from service.intake.models import Archive

MAX_NAMES = 50  # of each kind in the row; the counts go on
MAX_NAME_CHARS = 200


class RefusedPiece(BaseModel):
    name: str
    code: str


class Progress(BaseModel):
    """The `entries` of an archive."""

    total: int = Field(0, description="pieces: files of a ZIP, frames of a video; 0 until it is opened")
    done: int = Field(0, description="pieces dealt with, in their order")
    tries: int = Field(0, description="starts since the last piece: each ended with the worker")
    frames: int = Field(0, description="new frames")
    again: int = Field(0, description="frames that had come before")
    tracks: int = 0
    skipped: int = Field(0, description="files that are neither image nor track")
    skipped_names: list[str] = []
    refused: dict[str, int] = Field({}, description="pieces by the code of the reason; refused frames are listed too")
    refused_pieces: list[RefusedPiece] = []
    notes: JsonObject = Field({}, description="of a video: how it was placed")
    captured_at: datetime | None = Field(None, description="of a video: its start, as the sender told")

    @classmethod
    def of(cls, archive: Archive) -> "Progress":
        return cls.model_validate(archive.entries)

    def save(self, archive: Archive) -> None:
        archive.entries = self.model_dump(mode="json")

    def skip(self, name: str) -> None:
        self.skipped += 1
        if len(self.skipped_names) < MAX_NAMES:
            self.skipped_names.append(label(name))

    def refuse(self, name: str, code: str) -> None:
        self.refused[code] = self.refused.get(code, 0) + 1
        if len(self.refused_pieces) < MAX_NAMES:
            self.refused_pieces.append(RefusedPiece(name=label(name), code=code))

    @property
    def fruitless(self) -> bool:
        return not (self.frames or self.again or self.tracks)


def label(name: str) -> str:
    """A name as a person and the database can read it: its end, without NUL and halves of characters."""
    return name.replace("\0", "").encode("utf-8", "replace").decode()[-MAX_NAME_CHARS:]
