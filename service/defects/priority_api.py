"""HTTP for why a defect has the priority it has."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from service.accounts.caller import Caller, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, SessionDep
from service.core.fields import RowId
from service.defects.access import get_defect
from service.defects.priority import INCIDENT, MOST

router = APIRouter(prefix="/api/v1", responses=PROBLEMS, tags=["defects"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_DEFECTS))]


class PartOut(BaseModel):
    """Points of one part of the score."""

    key: str = Field(description=", ".join((*MOST, INCIDENT)))
    points: float
    of: float = Field(description="points at most")
    because: str | float | None = Field(
        description="the class, size class, road class, chance that it is there, times it came back, reports of "
        "citizens, or days since it was first seen; null: not known"
    )


class PriorityOut(BaseModel):
    """The score of a defect, 0 to 100, as the sum of its parts; no parts until it is first worked out."""

    defect_id: int
    score: float
    parts: list[PartOut]


@router.get("/defects/{defect_id}/priority")
def get_priority(defect_id: RowId, caller: ViewerDep, session: SessionDep) -> PriorityOut:
    """How urgent a defect is and why."""
    defect = get_defect(session, caller, defect_id)
    told = defect.priority_parts
    shown = [PartOut(key=key, **told[key]) for key in (*MOST, INCIDENT) if key in told]
    return PriorityOut(defect_id=defect.id, score=defect.priority, parts=shown)
