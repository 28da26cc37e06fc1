"""What deleting a frame, an archive or a track does to the rows that point at it."""

from uuid import uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.intake.models import Archive, ArchiveState, Upload, UploadSet, UploadSetFile, UploadState
from service.privacy.models import BlurReport, BlurReportState
from service.surveys.models import Frame, Survey, Track
from tests.defects.sightings import make_defect
from tests.factories import NOW, make_frame, make_survey, make_user


@pytest.fixture
def survey(session: Session) -> Survey:
    return make_survey(session)


def upload_of(session: Session, survey: Survey, **made: int) -> Upload:
    upload = Upload(
        public_id=uuid4(), vehicle_id=survey.vehicle_id, state=UploadState.FINISHED, length_bytes=1, offset_bytes=1,
        metadata_header="", expires_at=NOW, **made,
    )  # fmt: skip
    session.add(upload)
    session.flush()
    return upload


def test_a_finished_upload_outlives_its_frame(session: Session, survey: Survey) -> None:
    frame = make_frame(session, survey)
    upload = upload_of(session, survey, frame_id=frame.id)
    session.execute(delete(Frame).where(Frame.id == frame.id))
    session.refresh(upload)
    assert (upload.state, upload.frame_id) == (UploadState.FINISHED, None)


def test_a_finished_upload_outlives_its_archive_and_its_track(session: Session, survey: Survey) -> None:
    archive = Archive(
        vehicle_id=survey.vehicle_id, municipality_id=survey.municipality_id, survey_id=survey.id, sha256="a" * 64,
        filename="a.zip", kind="zip", size_bytes=1, state=ArchiveState.UNPACKED, entries={},
    )  # fmt: skip
    points: dict[str, list[float]] = {"at_s": [], "lat": [], "lon": []}
    track = Track(survey_id=survey.id, sha256="b" * 64, filename="a.gpx", starts_at=NOW, ends_at=NOW, points=points)
    session.add_all([archive, track])
    session.flush()
    uploads = [
        upload_of(session, survey, archive_id=archive.id),
        upload_of(session, survey, track_id=track.id),
    ]
    session.execute(delete(Archive))
    session.execute(delete(Track))
    for upload in uploads:
        session.refresh(upload)
        assert (upload.state, upload.archive_id, upload.track_id) == (UploadState.FINISHED, None, None)


def test_what_only_speaks_of_a_frame_goes_with_it(session: Session, survey: Survey) -> None:
    frame, other = make_frame(session, survey), make_frame(session, survey)
    upload_set = UploadSet(public_id=uuid4(), vehicle_id=survey.vehicle_id, survey_id=survey.id, told={})
    session.add(upload_set)
    session.flush()
    user = make_user(session)
    for one in (frame, other):
        file = UploadSetFile(
            public_id=uuid4(), upload_set_id=upload_set.id, frame_id=one.id, filename="a", content_md5="", told={}
        )
        report = BlurReport(
            municipality_id=survey.municipality_id, frame_id=one.id, kind="missing", x0_px=0, y0_px=0, x1_px=9, y1_px=9,
            state=BlurReportState.OPEN, reported_by_id=user.id,
        )  # fmt: skip
        session.add_all([file, report])
    session.flush()
    session.execute(delete(Frame).where(Frame.id == frame.id))
    assert session.scalars(select(UploadSetFile.frame_id)).all() == [other.id]
    assert session.scalars(select(BlurReport.frame_id)).all() == [other.id]


def test_a_frame_that_a_detection_rests_on_cannot_be_deleted(session: Session, survey: Survey) -> None:
    frame = make_frame(session, survey)
    make_defect(session, frame=frame)
    with pytest.raises(IntegrityError, match="fk_detection_frame_id"):
        session.execute(delete(Frame).where(Frame.id == frame.id))
