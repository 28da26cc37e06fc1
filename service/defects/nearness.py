"""Which stored defects something told from outside may be, as a citizen's report with a rough place."""

from dataclasses import dataclass
from math import exp, sqrt

from sqlalchemy.orm import Session, selectinload

from service.accounts.caller import Caller
from service.core.plane import LocalPlane
from service.defects.access import visible_defects, within
from service.defects.maps import box_around
from service.defects.models import Defect
from service.defects.sights import ellipse_of
from service.defects.states import DefectState
from service.identity.gaussian import Ellipse, Spot
from service.identity.matching import Known, rank

GATE_2 = 9.210  # squared standard deviations of two dimensions: one true match in a hundred lies farther
UNKNOWN_SD_M = 10.0  # per axis, of a defect stored before places had ellipses
SEARCHED_SD_M = 25.0  # the most that a stored place errs; a vehicle without a calibrated camera reaches half
LIVE = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


@dataclass(frozen=True)
class Proposal:
    """A defect with the evidence that it is meant."""

    defect: Defect
    distance_m: float
    mahalanobis2: float  # that distance in standard deviations of both places together, squared
    log_ratio: float  # natural logarithm of how much likelier it is this defect than one that nobody has stored

    @property
    def as_far(self) -> float:
        """Share of true matches that lie at least as far apart: the tail of chi-square with two degrees of freedom."""
        return exp(-self.mahalanobis2 / 2)


def propose(
    session: Session, caller: Caller, lat: float, lon: float, sd_m: float, class_key: str | None, limit: int
) -> list[Proposal]:
    """The likeliest first, by `matching.rank`; what lies beyond the gate is left out."""
    reach_m = sqrt(GATE_2 * (sd_m * sd_m + SEARCHED_SD_M * SEARCHED_SD_M))
    around = visible_defects(caller).where(within(box_around(lat, lon, reach_m)), Defect.state.in_(LIVE))
    found = {one.id: one for one in session.scalars(around.options(selectinload(Defect.best_detection)))}
    told, plane = Spot(0.0, 0.0, Ellipse.round(sd_m)), LocalPlane(lat, lon)
    ranked = rank(told, class_key, [_known(defect, plane) for defect in found.values()])
    proposals = [_proposal(found[known.defect], known.spot, told, gain) for known, gain in ranked]
    return [one for one in proposals if one.mahalanobis2 <= GATE_2][:limit]


def _known(defect: Defect, plane: LocalPlane) -> Known:
    """By the place of all its visits together, whose ellipse has the vehicles' fixes in it."""
    spot = Spot(*plane.to_m(defect.lat, defect.lon), ellipse_of(defect) or Ellipse.round(UNKNOWN_SD_M))
    return Known(defect.id, defect.id, spot, 0.0, {defect.class_key: defect.score})


def _proposal(defect: Defect, spot: Spot, told: Spot, log_ratio: float) -> Proposal:
    east_m, north_m = spot.east_m - told.east_m, spot.north_m - told.north_m
    both = spot.ellipse + told.ellipse
    return Proposal(defect, sqrt(east_m**2 + north_m**2), both.mahalanobis2(east_m, north_m), log_ratio)
