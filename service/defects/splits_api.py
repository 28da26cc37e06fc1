"""HTTP for saying that some sightings of a defect show another thing."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.accounts.caller import CallerDep
from service.core.api import PROBLEMS, NowDep, SessionDep
from service.core.fields import RowId
from service.defects.schemas import DefectOut, defect_out
from service.defects.splits import split_defect

router = APIRouter(responses=PROBLEMS, tags=["defects"])


class SplitIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    detection_ids: list[RowId] = Field(min_length=1, max_length=500, description="sightings of the other thing")


@router.post("/defects/{defect_id}/split")
def post_split(defect_id: RowId, body: SplitIn, caller: CallerDep, session: SessionDep, now: NowDep) -> DefectOut:
    """Makes another defect of some sightings, to be reviewed by itself; matching keeps the two apart from then on."""
    return defect_out(split_defect(session, caller, defect_id, body.detection_ids, now))
