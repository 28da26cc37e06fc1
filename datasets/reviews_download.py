"""Fetches judged frames from a running service; what is here already, byte for byte, is not fetched again."""

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ValidationError

from datasets.errors import DataError
from datasets.records import LabelledImage
from datasets.reviews import SUFFIXES, ReviewedFrame, SplitShares, labelled_classes, to_record, write_tables
from datasets.taxonomy import KEYS

LEFT_OUT_FILE = "left_out.csv"
PAGE_FRAMES = 200
_ORIENTATION, _UPRIGHT = 0x0112, 1


class ServiceFailed(DataError):
    """The service refused or did not answer; what was fetched before is kept."""


@dataclass(frozen=True)
class LeftOut:
    """A frame that did not become a picture of the data set, and why; `code` is stable."""

    frame_id: int
    code: str
    detail: str


@dataclass(frozen=True)
class Choice:
    """Which verdicts become labels, and how the pictures are split."""

    since: str | None = None  # ISO 8601 with zone
    verdicts_count: bool = False
    shares: SplitShares = field(default_factory=SplitShares)


@dataclass(frozen=True)
class Fetched:
    """What a finished export holds."""

    images: list[LabelledImage]
    left_out: list[LeftOut]
    kept: int
    """Pictures that were here already."""


class _Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class _Page(BaseModel):
    items: list[ReviewedFrame]
    next: int | None


Track = Callable[[list[ReviewedFrame]], Iterator[ReviewedFrame]]


def fetch_reviews(http: httpx2.Client, folder: Path, choice: Choice, track: Track = iter) -> Fetched:
    """Write the judged frames of a service to `folder` as a source of labelled pictures; safe to run again.

    `http` carries the service's address and a bearer token; `track` may show progress. Each frame that cannot be
    used is named with its reason in left_out.csv. Raises ServiceFailed where the service itself fails.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    frames = list(_judged_frames(http, choice.since))
    pairs, left_out, kept = [], [], 0
    for frame in track(frames):
        try:
            _refuse_unusable(frame, choice.verdicts_count)
            path = folder / "images" / frame.file_name
            kept += _bring(http, frame, path)
            _refuse_turned(path)
        except _Refused as refused:
            left_out.append(LeftOut(frame.frame_id, refused.code, refused.detail))
            continue
        pairs.append((frame, to_record(frame, folder, choice.shares, choice.verdicts_count)))
    write_tables(folder, pairs)
    _write_left_out(folder / LEFT_OUT_FILE, left_out)
    return Fetched([image for _, image in pairs], left_out, kept)


def _judged_frames(http: httpx2.Client, since: str | None) -> Iterator[ReviewedFrame]:
    query: dict[str, Any] = {"limit": PAGE_FRAMES} | ({"since": since} if since else {})
    while True:
        answer = _get(http, "/api/v1/reviews/export", query)
        if answer.status_code != 200:
            raise ServiceFailed(_problem(answer)[1])
        try:
            page = _Page.model_validate_json(answer.content)
        except ValidationError as error:
            raise ServiceFailed(
                f"expected a page of judged frames, got {error}; use a service of this release"
            ) from error
        yield from page.items
        if page.next is None:
            return
        query["after"] = page.next


def _refuse_unusable(frame: ReviewedFrame, verdicts_count: bool) -> None:
    classes = {box.class_key for box in frame.boxes} | set(frame.checked_classes)
    if unknown := sorted(classes - set(KEYS)):
        raise _Refused("class.unknown", f"expected classes of this release, got {', '.join(unknown)}; update")
    if not labelled_classes(frame, verdicts_count):
        raise _Refused("frame.nothing_labelled", "no class was checked in it with every box of the class decided")
    if frame.media_type not in SUFFIXES or not frame.width or not frame.height:
        raise _Refused("image.unknown_kind", f"expected one of {', '.join(SUFFIXES)}, got {frame.media_type}")


def _bring(http: httpx2.Client, frame: ReviewedFrame, path: Path) -> bool:
    """Whether the picture was here already; else it is fetched, and put in place only when whole."""
    with suppress(FileNotFoundError):
        if hashlib.sha256(path.read_bytes()).hexdigest() == frame.sha256:
            return True
    answer = _get(http, f"/api/v1/frames/{frame.frame_id}/image", {})
    if answer.status_code != 200:
        raise _Refused(*_problem(answer))
    got = hashlib.sha256(answer.content).hexdigest()
    if got != frame.sha256:
        raise _Refused("image.changed", f"expected bytes with sha256 {frame.sha256}, got {got}; check the file store")
    part = path.with_name(path.name + ".part")
    part.write_bytes(answer.content)
    part.replace(path)
    return False


def _refuse_turned(path: Path) -> None:
    """Boxes are upright; readers of pictures turn a JPEG by its tag, and other kinds only some of them."""
    try:
        with Image.open(BytesIO(path.read_bytes())) as image:
            turned = image.format != "JPEG" and image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise _Refused("image.unreadable", str(error)) from error
    if turned:
        raise _Refused("image.turned", "expected a JPEG or an upright picture, got another kind with a turning tag")


def _get(http: httpx2.Client, path: str, query: dict[str, Any]) -> httpx2.Response:
    try:
        return http.get(path, params=query)
    except httpx2.TransportError as error:
        raise ServiceFailed(
            f"expected an answer from {http.base_url}, got {error!r}; run it again, fetched pictures are kept"
        ) from error


def _problem(answer: httpx2.Response) -> tuple[str, str]:
    """Code and words of a refusal."""
    with suppress(ValueError, KeyError, TypeError):
        told = answer.json()
        return str(told["code"]), str(told["detail"])
    return f"http.{answer.status_code}", f"expected an answer of the service, got status {answer.status_code}"


def _write_left_out(path: Path, left_out: list[LeftOut]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("frame_id", "code", "detail"))
        writer.writerows((one.frame_id, one.code, one.detail) for one in left_out)
