"""Speaks GeoReport v2 to another endpoint, in the format that it has; what it answers is read with suspicion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from service.core.outbound import Call, Unreachable, call
from service.core.settings import Settings
from service.reports.masking import clean

Row = dict[str, str | None]
MAX_TEXT = 4000
OF_ONE_ROW = frozenset({400, 404, 409, 410, 413, 422})  # 401, 403, 429 and faults of theirs are about all that we send


class PeerRefused(Exception):
    """The other endpoint answered, but not with what was asked for."""


class RowRefused(PeerRefused):
    """It does not take this one; whatever else there is to exchange goes on."""


@dataclass(frozen=True)
class Peer:
    """Another endpoint and how it is spoken to."""

    url: str
    form: str  # json | xml
    api_key: str | None
    jurisdiction_id: str | None
    settings: Settings

    def get(self, path: str, **params: str) -> list[Row]:
        """The rows of an answer, every value as text. Raises Unreachable and PeerRefused."""
        return self._ask("GET", path, params={**self._own(), **params})

    def post(self, path: str, fields: Mapping[str, str]) -> list[Row]:
        key = {"api_key": self.api_key} if self.api_key else {}
        return self._ask("POST", path, data={**self._own(), **key, **fields})

    def _own(self) -> dict[str, str]:
        return {"jurisdiction_id": self.jurisdiction_id} if self.jurisdiction_id else {}

    def _ask(self, method: str, path: str, **body: Mapping[str, str]) -> list[Row]:
        url = f"{self.url}/{path}.{self.form}"
        response = call(self.settings, Call(method, url, params=body.get("params"), data=body.get("data")))
        if not response.is_success:
            kind = RowRefused if response.status in OF_ONE_ROW else PeerRefused
            raise kind(f"expected 2xx of {method} {path}, got {response.status}: {_refusal(response.text)}")
        return read_json(response.content) if self.form == "json" else read_xml(response.content)


def read_json(content: bytes) -> list[Row]:
    """A list of flat rows; what is nested is left out."""
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PeerRefused("expected JSON, got something else; try the other format") from error
    if isinstance(told, dict):  # some endpoints keep the wrapper
        told = next((value for value in told.values() if isinstance(value, list)), None)
    if not isinstance(told, list):
        raise PeerRefused("expected a list of rows, got something else")
    return [{str(key): _text(value) for key, value in row.items()} for row in told if isinstance(row, dict)]


def read_xml(content: bytes) -> list[Row]:
    """The same of XML. Entities and document types of its own are refused."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise PeerRefused("expected XML without a document type, got something else; try the other format") from error
    return [{field.tag: _text(field.text) for field in row if not len(field)} for row in root]


def one_of(rows: Sequence[Row]) -> Row:
    if not rows:
        raise PeerRefused("expected a row, got none")
    return rows[0]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    return clean(str(value))[:MAX_TEXT] or None


def _refusal(text: str) -> str:
    return clean(" ".join(text.split()))[:120]


__all__ = ["Peer", "PeerRefused", "Row", "RowRefused", "Unreachable", "one_of", "read_json", "read_xml"]
