"""The part of a frame that shows a crew what it is sent to."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from service.core.storage import Store
from service.defects.models import Detection
from service.work_orders.models import WorkOrder

AROUND, LEAST_PX = 2.5, 320  # of the box's own sides; a small thing is shown with some street
SHOWN_PX, QUALITY = 640, 80
MARK, MARK_PX = (214, 72, 34), 3


def photo_of(store: Store, order: WorkOrder) -> bytes | None:
    """A JPEG around the best sighting, its box drawn in; None where no frame is kept or it cannot be read."""
    seen = order.defect.best_detection
    if seen is None or seen.frame.blob_key is None or not store.exists(seen.frame.blob_key):
        return None
    try:
        with Image.open(BytesIO(store.get(seen.frame.blob_key))) as image:
            return _cut(ImageOps.exif_transpose(image).convert("RGB"), seen)
    except (UnidentifiedImageError, OSError):
        return None


def _cut(image: Image.Image, seen: Detection) -> bytes:
    ImageDraw.Draw(image).rectangle((seen.x0_px, seen.y0_px, seen.x1_px, seen.y1_px), outline=MARK, width=MARK_PX)
    middle_x, middle_y = (seen.x0_px + seen.x1_px) / 2, (seen.y0_px + seen.y1_px) / 2
    half_x = max(LEAST_PX, AROUND * (seen.x1_px - seen.x0_px)) / 2
    half_y = max(LEAST_PX * 3 / 4, AROUND * (seen.y1_px - seen.y0_px)) / 2
    left, top = max(0, int(middle_x - half_x)), max(0, int(middle_y - half_y))
    right, bottom = min(image.width, int(middle_x + half_x) + 1), min(image.height, int(middle_y + half_y) + 1)
    if right - left < 2 or bottom - top < 2:  # a box outside the picture
        left, top, right, bottom = 0, 0, image.width, image.height
    cut = image.crop((left, top, right, bottom))
    cut.thumbnail((SHOWN_PX, SHOWN_PX))
    written = BytesIO()
    cut.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
