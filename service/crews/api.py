"""HTTP for crews and their plans: made, read, printed and taken along."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import selectinload

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, RuntimeDep, SessionDep, paginate
from service.core.fields import RowId
from service.core.i18n import Language
from service.crews import crews, plans
from service.crews.models import Crew, CrewPlan
from service.crews.navigation import plan_geojson, plan_gpx
from service.crews.printing import sheet_of
from service.crews.schemas import CrewIn, CrewOut, PlanDetail, PlanIn, PlanOut
from service.crews.showing import crew_out, plan_detail, plan_out

GPX, GEOJSON = "application/gpx+xml", "application/geo+json"

router = APIRouter(prefix="/api/v1/units/{unit_id}", responses=PROBLEMS, tags=["crew plans"])
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_WORK_ORDERS))]


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {}}}}


@router.get("/crew")
def get_crew(unit_id: RowId, caller: ViewerDep, session: SessionDep) -> CrewOut:
    """The unit's depot, shift, break, speed, load and own times; a conflict until they are set."""
    return crew_out(crews.crew_of(session, caller, unit_id))


@router.put("/crew")
def put_crew(unit_id: RowId, body: CrewIn, caller: CallerDep, session: SessionDep, now: NowDep) -> CrewOut:
    """Sets them; plans made from now on follow."""
    return crew_out(crews.set_crew(session, caller, unit_id, body, now))


@router.get("/crew/times")
def get_work_times(unit_id: RowId, caller: ViewerDep, session: SessionDep) -> dict[str, dict[str, Any]]:
    """Minutes of work by class as plans use them, with the reason of each."""
    crews.unit_of(session, caller, unit_id)
    return crews.work_times_of(session.get(Crew, unit_id))


@router.post("/plans")
def post_plan(unit_id: RowId, body: PlanIn, caller: CallerDep, session: SessionDep, now: NowDep) -> PlanDetail:
    """Plans a shift, or plans the rest of it anew where something has changed; with nothing changed the plan that is
    there. Finished stops stay."""
    plan = plans.make_plan(session, caller, unit_id, body, now)
    return plan_detail(plans.get_plan(session, caller, unit_id, plan.id))


@router.get("/plans")
def list_plans(
    unit_id: RowId, caller: ViewerDep, session: SessionDep, current: bool | None = None, after: AfterQuery = None,
    limit: LimitQuery = 100,
) -> Page[PlanOut]:  # fmt: skip
    """Every version of every shift, the latest first; `current=true` for those that hold."""
    statement = plans.visible_plans(session, caller, unit_id).options(selectinload(CrewPlan.stops))
    if current is not None:
        statement = statement.where(CrewPlan.current.is_(current))
    rows, following = paginate(session, statement, CrewPlan.id, after, limit, descending=True)
    return Page(items=[plan_out(row) for row in rows], next=following)


@router.get("/plans/{plan_id}")
def get_plan(unit_id: RowId, plan_id: RowId, caller: ViewerDep, session: SessionDep) -> PlanDetail:
    """Stops in their order, what was left out and why, materials, and what the plan takes for granted."""
    return plan_detail(plans.get_plan(session, caller, unit_id, plan_id))


@router.get("/plans/{plan_id}/sheet", response_class=Response, responses=_file("application/pdf"))
def get_sheet(
    unit_id: RowId, plan_id: RowId, caller: ViewerDep, session: SessionDep, runtime: RuntimeDep,
    language: Language = Language.ARABIC,
) -> Response:  # fmt: skip
    """The plan to print, with map and photos."""
    plan = plans.get_plan(session, caller, unit_id, plan_id)
    return _download(sheet_of(session, runtime.store, plan, language), "application/pdf", plan, "pdf")


@router.get("/plans/{plan_id}/gpx", response_class=Response, responses=_file(GPX))
def get_gpx(unit_id: RowId, plan_id: RowId, caller: ViewerDep, session: SessionDep) -> Response:
    """GPX 1.1 with way points, the route and the track."""
    plan = plans.get_plan(session, caller, unit_id, plan_id)
    return _download(plan_gpx(plan), GPX, plan, "gpx")


@router.get("/plans/{plan_id}/geojson", response_class=Response, responses=_file(GEOJSON))
def get_geojson(unit_id: RowId, plan_id: RowId, caller: ViewerDep, session: SessionDep) -> Response:
    """The way as a line and the stops as points."""
    return JSONResponse(plan_geojson(plans.get_plan(session, caller, unit_id, plan_id)), media_type=GEOJSON)


def _download(content: bytes, media_type: str, plan: CrewPlan, suffix: str) -> Response:
    name = f"plan-{plan.unit_id}-{plan.shift_starts_at:%Y-%m-%d}-v{plan.version}.{suffix}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
