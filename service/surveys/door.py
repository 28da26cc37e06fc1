"""The one door for frames: whichever way the bytes came, they are read, made private, kept and to be processed."""

import threading
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from inference.cores import stream_workers
from service.accounts.models import Vehicle
from service.core.errors import TooLarge
from service.core.runtime import Runtime
from service.surveys.blurring import blur_upload
from service.surveys.pressure import refuse_under_pressure
from service.surveys.reading import read_upload
from service.surveys.schemas import FrameMetadata
from service.surveys.service import Receipt, receive_frame

AT_ONCE = stream_workers()  # pictures read, each of which takes up to 700 MB at 50 megapixels
_turns = threading.BoundedSemaphore(AT_ONCE)


def take_frame(
    session: Session, runtime: Runtime, vehicle: Vehicle, data: bytes, filename: str,
    told: FrameMetadata, came_by: str, now: datetime,
) -> Receipt:  # fmt: skip
    """One frame, one row, however often it comes. `came_by`: multipart, tus, panoramax or archive.

    Raises TooLarge for a file over the limit, TooManyRequests and StorageFull where there is no room for it now: these
    leave no row. Any other refusal is in the receipt's frame.
    """
    refuse_under_pressure(session, runtime, len(data))
    limit = runtime.settings.max_image_bytes
    if len(data) > limit:
        raise TooLarge("image.too_many_bytes", f"expected at most {limit} bytes, got more")
    with _turns:
        upload = read_upload(data, told, runtime.settings.max_image_pixels, now)
    blur = partial(blur_upload, runtime, data)
    return receive_frame(session, runtime.store, vehicle, upload, blur, filename, told.survey, now, came_by)
