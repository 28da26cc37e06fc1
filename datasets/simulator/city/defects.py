"""The true defects of the simulated city: where each lies, how large it is and when it was there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Side = Literal["left", "right", "middle"]
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)  # the end of a life that nobody ended


@dataclass(frozen=True)
class Life:
    """There from `from_at` (UTC) until just before `to_at`, its length, width and height times `scale`."""

    from_at: datetime
    to_at: datetime
    scale: float


@dataclass(frozen=True)
class TrueDefect:
    """One defect, the same id for ever. The place is its middle on the ground; sides are those of its street's line.

    A life that follows at once on another is growth; after a gap the defect came back.
    """

    id: str
    class_key: str
    street_id: str
    east_m: float
    north_m: float
    along_deg: float
    length_m: float  # along the street
    width_m: float  # across it; 0: on a wall
    height_m: float  # 0: flat
    base_m: float  # of its lower edge above the ground
    side: Side
    life: tuple[Life, ...]

    def present(self, at: datetime) -> float:
        """The scale it has then; 0: it is not there."""
        return next((one.scale for one in self.life if one.from_at <= at < one.to_at), 0.0)

    @property
    def repaired_at(self) -> tuple[datetime, ...]:
        """When it went away, each time."""
        followed = {one.from_at for one in self.life} | {FOREVER}
        return tuple(one.to_at for one in self.life if one.to_at not in followed)
