"""Track files as loggers write them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

Point = tuple[datetime, float, float]


def gpx(points: Sequence[Point], version: str = "1.1") -> bytes:
    """(time, lat, lon) each, as GPX."""
    namespace = f"http://www.topografix.com/GPX/{version.replace('.', '/')}"
    rows = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><ele>3</ele><time>{_zulu(at)}</time></trkpt>' for at, lat, lon in points
    )
    return f'<gpx version="{version}" xmlns="{namespace}"><trk><trkseg>{rows}</trkseg></trk></gpx>'.encode()


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def mapillary(images: Mapping[str, tuple[datetime, float, float, float | None]]) -> bytes:
    """(time, lat, lon, heading) by file name, as mapillary_image_description.json."""
    return json.dumps(
        [
            {
                "filename": name,
                "filetype": "image",
                "MAPLatitude": lat,
                "MAPLongitude": lon,
                "MAPCaptureTime": at.strftime("%Y_%m_%d_%H_%M_%S_") + f"{at.microsecond // 1000:03d}",
            }
            | ({} if heading is None else {"MAPCompassHeading": {"TrueHeading": heading, "MagneticHeading": heading}})
            for name, (at, lat, lon, heading) in images.items()
        ]
        + [{"error": {"type": "MapillaryGeoTaggingError"}, "filename": "/card/bad.jpg"}]
    ).encode()
