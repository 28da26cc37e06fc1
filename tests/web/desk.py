"""People with passwords and candidates with real images, so that pages are tested as users meet them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.models import Municipality, User
from service.accounts.permissions import Role
from service.accounts.secrets import hash_password
from service.core.clock import utc_now
from service.core.geodesy import moved
from service.core.storage import Store
from service.defects.models import Defect
from service.defects.recording import SeenBox, record_sightings
from service.identity.gaussian import Ellipse
from service.identity.locate import GroundPosition
from service.surveys.models import Frame, FrameState, Survey
from service.work_orders.defaults import create_default_operations
from service.work_orders.models import Unit
from tests.factories import DAMMAM, jpeg, make_frame, make_municipality, make_survey, make_user, make_vehicle

PASSWORD = "a long pass phrase"
_HASH = hash_password(PASSWORD)
WIDTH, HEIGHT = 640, 480
BOX_PX = (250.0, 300.0, 390.0, 380.0)


class Desk:
    """A municipality with its default units; adds people and what vehicles saw, and commits it."""

    def __init__(self, session: Session, store: Store, key: str = "dammam") -> None:
        self.session, self.store = session, store
        self.municipality: Municipality = make_municipality(session, key)
        create_default_operations(session, self.municipality)
        vehicle, _ = make_vehicle(session, self.municipality)
        self.survey: Survey = make_survey(session, vehicle)
        session.commit()

    def person(self, role: Role, unit_key: str | None = None) -> User:
        unit = unit_key and self.unit(unit_key)
        user = make_user(self.session, role, self.municipality, unit or None, password_hash=_HASH)
        self.session.commit()
        return user

    def unit(self, key: str) -> Unit:
        own = select(Unit).filter_by(municipality_id=self.municipality.id, key=key)
        return self.session.scalars(own).one()

    def candidate(self, class_key: str = "pothole", north_m: float = 0.0, score: float = 0.8) -> Defect:
        """A defect seen once, so many metres north of DAMMAM, with an image of its own."""
        frame = self.frame(street(class_key))
        lat, lon = moved(*DAMMAM, 0, north_m)
        seen = SeenBox(class_key, score, BOX_PX, GroundPosition(lat, lon, 9.0, ellipse=Ellipse.round(0.5)), size=0.8)
        (defect,) = self.see(frame, [seen])
        return defect

    def frame(self, pixels: NDArray[np.uint8], taken_at: datetime | None = None, name: str = "") -> Frame:
        frame = make_frame(
            self.session,
            self.survey,
            state=FrameState.PROCESSED,
            width=pixels.shape[1],
            height=pixels.shape[0],
            captured_at=taken_at or utc_now() - timedelta(hours=3),
            received_at=utc_now() - timedelta(hours=3),
        )
        frame.filename = name or frame.filename
        frame.blob_key = f"frames/{frame.sha256}"
        self.store.put(frame.blob_key, jpeg(pixels))
        return frame

    def see(
        self, frame: Frame, boxes: Sequence[SeenBox], model_name: str = "tiny", model_version: str = "1"
    ) -> tuple[Defect, ...]:
        """The defects that are new."""
        recorded = record_sightings(
            self.session, frame, boxes, model_name=model_name, model_version=model_version, now=utc_now()
        )
        self.session.commit()
        return recorded.created


def street(class_key: str) -> NDArray[np.uint8]:
    """A grey street with a dark patch in BOX_PX."""
    pixels = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    pixels[: HEIGHT // 2] = (225, 205, 180)
    x0, y0, x1, y1 = (int(edge) for edge in BOX_PX)
    cv2.ellipse(
        pixels,
        ((x0 + x1) // 2, (y0 + y1) // 2),
        ((x1 - x0) // 2, (y1 - y0) // 2),
        0,
        0,
        360,
        (60, 60, 60),
        -1,
    )
    cv2.putText(pixels, class_key, (20, 460), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (90, 90, 90), 1)
    return pixels
