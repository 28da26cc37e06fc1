"""Archives of photographs as vehicles send them, and what the service says of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from service.core.runtime import Runtime
from service.intake import archive_files, archives
from tests.factories import jpeg

BEGIN = (26.4282, 50.0910)
START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def photo(number: int) -> bytes:
    """A JPEG with place and GPS time in its EXIF, 22 m after the one before."""
    exif = Image.Exif()
    at = START + timedelta(seconds=2 * number)
    exif[0x8825] = {
        1: "N", 2: (26, 25, 41.5 + 0.72 * number), 3: "E", 4: (50, 5, 27.6), 7: (at.hour, at.minute, at.second),
        29: f"{at:%Y:%m:%d}",
    }  # fmt: skip
    return jpeg(exif=exif)


def gpx() -> bytes:
    """Ten seconds due north, 11 m each."""
    points = "".join(
        f'<trkpt lat="{BEGIN[0] + n / 10000}" lon="{BEGIN[1]}"><time>2026-03-04T06:00:{n:02d}Z</time></trkpt>'
        for n in range(10)
    )
    return f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def photos(count: int, first: int = 0) -> dict[str, bytes]:
    return {f"DCIM/{number}.jpg": photo(number) for number in range(first, first + count)}


def send(client: TestClient, key: dict[str, str], data: bytes, name: str = "drive.zip", **told: Any) -> Response:
    files = {"archive": (name, data, "application/octet-stream")}
    return client.post("/api/v1/archives", headers=key, files=files, data={"metadata": json.dumps(told)})


def unpack(runtime: Runtime, answer: Response) -> None:
    assert answer.status_code == 202, answer.text
    archives.unpack_archive(runtime, answer.json()["id"])


def seen(client: TestClient, key: dict[str, str], answer: Response) -> dict[str, Any]:
    found = client.get(f"/api/v1/archives/{answer.json()['id']}", headers=key)
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


def spooled(runtime: Runtime) -> list[str]:
    return sorted(path.name for path in archive_files.folder(runtime.settings).iterdir())
