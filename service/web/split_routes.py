"""The form that says of some sightings of a defect: these show another thing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response

from service.accounts.permissions import Permission
from service.core.api import SessionDep
from service.core.fields import RowId
from service.defects.access import get_defect
from service.defects.models import Defect
from service.defects.splits import split_defect
from service.web.desk_pages import Told, defect_page
from service.web.forms import attempt
from service.web.pages import SignedInPage, page_for, see_other

router = APIRouter()
DefectPage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_DEFECTS))]


@router.post("/defects/{defect_id}/split")
def split(
    page: DefectPage, session: SessionDep, defect_id: RowId, detection_id: Annotated[list[RowId] | None, Form()] = None
) -> Response:
    """Shows the new defect, to be reviewed."""
    made: list[Defect] = []
    refusal = attempt(
        session,
        lambda: made.append(split_defect(session, page.caller, defect_id, detection_id or [], page.now)),
    )
    if refusal:
        return defect_page(page, session, get_defect(session, page.caller, defect_id), Told(refusal=refusal))
    return see_other(f"/defects/{made[0].id}")
