"""Says no in time: before the disk is full, and before more frames wait than the workers can see the end of."""

import shutil

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.core.errors import RasidError, TooManyRequests
from service.core.runtime import Runtime
from service.surveys.models import Frame

QUEUE_RETRY_S, DISK_RETRY_S = 30, 300


class StorageFull(RasidError):
    status, title = 507, "Storage is nearly full"


def refuse_under_pressure(session: Session, runtime: Runtime, coming_bytes: int = 0) -> None:
    """Every way in asks this before it takes anything. Raises StorageFull (507) or TooManyRequests (429), both with
    `retry_after_s`, which becomes the Retry-After header."""
    refuse_full_disk(runtime, coming_bytes)
    refuse_full_queue(session, runtime)


def refuse_full_disk(runtime: Runtime, coming_bytes: int = 0) -> None:
    """Leaves `min_free_disk_bytes` to the database and the logs, `coming_bytes` already counted as taken."""
    settings = runtime.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.data_dir).free
    if free - coming_bytes < settings.min_free_disk_bytes:
        detail = (
            f"expected {settings.min_free_disk_bytes} bytes free after {coming_bytes} more, {free} are free now; "
            f"keep the file and try again in {DISK_RETRY_S} s"
        )
        raise StorageFull("storage.full", detail, retry_after_s=DISK_RETRY_S)


def refuse_full_queue(session: Session, runtime: Runtime) -> None:
    limit = runtime.settings.max_frames_waiting
    waiting = select(Frame.received_at).where(text("frame.state = 'received'"))  # ix_frame_waiting alone answers
    if session.scalar(waiting.order_by(Frame.received_at).offset(limit).limit(1)) is not None:
        detail = (
            f"expected at most {limit} frames waiting for processing, there are more; try again in {QUEUE_RETRY_S} s"
        )
        raise TooManyRequests("queue.full", detail, retry_after_s=QUEUE_RETRY_S)
