"""What a model saw, said in metres, so that a test of matching reads like a street."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from datasets.taxonomy import CLASSES
from service.core.geodesy import moved
from service.defects.models import Defect
from service.defects.recording import Recorded, SeenBox, record_sightings
from service.identity.gaussian import Ellipse
from service.identity.locate import GroundPosition
from service.surveys.models import Frame
from tests.factories import DAMMAM, NOW, make_frame

CLASS_ROWS = {kind.key: row for row, kind in enumerate(CLASSES)}


def box(
    class_key: str = "pothole", north_m: float = 0.0, east_m: float = 0.0, *,
    score: float = 0.8, size: float | None = None, distance_m: float = 10.0,
) -> SeenBox:  # fmt: skip
    """A box whose object lies so many metres north and east of DAMMAM."""
    lat, lon = moved(*moved(*DAMMAM, 0, north_m), 90, east_m)
    left, top = 10 + 120 * east_m, 20 + 60 * CLASS_ROWS[class_key] + 60 * north_m  # apart in the picture as on the road
    return SeenBox(
        class_key,
        score,
        (left, top, left + 100, top + 50),
        GroundPosition(lat, lon, distance_m, ellipse=Ellipse.round(0.5)),
        size,
    )


def see(session: Session, boxes: Sequence[SeenBox], frame: Frame | None = None) -> Recorded:
    frame = frame or make_frame(session)
    return record_sightings(session, frame, boxes, model_name="tiny", model_version="1", now=NOW)


def make_defect(session: Session, seen: SeenBox | None = None, frame: Frame | None = None) -> Defect:
    """A candidate; commits, so that the API sees it."""
    (defect,) = see(session, [seen or box()], frame).created
    session.commit()
    return defect
