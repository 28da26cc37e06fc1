"""Makes a whole request for every path and method of the OpenAPI document, with real ids and a body that is valid."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from datasets.taxonomy import CLASSES
from tests.factories import jpeg
from tests.rights.municipal_rows import HIDDEN
from tests.rights.rows import FEATURES, NAMED, Rows, value_of

# Open to everyone; what they tell of a municipality it has published itself.
PUBLIC = {
    ("/healthz", "get"),
    ("/readyz", "get"),
    ("/metrics", "get"),
    ("/api/v1/login", "post"),
    ("/ogc", "get"),
    ("/ogc/conformance", "get"),
    ("/ogc/api", "get"),
    ("/ogc/public", "get"),
    ("/ogc/public/conformance", "get"),
    ("/ogc/public/api", "get"),
    ("/ogc/public/collections", "get"),
    ("/ogc/public/collections/{collection_id}", "get"),
    ("/ogc/public/collections/{collection_id}/items", "get"),
    ("/ogc/public/collections/{collection_id}/items/{feature_id}", "get"),
}
OPEN311 = "/open311/"  # what citizens report is public without who they are; writing needs a key of its own
SIGNED = "/api/v1/report-links/"  # the link is the credential
COLLECTIONS = "{collection_id}"
# Where the least body is not yet one that fits: what makes it fit, so that the row is looked for.
FITTING: dict[str, dict[str, Any]] = {
    "/api/v1/work-orders/{order_id}/merge": {"order_ids": [HIDDEN + 1]},  # others than the one of the path
    "/api/v1/contracts/{contract_id}/penalties": {"amount": 100},  # or percent
    "/api/v1/webhooks/{webhook_id}": {"event_types": ["report.take"]},
    "/api/v1/webhooks/{webhook_id}/replay": {"dead": True},  # or since
}
NO_ROW = frozenset({"{indicator}", "{format}"})  # parameters that choose what is told and name no row
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """One request; `rows` says whether its path names rows of the hidden municipality."""

    method: str
    path: str
    url: str
    names_rows: bool
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    data: dict[str, Any] | None = None
    files: dict[str, Any] | None = None

    @property
    def sent(self) -> str:
        """All that the request says, to tell an echo from a leak."""
        return f"{self.url} {self.query} {self.json} {self.data}"

    def send(self, client: TestClient, headers: Mapping[str, str]) -> Response:
        told = {"Tus-Resumable": "1.0.0"} if "/tus" in self.path else {}
        if "/tus" in self.path and self.method == "patch":
            told |= {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        if "/tus" in self.path and self.method == "post":
            told |= {"Upload-Length": "5"}
        return client.request(
            self.method, self.url, headers={**told, **headers}, params=self.query or None, json=self.json,
            data=self.data, files=self.files,
        )  # fmt: skip


def is_public(path: str, method: str) -> bool:
    return (path, method) in PUBLIC or path.startswith((OPEN311, SIGNED))


def asks(document: Schema, rows: Rows) -> Iterator[Ask]:
    """Every operation; lists twice, once narrowed to the hidden municipality's rows."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for url in urls(path, rows):
                made = _ask(document, operation, method, path, url, rows)
                yield made
                if narrowed := _query(document, operation, rows, optional=True):
                    yield Ask(method, path, url, made.names_rows, narrowed, made.json, made.data, made.files)


def urls(path: str, rows: Rows) -> Iterator[str]:
    """With ids of real rows; for a path of collections one address for each of them."""
    if COLLECTIONS in path:
        for collection, feature in FEATURES.items():
            yield path.replace(COLLECTIONS, collection).replace("{feature_id}", str(feature(rows)))
        return
    yield re.sub(r"\{(\w+)\}", lambda found: str(value_of(rows, path, found[1])), path)


