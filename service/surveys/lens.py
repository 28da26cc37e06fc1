"""Tells of a survey whether its lens wants cleaning: by its last frames, and only as long as they show it.

All that the watch needs is in the rows, so a restart changes nothing and a frame that comes late takes its place.
"""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inference.lens_watch import LENS_CHARS, LensVerdict, LensWatch
from service.core.events import SYSTEM, record
from service.surveys.models import FootageUse, Frame, FrameState, Survey

WATCHED = 40  # frames of one image size
LOOKED_THROUGH = 3 * WATCHED  # so many last frames: enough for three cameras that take turns


def watch_lens(session: Session, survey_id: int, now: datetime) -> None:
    """Writes the verdict of the last processed frames into the survey, for each image size one watch, the dirtiest
    told; safe to run again. As long as too few frames tell, or the vehicle stands, what was known stays."""
    told = [verdict for verdict in _verdicts(session, survey_id) if verdict[1].told]
    if not told:
        return
    survey = session.get_one(Survey, survey_id)
    dirtiest = max((verdict for _, verdict in told), key=lambda verdict: verdict.dirty_share)
    before, survey.lens_code = survey.lens_code, dirtiest.code
    survey.lens_share = round(dirtiest.dirty_share, 4)
    survey.lens_checked_at = max(at for at, _ in told)
    if survey.lens_code != before:
        _record(session, survey, before, now)


def _verdicts(session: Session, survey_id: int) -> list[tuple[datetime, LensVerdict]]:
    """For each image size when its newest frame was taken, and what its last frames tell."""
    lens = Frame.quality["lens"].astext
    last = select(Frame.width, Frame.height, Frame.captured_at, lens).where(
        Frame.survey_id == survey_id, Frame.state == FrameState.PROCESSED, Frame.captured_at.is_not(None),
        Frame.footage_use != FootageUse.NOTHING,  # a dark or shaken frame is soft all over
        func.length(lens) == LENS_CHARS,  # a release with another grid wrote other lengths
    )  # fmt: skip
    sizes: dict[tuple[int | None, int | None], list[tuple[datetime, str]]] = defaultdict(list)
    newest_first = last.order_by(Frame.captured_at.desc(), Frame.id.desc()).limit(LOOKED_THROUGH)
    for width, height, at, text in session.execute(newest_first):
        sizes[width, height].append((at, text))
    return [(own[0][0], _watch([text for _, text in own[:WATCHED]])) for own in sizes.values()]


def _watch(newest_first: list[str]) -> LensVerdict:
    watch = LensWatch(WATCHED)
    for lens in reversed(newest_first):
        watch.add(lens)
    return watch.verdict()


def _record(session: Session, survey: Survey, before: str | None, now: datetime) -> None:
    record(
        session, at=now, actor=SYSTEM, subject_kind="survey", subject_id=survey.id, action="watch_lens",
        municipality_id=survey.municipality_id, from_state=before, to_state=survey.lens_code,
        data={"share": survey.lens_share},
    )  # fmt: skip
