"""Notes which frames should have shown a defect and did not: what a pass did not see is evidence, if it looked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from service.accounts.service import camera_of
from service.defects.models import Defect, Visit
from service.defects.mountings import corrected
from service.defects.recording import Recorded, SeenFrame
from service.defects.sights import ellipse_of
from service.defects.states import DefectState
from service.defects.visiting import fix_sd_m, visit_at
from service.identity.gaussian import Ellipse
from service.identity.locate import MAX_DISTANCE_M
from service.identity.looking import Chances, LookSum, Pose, chances_of
from service.surveys.models import Frame

NOTHING_MEASURED: Mapping[str, float] = MappingProxyType({})
_LOOKED_FOR = (DefectState.CANDIDATE, DefectState.CONFIRMED, DefectState.RESOLVED)


def note_looks(
    session: Session, seen: Sequence[SeenFrame], recorded: Recorded, shown: Iterable[tuple[int, int]],
    near_recall: Mapping[str, float] = NOTHING_MEASURED,
) -> list[Defect]:  # fmt: skip
    """Adds to the visits of all defects nearby what these frames looked at in vain; returns the defects they looked at.

    `shown`: (frame id, defect id) of every sighting on these frames. `near_recall`: by class what was measured for the
    model that looked (`looking.recall`). Call it once, in the transaction that records the frames, whose rows it
    changes.
    """
    saw = set(shown)
    looked_at: dict[int, Defect] = {}
    for nearby in recorded.nearby:
        rows = {defect.id: defect for defect in (*nearby.defects.values(), *recorded.created)}
        defects = [row for row in rows.values() if row.state in _LOOKED_FOR and row.merged_into_id is None]
        places = [(defect, *nearby.plane.to_m(defect.lat, defect.lon), _error(defect)) for defect in defects]
        sums: dict[int, tuple[Visit, LookSum]] = {}
        for one in seen:
            pose = _pose(one.frame, nearby.plane.to_m(one.frame.lat or 0.0, one.frame.lon or 0.0))
            camera = corrected(camera_of(one.frame.vehicle), one.frame.survey.mounting)
            for defect, east_m, north_m, error in places:
                near = abs(east_m - pose.east_m) < MAX_DISTANCE_M and abs(north_m - pose.north_m) < MAX_DISTANCE_M
                if not near:
                    continue
                if (one.frame.id, defect.id) in saw:
                    looked_at[defect.id] = defect
                    continue
                chances = chances_of(
                    east_m, north_m, error, pose, camera, one.frame.width or 1, one.frame.height or 1,
                    defect.class_key, one.frame.footage_use.value, near_recall.get(defect.class_key),
                )  # fmt: skip
                if chances:
                    _add(session, sums, nearby.visits, defect, one.frame, chances)
        for defect_id, (visit, total) in sums.items():
            if total.looks:
                visit.looks, visit.unseen_log = total.looks, total.unseen_log
                looked_at[defect_id] = rows[defect_id]
            elif visit in session.new:
                session.expunge(visit)
                nearby.visits[defect_id].remove(visit)
    session.flush()
    return list(looked_at.values())


def _add(
    session: Session, sums: dict[int, tuple[Visit, LookSum]], visits: dict[int, list[Visit]], defect: Defect,
    frame: Frame, chances: Chances,
) -> None:  # fmt: skip
    if defect.id not in sums:
        own = visits.setdefault(defect.id, [])
        visit = visit_at(own, frame)
        if visit is None:
            visit = _look(defect, frame)
            session.add(visit)
            own.append(visit)
        sums[defect.id] = visit, LookSum.of(visit.looks, visit.unseen_log)
    visit, total = sums[defect.id]
    at = _at(frame)
    visit.first_at, visit.last_at = min(visit.first_at, at), max(visit.last_at, at)
    sums[defect.id] = visit, total.add(chances)


def _look(defect: Defect, frame: Frame) -> Visit:
    return Visit(
        defect_id=defect.id, survey_id=frame.survey_id, first_at=_at(frame), last_at=_at(frame), sightings=0, looks=0,
        unseen_log=0.0, heading_deg=frame.heading_deg,
    )  # fmt: skip


def _pose(frame: Frame, place_m: tuple[float, float]) -> Pose:
    return Pose(*place_m, frame.heading_deg, Ellipse.round(fix_sd_m(frame)))


def _error(defect: Defect) -> Ellipse:
    return ellipse_of(defect) or Ellipse.round(3.0)


def _at(frame: Frame) -> datetime:
    return frame.captured_at or frame.received_at
