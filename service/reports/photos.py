"""Photos of reports: blurred before they are stored, shown in public only where somebody looked for faces."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from inference.images import ImageRefused, decode_image
from service.core.errors import NotFound, TooLarge, Unprocessable
from service.core.runtime import Runtime
from service.core.storage import BlobMissing
from service.core.tables import JsonObject
from service.reports.models import Report, ReportPhoto
from service.surveys.blurring import blur_upload
from service.surveys.reading import MEDIA_TYPES

MAX_URLS = 20  # of one report


@dataclass(frozen=True, eq=False)
class ReadyPhoto:
    """What may be stored of one photo."""

    data: bytes
    sha256: str
    media_type: str
    blur: JsonObject | None


def prepare_photos(runtime: Runtime, sent: Sequence[bytes]) -> list[ReadyPhoto]:
    """Reads and blurs them, each once; call it before rows are locked. Raises Unprocessable and TooLarge."""
    settings = runtime.settings
    if len(sent) > settings.report_max_photos:
        raise Unprocessable(
            "report.photos",
            f"expected at most {settings.report_max_photos} photos, got {len(sent)}; send the best ones",
        )
    ready: dict[str, ReadyPhoto] = {}
    for data in sent:
        if len(data) > settings.max_image_bytes:
            raise TooLarge(
                "image.too_many_bytes", f"expected at most {settings.max_image_bytes} bytes, got {len(data)}"
            )
        digest = sha256(data).hexdigest()
        if digest not in ready:
            ready[digest] = _prepare(runtime, data, digest)
    return list(ready.values())


def store_photos(session: Session, runtime: Runtime, report: Report, photos: Sequence[ReadyPhoto]) -> None:
    """Files first, then rows: a crash between the two leaves files that no row names."""
    known = set(session.scalars(select(ReportPhoto.sha256).where(ReportPhoto.report_id == report.id)))
    for photo in photos:
        if photo.sha256 in known:
            continue
        key = secrets.token_hex(16)
        runtime.store.put(f"reports/{key}", photo.data)
        session.add(
            ReportPhoto(report_id=report.id, key=key, sha256=photo.sha256, blob_key=f"reports/{key}",
                        media_type=photo.media_type, blur=photo.blur)
        )  # fmt: skip
    session.flush()


def add_photos(
    session: Session, runtime: Runtime, report: Report, photos: Sequence[ReadyPhoto], media_urls: Sequence[str]
) -> None:
    """More of a report that is here, locked; those told by address are fetched later. Raises Unprocessable."""
    most, known = runtime.settings.report_max_photos, {one.sha256 for one in report.photos}
    together = len(known | {one.sha256 for one in photos})
    if photos and together > most:
        raise Unprocessable("report.photos", f"expected at most {most} photos of a report, got {together}")
    urls = {**dict.fromkeys(media_urls), **report.media_urls}
    if len(urls) > MAX_URLS:
        raise Unprocessable("report.media_url", f"expected at most {MAX_URLS} addresses of a report, got {len(urls)}")
    report.media_urls = urls
    store_photos(session, runtime, report, photos)


def public_photo(session: Session, runtime: Runtime, key: str) -> tuple[bytes, str]:
    """Bytes and media type; raises NotFound for one that is gone or that nobody looked for faces in."""
    photo = session.scalar(select(ReportPhoto).where(ReportPhoto.key == key, ReportPhoto.blur.is_not(None)))
    return read_photo(runtime, photo, key)


def read_photo(runtime: Runtime, photo: ReportPhoto | None, asked: object) -> tuple[bytes, str]:
    if photo is not None and photo.blob_key is not None:
        try:
            return runtime.store.get(photo.blob_key), photo.media_type
        except BlobMissing:
            pass
    raise NotFound("report.photo", f"expected a photo of a report that is kept and may be shown, got {asked}")


def is_public(photo: ReportPhoto) -> bool:
    return photo.blur is not None and photo.blob_key is not None


def _prepare(runtime: Runtime, data: bytes, digest: str) -> ReadyPhoto:
    try:
        media_type = MEDIA_TYPES[decode_image(data, runtime.settings.max_image_pixels).format]
        blurred = blur_upload(runtime, data)
    except ImageRefused as error:
        raise Unprocessable(error.code, f"expected {error.expected}, got {error.got}; send another photo") from error
    return ReadyPhoto(blurred.data, digest, media_type, blurred.told)
