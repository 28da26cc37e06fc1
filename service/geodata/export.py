"""Takes features out into one file, GeoJSON or GeoPackage, however many they are, page by page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session

from service.core.errors import TooLarge, Unprocessable
from service.geodata.asking import MAX_LIMIT, Asked
from service.geodata.documents import geojson
from service.geodata.doors import as_json
from service.geodata.fields import Feature
from service.geodata.geopackage import GeoPackage
from service.geodata.sources import Source, View

MOST_FEATURES = 200_000  # over HTTP; the command line takes all


class Format(StrEnum):
    GEOJSON = "geojson"
    GEOPACKAGE = "gpkg"


def export(
    session: Session, view: View, layers: Sequence[tuple[Source, Asked]], path: Path, form: Format,
    most: int | None = None,
) -> dict[str, int]:  # fmt: skip
    """Writes the file and returns the number of features by layer; `limit` and `after` of what is asked do not count.

    Raises TooLarge at more than `most` features of a layer, and Unprocessable for several layers of GeoJSON.
    """
    if form is Format.GEOJSON and len(layers) != 1:
        raise Unprocessable("export.layers", f"expected one collection for GeoJSON, got {len(layers)}; ask for gpkg")
    written = {}
    package = GeoPackage(path) if form is Format.GEOPACKAGE else None
    for source, asked in layers:
        features = _bounded(_features(session, view, source, asked), most)
        about = source.about
        written[about.id] = package.add(about, features, view.now) if package else _write_geojson(path, features)
    return written


def _features(session: Session, view: View, source: Source, asked: Asked) -> Iterator[Feature]:
    asked = replace(asked, limit=MAX_LIMIT, after=None)
    while True:
        features, following = source.page(session, view, asked)
        yield from features
        if following is None:
            return
        asked = replace(asked, after=following)


def _bounded(features: Iterator[Feature], most: int | None) -> Iterator[Feature]:
    for number, feature in enumerate(features):
        if most is not None and number >= most:
            raise TooLarge("export.too_many", f"expected at most {most:,} features, got more; narrow it by bbox, "
                           "datetime or a property, or use `rasid geodata export`")  # fmt: skip
        yield feature


def _write_geojson(path: Path, features: Iterable[Feature]) -> int:
    number = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number, feature in enumerate(features, 1):
            file.write((",\n" if number > 1 else "\n") + as_json(geojson(feature)))
        file.write("\n]}\n")
    return number
