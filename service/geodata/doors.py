"""The two doors to features: one for those who sign in, one for the public, each with its collections."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from fastapi import Response

from service.accounts.caller import Caller
from service.accounts.permissions import may
from service.core.errors import Forbidden, NotFound
from service.geodata.defects import DEFECT_SOURCE, ORDER_SOURCE
from service.geodata.places import PLACE_SOURCE, PUBLIC_PLACE_SOURCE
from service.geodata.public import PUBLIC_DEFECT_SOURCE
from service.geodata.seen import CELL_SOURCE
from service.geodata.sources import Source

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"


@dataclass(frozen=True)
class Door:
    path: str
    title: str
    told: str
    sources: Mapping[str, Source]
    public: bool = False


def _by_id(*sources: Source) -> dict[str, Source]:
    return {source.about.id: source for source in sources}


PRIVATE = Door(
    "/ogc",
    "Rasid",
    "Defects, work orders, coverage and boundaries of the municipalities that the caller may see.",
    _by_id(DEFECT_SOURCE, ORDER_SOURCE, CELL_SOURCE, PLACE_SOURCE),
)
PUBLIC = Door(
    "/ogc/public",
    "Rasid, open data",
    "What municipalities publish of confirmed defects: late, roughly placed, without photos and people.",
    _by_id(PUBLIC_DEFECT_SOURCE, PUBLIC_PLACE_SOURCE),
    public=True,
)


def open_to(door: Door, caller: Caller | None) -> list[Source]:
    """Those that the caller's role may see."""
    return [source for source in door.sources.values() if _permitted(source, caller)]


def find_source(door: Door, caller: Caller | None, collection_id: str) -> Source:
    """Raises NotFound for an unknown collection, Forbidden for one that the role may not see."""
    source = door.sources.get(collection_id)
    if source is None:
        known = ", ".join(door.sources)
        raise NotFound("collection.unknown", f"expected one of {known}, got {collection_id!a:.80}")
    if not _permitted(source, caller):
        wanted = source.about.permission
        raise Forbidden("auth.permission", f"expected a role that may {wanted.value if wanted else 'do this'}")
    return source


def answer(door: Door, document: object, media_type: str = JSON) -> Response:
    """Anything of the public door may be read by pages of other sites."""
    headers = {"Access-Control-Allow-Origin": "*"} if door.public else {"Cache-Control": "private, no-cache"}
    return Response(as_json(document), media_type=media_type, headers=headers)


def as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _permitted(source: Source, caller: Caller | None) -> bool:
    wanted = source.about.permission
    return wanted is None or (caller is not None and may(caller.role, wanted))


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"expected a value that JSON can hold, got {type(value).__name__}")
