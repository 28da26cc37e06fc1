"""Every frame that came with its state and the reason for it, so that none is stuck or lost unseen."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import selectinload

from service.accounts.permissions import Permission
from service.core.api import SessionDep, paginate
from service.surveys.models import Frame, FrameState
from service.surveys.service import visible_frames
from service.web.forms import whole_number
from service.web.pages import SignedInPage, page_for

router = APIRouter()
FramePage = Annotated[SignedInPage, Depends(page_for(Permission.VIEW_FRAMES))]
SHOWN = 100


@router.get("/frames")
def list_frames(page: FramePage, session: SessionDep, state: str = "", after: str = "") -> Response:
    """The newest first."""
    chosen = FrameState(state) if state in set(FrameState) else None
    statement = visible_frames(page.caller).options(
        selectinload(Frame.survey), selectinload(Frame.vehicle), selectinload(Frame.municipality)
    )
    if chosen:
        statement = statement.where(Frame.state == chosen)
    rows, following = paginate(session, statement, Frame.id, whole_number(after), SHOWN, descending=True)
    kept = {"state": chosen.value} if chosen else {}
    return page.render(
        "frames.html",
        rows=rows,
        chosen=chosen,
        next_page=f"?{urlencode(kept | {'after': following})}" if following else None,
        first_page=f"?{urlencode(kept)}" if after else None,
    )
