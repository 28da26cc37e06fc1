"""The documents of OGC API - Features, Part 1: landing page, conformance, collections, and pages of features."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from service.geodata.doors import GEOJSON, JSON, OPENAPI, Door, timestamp
from service.geodata.fields import Collection, Extent, Feature

Document: TypeAlias = dict[str, Any]
Link: TypeAlias = dict[str, str]

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_PART_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
CONFORMS_TO = [f"{_PART_1}/core", f"{_PART_1}/geojson", f"{_PART_1}/oas30"]


def link(href: str, rel: str, media_type: str = JSON, title: str = "") -> Link:
    return {"href": href, "rel": rel, "type": media_type} | ({"title": title} if title else {})


def landing(door: Door, root: str) -> Document:
    """`root` is the address of the door, without a slash at its end."""
    links = [
        link(f"{root}", "self", title="This document"),
        link(f"{root}/api", "service-desc", OPENAPI, "What can be asked"),
        link(f"{root}/conformance", "conformance", title="The parts of the standard that are kept to"),
        link(f"{root}/collections", "data", title="The collections"),
    ]
    return {"title": door.title, "description": door.told, "links": links}


def conformance() -> Document:
    return {"conformsTo": CONFORMS_TO}


def collections(root: str, known: Iterable[tuple[Collection, Extent | None]]) -> Document:
    shown = [collection(root, about, extent) for about, extent in known]
    return {"links": [link(f"{root}/collections", "self", title="This document")], "collections": shown}


def collection(root: str, about: Collection, extent: Extent | None) -> Document:
    own = f"{root}/collections/{about.id}"
    document: Document = {
        "id": about.id,
        "title": about.title,
        "description": about.told,
        "itemType": "feature",
        "crs": [CRS84],
        "links": [link(own, "self"), link(f"{own}/items", "items", GEOJSON, about.title)],
    }
    return document | ({"extent": _extent(extent)} if extent else {})


def page(
    root: str, about: Collection, query: list[tuple[str, str]], features: list[Feature], following: str | None,
    matched: int | None, now: datetime,
) -> Document:  # fmt: skip
    """`query` is what was asked; the link to the next page asks the same after the last feature."""
    items = f"{root}/collections/{about.id}/items"
    links = [
        link(_with(items, query), "self", GEOJSON, "This page"),
        link(f"{root}/collections/{about.id}", "collection"),
    ]
    if following is not None:
        again = [(name, text) for name, text in query if name != "after"]
        links.append(link(_with(items, [*again, ("after", following)]), "next", GEOJSON, "The page that follows"))
    counted = {} if matched is None else {"numberMatched": matched}
    return {
        "type": "FeatureCollection",
        "timeStamp": timestamp(now),
        **counted,
        "numberReturned": len(features),
        "links": links,
        "features": [geojson(feature) for feature in features],
    }


def item(root: str, about: Collection, feature: Feature) -> Document:
    own = f"{root}/collections/{about.id}"
    links = [link(f"{own}/items/{quote(str(feature.id))}", "self", GEOJSON), link(own, "collection")]
    return geojson(feature) | {"links": links}


def geojson(feature: Feature) -> Document:
    return {"type": "Feature", "id": feature.id, "geometry": feature.geometry, "properties": dict(feature.properties)}


def _with(address: str, query: list[tuple[str, str]]) -> str:
    return f"{address}?{urlencode(query)}" if query else address


def _extent(extent: Extent) -> Document:
    first, last = extent.times
    document: Document = {"spatial": {"bbox": [list(extent.box)], "crs": CRS84}}
    if first or last:
        interval = [timestamp(first) if first else None, timestamp(last) if last else None]
        document["temporal"] = {"interval": [interval], "trs": GREGORIAN}
    return document
