"""GDAL as a client, in a process of its own: it holds the interpreter's lock while it waits for an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyogrio
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layer:
    crs: str
    ids: list[int]
    wkb: NDArray[np.object_]
    fields: dict[str, NDArray[Any]]


def read(source: str, layer: str, config: Mapping[str, str], options: Mapping[str, Any]) -> Layer:
    pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": None, "GDAL_HTTP_BEARER": None, **config})
    meta, ids, geometry, fields = pyogrio.raw.read(source, layer=layer, return_fids=True, **options)
    return Layer(meta["crs"], ids.tolist(), geometry, dict(zip(meta["fields"], fields, strict=True)))


def layers(source: str, config: Mapping[str, str]) -> set[str]:
    pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": None, "GDAL_HTTP_BEARER": None, **config})
    return {str(row[0]) for row in pyogrio.list_layers(source)}
