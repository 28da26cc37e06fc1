"""One value as Open311's XML and as its JSON: lists lose their wrapper in JSON, nothing else differs."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from enum import StrEnum

from fastapi import Request, Response

from service.core.errors import NotFound, RasidError
from service.reports.masking import clean

# A list's element and that of each of its items (the specification's ⇊ and ↴).
ITEMS = {
    "services": "service", "service_requests": "request", "service_request_updates": "request_update",
    "attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format", "errors": "error",
    "photos": "photo", "notes": "note",
}  # fmt: skip
PREFIX = "/open311/"


class Format(StrEnum):
    XML = "xml"
    JSON = "json"


MEDIA_TYPES = {Format.XML: "text/xml; charset=utf-8", Format.JSON: "application/json; charset=utf-8"}


def answer(
    form: Format, root: str, value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`value`: a list for a root that has items, else a mapping."""
    content = to_json(value) if form is Format.JSON else to_xml(root, value)
    own = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", **(headers or {})}
    return Response(content, status, own, media_type=MEDIA_TYPES[form])


def to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def to_xml(root: str, value: object) -> bytes:
    content: bytes = ET.tostring(_element(root, value), encoding="utf-8", xml_declaration=True)
    return content


def format_of(name: str) -> Format:
    """Raises NotFound for any other format than the two."""
    if name not in set(Format):
        raise NotFound("open311.format", f"expected .xml or .json at the end of the address, got .{name[:20]}")
    return Format(name)


def speaks_open311(request: Request) -> bool:
    return request.url.path.startswith(PREFIX)


def open311_error(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """404 no such thing, 403 a bad or missing key, 400 all else; 405, 413, 429 and faults of ours stay as they are."""
    code = {401: 403}.get(status, status if status in {403, 404, 405, 413, 429} or status >= 500 else 400)
    form = Format.JSON if request.url.path.endswith(".json") else Format.XML
    return answer(form, "errors", [{"code": code, "description": detail}], code, headers)


def open311_refusal(request: Request, error: RasidError) -> Response:
    headers = {"Retry-After": str(error.extra["retry_after_s"])} if "retry_after_s" in error.extra else {}
    return open311_error(request, error.status, error.detail, headers)


def _element(name: str, value: object) -> ET.Element:
    node = ET.Element(name)
    if isinstance(value, Mapping):
        node.extend(_element(key, inner) for key, inner in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        node.extend(_element(ITEMS.get(name, "item"), inner) for inner in value)
    elif value is not None:
        node.text = str(value).lower() if isinstance(value, bool) else clean(str(value))
    return node
