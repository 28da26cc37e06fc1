"""What was seen and what it means: immutable detections, the defects they belong to, the people's verdicts, and
what people looked for in a whole frame."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.models import Municipality, User
from service.core.tables import Base, CreatedAt, Id, JsonObject, status_column
from service.defects.boxes import BoxPx
from service.defects.states import DefectState
from service.surveys.models import Frame


class Verdict(StrEnum):
    """What an inspector says of a defect."""

    ACCEPT = "accept"
    REJECT = "reject"
    RECLASSIFY = "reclassify"
    MERGE = "merge"
    MOVE = "move"  # the thing is right, its box is not


class Absence(StrEnum):
    """What passes that looked and saw nothing propose, for a person to decide."""

    FIXED = "fixed"  # it was under repair: the repair is verified
    GONE = "gone"  # nobody worked on it


class Detection(Base):
    """One box of one model, or of a person who drew what it missed, on one frame; never changed, so that every later
    figure can be traced to it."""

    __tablename__ = "detection"

    id: Mapped[Id]
    frame_id: Mapped[int] = mapped_column(ForeignKey("frame.id"), index=True)
    class_key: Mapped[str] = mapped_column(String(40))
    score: Mapped[float]
    x0_px: Mapped[float]  # upright pixels of the frame
    y0_px: Mapped[float]
    x1_px: Mapped[float]
    y1_px: Mapped[float]
    model_name: Mapped[str] = mapped_column(String(80))
    model_version: Mapped[str] = mapped_column(String(40))
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))  # None: a model saw it
    lat: Mapped[float]  # of the object on the ground, or of the vehicle when distance_m is null
    lon: Mapped[float]
    distance_m: Mapped[float | None]  # from the camera along the ground
    cov_ee_m2: Mapped[float | None]  # of the projection alone, east and north; the vehicle's own fix is not in it
    cov_en_m2: Mapped[float | None]
    cov_nn_m2: Mapped[float | None]
    size: Mapped[float | None]  # estimate in the class's unit of work
    size_sd: Mapped[float | None]
    ray: Mapped[JsonObject | None]  # the line of sight to it: `sights.ray_json`
    created_at: Mapped[CreatedAt]
    frame: Mapped[Frame] = relationship()


class Defect(Base):
    """One real thing on the street, seen in one or many frames."""

    __tablename__ = "defect"
    __table_args__ = (
        # A box on a map is read along this one; what a list of it asks for is behind.
        Index(
            "ix_defect_h3_cell", "h3_cell",
            postgresql_include=["id", "lat", "lon", "priority", "score", "state", "class_key", "municipality_id"],
        ),
        # Extents are read from the ends of these.
        Index("ix_defect_lat", "municipality_id", "lat"),
        Index("ix_defect_lon", "municipality_id", "lon"),
        Index("ix_defect_first_seen", "municipality_id", "first_seen_at"),
        Index("ix_defect_last_seen", "municipality_id", "last_seen_at"),
        Index("ix_defect_municipality_state", "municipality_id", "state", "id"),
        Index("ix_defect_incident", "municipality_id", postgresql_where=text("incident_points > 0")),
        # Lists by rank run along these; the columns behind let other rows be passed over without reading them.
        Index("ix_defect_priority", "priority", "id", "state", "class_key", "municipality_id"),
        Index("ix_defect_score", "score", "id", "state", "class_key", "municipality_id"),
        Index("ix_defect_seen", "id", "last_seen_at", "first_seen_at", "municipality_id"),
        Index("ix_defect_class", "municipality_id", "class_key", "first_seen_at"),
        # What is shown to the public is read from this alone.
        Index(
            "ix_defect_confirmed", "municipality_id", "first_seen_at",
            postgresql_include=["id", "class_key", "lat", "lon"], postgresql_where=text("state = 'confirmed'"),
        ),
        Index("ix_defect_absence", "id", postgresql_where=text("absence IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[Id]
    municipality_id: Mapped[int] = mapped_column(ForeignKey("municipality.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    state: Mapped[DefectState] = mapped_column(status_column(DefectState))
    lat: Mapped[float]  # of all its visits together, each weighed by how sure it is
    lon: Mapped[float]
    cov_ee_m2: Mapped[float | None]  # of that place, vehicles' fixes included: `identity.gaussian.ellipse_95`
    cov_en_m2: Mapped[float | None]
    cov_nn_m2: Mapped[float | None]
    h3_cell: Mapped[str] = mapped_column(String(16))  # resolution 12
    score: Mapped[float]  # highest of its sightings
    size: Mapped[float | None]  # estimate in the class's unit of work, as measured from nearest by
    size_sd: Mapped[float | None]
    size_distance_m: Mapped[float | None]  # how far away the frame was that measured it
    sightings_count: Mapped[int]  # 0: known by citizens' reports alone
    reports_count: Mapped[int] = mapped_column(default=0, server_default="0")  # of citizens, kept by the room `reports`
    class_votes: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")  # sum of scores by class
    visits_count: Mapped[int] = mapped_column(default=0, server_default="0")  # passes that saw it
    presence: Mapped[float] = mapped_column(default=0.0, server_default="0")  # log-odds that it is there now
    real_log_odds: Mapped[float | None]  # that it is or was no false alarm; null until a pass has looked
    absence: Mapped[Absence | None] = mapped_column(status_column(Absence))  # what later passes propose
    absence_at: Mapped[datetime | None]
    absence_overruled_at: Mapped[datetime | None]  # a person said that it is there, whatever passes saw till then
    incident_points: Mapped[float] = mapped_column(default=0.0, server_default="0")  # while an incident lasts there
    priority: Mapped[float] = mapped_column(default=0.0, server_default="0")
    priority_parts: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]  # when its repair was found good
    best_detection_id: Mapped[int | None] = mapped_column(ForeignKey("detection.id"))  # shown first
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("defect.id"), index=True)
    created_at: Mapped[CreatedAt]
    municipality: Mapped[Municipality] = relationship()
    best_detection: Mapped[Detection | None] = relationship()


class Sighting(Base):
    """Which defect a detection shows; the one link that a merge may move."""

    __tablename__ = "sighting"

    detection_id: Mapped[int] = mapped_column(ForeignKey("detection.id"), primary_key=True)
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"), index=True)
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id", ondelete="SET NULL"), index=True)
    detection: Mapped[Detection] = relationship()


class Visit(Base):
    """One vehicle passing by a defect: what it saw of it there, or that it looked and saw nothing.

    The errors of sightings seconds apart are one error, that of the vehicle's fix; those of visits are independent.
    """

    __tablename__ = "visit"
    __table_args__ = (Index("ix_visit_survey", "survey_id", "last_at"),)

    id: Mapped[Id]
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"), index=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("survey.id"))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    sightings: Mapped[int]  # 0: it looked and saw nothing
    looks: Mapped[int]  # frames that should have shown it, those that did among them
    unseen_log: Mapped[float]  # sum over looks without a sighting of log(1 - recall); 0 or less
    score_log: Mapped[float | None]  # what its sightings' scores say for a real thing: `identity.scores`
    lat: Mapped[float | None]  # by this visit alone; null without sightings
    lon: Mapped[float | None]
    cov_ee_m2: Mapped[float | None]  # of the sightings together, without the vehicle's fix
    cov_en_m2: Mapped[float | None]
    cov_nn_m2: Mapped[float | None]
    gps_sd_m: Mapped[float | None]  # per axis, of the vehicle's fix as it was told
    fix_east_m: Mapped[float | None]  # by how much that fix was off, as all passes together tell: `settling`
    fix_north_m: Mapped[float | None]
    fix_sd_m: Mapped[float | None]  # per axis, how far it may still be off
    heading_deg: Mapped[float | None]  # direction of travel


class Review(Base):
    """One verdict of one person; append-only."""

    __tablename__ = "review"

    id: Mapped[Id]
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    detection_id: Mapped[int | None] = mapped_column(ForeignKey("detection.id"), index=True)  # what they looked at
    verdict: Mapped[Verdict] = mapped_column(status_column(Verdict))
    class_before: Mapped[str] = mapped_column(String(40))
    class_after: Mapped[str] = mapped_column(String(40))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("defect.id"))
    x0_px: Mapped[float | None]  # of move: the right box, upright pixels of the frame
    y0_px: Mapped[float | None]
    x1_px: Mapped[float | None]
    y1_px: Mapped[float | None]
    note: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[CreatedAt]
    user: Mapped[User] = relationship()

    @property
    def box_px(self) -> BoxPx | None:
        if self.x0_px is None or self.y0_px is None or self.x1_px is None or self.y1_px is None:
            return None
        return self.x0_px, self.y0_px, self.x1_px, self.y1_px


class FrameCheck(Base):
    """A person's word that every object of a class on a frame has a box, and that each of these boxes is right."""

    __tablename__ = "frame_check"
    __table_args__ = (UniqueConstraint("frame_id", "class_key"),)

    id: Mapped[Id]
    frame_id: Mapped[int] = mapped_column(ForeignKey("frame.id"))
    class_key: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[CreatedAt]
