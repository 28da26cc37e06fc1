"""The city under the defects: one .pmtiles file that is handed on in pieces, so that browsers ask no other host."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import obstore
from fastapi import APIRouter, Depends, Header, Response
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from service.accounts.permissions import Permission
from service.core.api import RuntimeDep
from service.core.errors import NotFound, RasidError
from service.web.pages import SignedInPage, page_for

router = APIRouter()
MapPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_DEFECTS))]
ADDRESS = "/basemap/city.pmtiles"
PIECE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
MOST_BYTES = 16_000_000  # of one piece: readers ask for directories of 16 kB and tiles of less than a megabyte


class PieceError(RasidError):
    status, title = 416, "Range needed"


class BasemapUnreachable(RasidError):
    status, title = 502, "The store of the basemap did not answer"


@dataclass(frozen=True)
class Archive:
    store: ObjectStore
    key: str


@router.get(ADDRESS)
def read_piece(
    page: MapPage, runtime: RuntimeDep, piece: Annotated[str | None, Header(alias="Range")] = None
) -> Response:
    """Some bytes of the file named by RASID_BASEMAP; the whole is never sent."""
    place = runtime.settings.basemap
    if place is None:
        raise NotFound("basemap.none", "expected a basemap, none is set; name a .pmtiles file in RASID_BASEMAP")
    first, last = _bounds(piece)
    archive = open_archive(place)
    try:
        got = obstore.get(archive.store, archive.key, options={"range": (first, last + 1)})
        (start, end), meta = got.range, got.meta
        data = got.bytes().to_bytes()
    except (NotFoundError, FileNotFoundError) as error:
        raise NotFound("basemap.missing", f"expected the file of RASID_BASEMAP, got {error}") from error
    except (BaseError, OSError) as error:
        raise BasemapUnreachable("basemap.unreachable", f"expected bytes {first} to {last}, got {error}") from error
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Range": f"bytes {start}-{end - 1}/{meta['size']}",
        "X-Content-Type-Options": "nosniff",
    }
    tag = {"ETag": meta["e_tag"]} if meta.get("e_tag") else {}
    return Response(data, 206, headers | tag, "application/vnd.pmtiles")


@lru_cache(maxsize=4)
def open_archive(place: str) -> Archive:
    """A path, or an address of any store that obstore knows: https, s3, gs, az."""
    if "://" in place:
        folder, _, key = place.rpartition("/")
        return Archive(from_url(folder), key)
    path = Path(place).resolve()
    return Archive(LocalStore(path.parent), path.name)


def _bounds(piece: str | None) -> tuple[int, int]:
    told = PIECE.fullmatch(piece or "")
    first, last = map(int, told.groups()) if told else (0, -1)
    if not 0 <= last - first < MOST_BYTES:
        raise PieceError("basemap.range", f"expected one range of at most {MOST_BYTES} bytes, got {piece!r}")
    return first, last
