"""Describes a door to features in OpenAPI 3.0, which OGC API - Features names and GIS programs read."""

from typing import Any, TypeAlias

from service.geodata.asking import DEFAULT_LIMIT, MAX_LIMIT
from service.geodata.doors import GEOJSON, JSON, OPENAPI, Door
from service.geodata.fields import Collection, Field, Kind

Node: TypeAlias = dict[str, Any]

TYPES: dict[Kind, Node] = {
    Kind.INTEGER: {"type": "integer", "format": "int64"},
    Kind.NUMBER: {"type": "number"},
    Kind.TEXT: {"type": "string"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.DAY: {"type": "string", "format": "date"},
}
_BBOX = {"type": "array", "items": {"type": "number"}, "oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)]}
PARAMETERS: dict[str, Node] = {
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
              "description": "features in one page; the link `next` leads on"},
    "bbox": {"schema": _BBOX, "style": "form", "explode": False,
             "description": "west,south,east,north in CRS84 degrees; west over east crosses the antimeridian"},
    "datetime": {"schema": {"type": "string"},
                 "description": "RFC 3339 moment or interval, an end of it may be open: 2026-01-01T00:00:00Z/.."},
    "f": {"schema": {"type": "string", "enum": ["json", "geojson"]}, "description": "the form of the answer"},
    "after": {"schema": {"type": "string"}, "description": "where the page begins; taken from the link `next`"},
}  # fmt: skip
SECURITY: Node = {
    "token": {"type": "http", "scheme": "bearer", "description": "access token of a user"},
    "password": {"type": "http", "scheme": "basic", "description": "any name, and an access token as the password"},
}


def describe(door: Door, root: str) -> Node:
    """The OpenAPI document of a door at the address `root`."""
    paths: dict[str, Node] = {
        "/": _get("The landing page", JSON, "landing"),
        "/conformance": _get("What of the standard is kept to", JSON, "conformance"),
        "/api": _get("This document", OPENAPI, "api"),
        "/collections": _get("The collections", JSON, "collections"),
    }
    for source in door.sources.values():
        paths |= _paths(source.about)
    document: Node = {
        "openapi": "3.0.3",
        "info": {"title": door.title, "description": door.told, "version": "1",
                 "license": {"name": "AGPL-3.0-or-later"}},
        "servers": [{"url": root}],
        "paths": paths,
        "components": {"parameters": {name: _parameter(name) for name in PARAMETERS}},
    }  # fmt: skip
    if not door.public:
        document["components"]["securitySchemes"] = SECURITY
        for path in paths:
            if path.startswith("/collections"):
                paths[path]["get"]["security"] = [{"token": []}, {"password": []}]
    return document


def query_parameters(*fields: Field) -> list[Node]:
    """Those of a page of features, in full."""
    return [_parameter(name) for name in PARAMETERS] + [_filter(field) for field in fields]


def _paths(about: Collection) -> dict[str, Node]:
    own = f"/collections/{about.id}"
    pages = [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS] + [
        _filter(field) for field in about.filters.values()
    ]
    feature_id = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        own: _get(about.told, JSON, f"describe_{about.id}"),
        f"{own}/items": _get(f"Pages of {about.id}", GEOJSON, f"list_{about.id}", pages, _page_schema(about)),
        f"{own}/items/{{featureId}}": _get(
            f"One of {about.id}", GEOJSON, f"get_{about.id}", [feature_id], _feature_schema(about)
        ),
    }


def _get(
    told: str, media_type: str, operation: str, parameters: list[Node] | None = None, schema: Node | None = None
) -> Node:
    content = {media_type: {"schema": schema or {"type": "object"}}}
    problem = {"description": "refused", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    responses = {"200": {"description": told, "content": content}, "4XX": problem}
    return {"get": {"summary": told, "operationId": operation, "parameters": parameters or [], "responses": responses}}


def _parameter(name: str) -> Node:
    return {"name": name, "in": "query", "required": False, **PARAMETERS[name]}


def _filter(field: Field) -> Node:
    return {"name": field.name, "in": "query", "required": False, "description": field.told, "schema": _schema(field)}


def _schema(field: Field) -> Node:
    return TYPES[field.kind] | ({"enum": list(field.choices)} if field.choices else {})


def _feature_schema(about: Collection) -> Node:
    properties = {field.name: _schema(field) | {"nullable": True, "description": field.told} for field in about.fields}
    for told in properties.values():
        told.pop("enum", None)
    return {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "properties": properties},
        },
    }


def _page_schema(about: Collection) -> Node:
    return {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
            "links": {"type": "array", "items": {"type": "object"}},
            "features": {"type": "array", "items": _feature_schema(about)},
        },
    }