def _ask(document: Schema, operation: Schema, method: str, path: str, url: str, rows: Rows) -> Ask:
    body = _resolve(document, operation.get("requestBody", {}))
    content = body.get("content", {})
    query = _query(document, operation, rows, optional=False)
    names_rows = "{" in path and "/collections/{collection_id}" not in path.removesuffix("/items/{feature_id}")
    names_rows = names_rows or path.endswith("{feature_id}")
    if set(re.findall(r"\{\w+\}", path)) <= NO_ROW:
        names_rows = False
    if path.startswith("/api/v1/geodata/"):
        names_rows = False
    if "application/json" in content:
        made = example(document, content["application/json"]["schema"], rows)
        return Ask(method, path, url, names_rows, query, json=made | FITTING[path] if path in FITTING else made)
    for kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        if kind in content:
            data, files = _form(document, content[kind]["schema"], rows)
            return Ask(method, path, url, names_rows, query, data=data, files=files)
    return Ask(method, path, url, names_rows, query)


def _query(document: Schema, operation: Schema, rows: Rows, *, optional: bool) -> dict[str, Any]:
    """The parameters that must be there; with `optional` also those that name rows, and nothing if none does."""
    found, named = {}, False
    for told in operation.get("parameters", ()):
        parameter = _resolve(document, told)
        if parameter["in"] != "query":
            continue
        if optional and parameter["name"] in NAMED:
            found[parameter["name"]], named = NAMED[parameter["name"]](rows), True
        elif parameter.get("required"):
            found[parameter["name"]] = example(document, parameter["schema"], rows, parameter["name"])
    return found if named or not optional else {}


def _form(document: Schema, schema: Schema, rows: Rows) -> tuple[dict[str, Any], dict[str, Any]]:
    told = _resolve(document, schema)
    data: dict[str, Any] = {}
    files: dict[str, Any] = {}
    for name, one in told.get("properties", {}).items():
        own = _resolve(document, one)
        if own.get("format") == "binary" or "contentMediaType" in own:
            files[name] = ("a.jpg", jpeg(), "image/jpeg")
        elif name in told.get("required", ()) or name in NAMED:
            value = example(document, own, rows, name)
            data[name] = json.dumps(value) if isinstance(value, (dict, list)) else value
    return data, files


def example(document: Schema, schema: Schema, rows: Rows, name: str = "") -> Any:
    """The least value that fits the schema, with ids of the hidden municipality wherever a name asks for one."""
    told = _resolve(document, schema)
    if name in NAMED:
        return NAMED[name](rows)
    if name == "class_key":
        return CLASSES[0].key
    if "const" in told or "enum" in told or "default" in told:
        return told.get("const", (told.get("enum") or [None])[0] if "enum" in told else told.get("default"))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in told:
            return example(document, told[several][0], rows, name)
    kind = told.get("type", "object" if "properties" in told else "string")
    return _of_kind(document, told, kind, rows, name)


def _of_kind(document: Schema, told: Schema, kind: str, rows: Rows, name: str) -> Any:
    if kind == "object":
        chosen = [one for one in told.get("properties", {}) if one in told.get("required", ()) or one in NAMED]
        return {one: example(document, told["properties"][one], rows, one) for one in chosen}
    if kind == "array":
        number = max(1, told.get("minItems", 1))
        before = told.get("prefixItems")
        if before:
            return [float(10 * (n + 1)) for n in range(len(before))]  # boxes: left, top, right, bottom
        return [example(document, told["items"], rows, name.removesuffix("s")) for _ in range(number)]
    if kind in ("integer", "number"):
        if name == "id":
            return rows.frame.id
        least = told.get("minimum", told.get("exclusiveMinimum"))
        return 1 if least is None else max(1, int(least) + 1)
    if kind == "boolean":
        return True
    return _text(told, name)


def _text(told: Schema, name: str) -> str:
    formats = {"date-time": datetime.now(UTC).isoformat(), "date": "2026-03-04", "email": "a@example.org",
               "uuid": "00000000-0000-4000-8000-000000000001", "uri": "https://example.org/"}  # fmt: skip
    if told.get("format") in formats:
        return formats[told["format"]]
    if "email" in name:
        return "a@example.org"
    return "a_text_of_some_length"[: told.get("maxLength", 40)]


def _resolve(document: Schema, node: Schema) -> Schema:
    while "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node
