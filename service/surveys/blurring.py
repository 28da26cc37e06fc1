"""Faces and licence plates are made illegible before a picture is stored: the one place that asks the privacy model.

The raw bytes of an upload are in memory, or in the spool until then, and nowhere else. Whoever stores a picture
  1. reads place, time and the idempotency hash from the bytes as sent (`reading.read_upload`),
  2. stores nothing at all of what is no readable image,
  3. calls `blur_upload` and stores only what it returns, with its `told` in Frame.blur,
  4. logs neither bytes nor boxes' contents, and leaves the bytes as sent to be forgotten.
"""

import threading
from dataclasses import dataclass

import structlog

from inference.blur import blur_file
from inference.cores import available_cores
from inference.privacy import PrivacyModel
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.core.tables import JsonObject

OFF = "off"
log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class BlurredUpload:
    """What may be stored. `told` is for Frame.blur: model and regions in upright pixels; None: nobody looked."""

    data: bytes
    told: JsonObject | None


def blur_upload(runtime: Runtime, data: bytes) -> BlurredUpload:
    """Blurs one picture; takes as many at once as there are cores and lets the others wait, since each holds its whole
    picture in memory. Raises ImageRefused for what is no readable image, ModelRefused when the model cannot be opened.
    """
    if runtime.settings.privacy == OFF:
        return BlurredUpload(data, None)
    model = _open(runtime.settings.privacy)
    with _turns:
        blurred = blur_file(data, model, runtime.settings.max_image_pixels)
    told: JsonObject = {
        "model": f"{model.card.name} {model.card.version}",
        "boxes_xyxy_px": [[round(edge, 1) for edge in box] for box in blurred.boxes_xyxy_px],
        "kinds": list(blurred.kinds),
    }
    return BlurredUpload(blurred.data, told)


def open_privacy(settings: Settings) -> None:
    """At the start of a server or worker: without its model it must not run at all, and off is said aloud."""
    if settings.privacy == OFF:
        log.warning(
            "privacy.off",
            consequence="faces and plates are stored legibly",
            turn_on="RASID_PRIVACY=name of a privacy model",
        )
        return
    card = _open(settings.privacy).card
    log.info("privacy.on", model=card.name, version=card.version)


_models: dict[str, PrivacyModel] = {}
_opening = threading.Lock()
_turns = threading.BoundedSemaphore(available_cores())


def _open(name: str) -> PrivacyModel:
    """Opened once in a process."""
    with _opening:
        if name not in _models:
            _models[name] = PrivacyModel.open(name)
        return _models[name]
