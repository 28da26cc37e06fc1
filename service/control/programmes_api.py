"""HTTP for programmes: their phases, targets and initiatives, and how each target stands."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from service.accounts.caller import CallerDep
from service.control import programmes
from service.control.api import SpanOut, span_out
from service.control.asking import ViewDep, ViewerDep
from service.control.definitions import BY_KEY
from service.control.models import InitiativeState, Phase, Programme
from service.control.periods import Span
from service.control.programmes import Aim, Stand, stand_of
from service.control.progress import Status
from service.core.api import PROBLEMS, AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.fields import Day, Key, Name, Note, RowId
from service.core.sheets import FILES, FileFormat, Sheet, download
from service.defects.schemas import ClassKey, Row

router = APIRouter(prefix="/api/v1/programmes", responses=PROBLEMS, tags=["indicators"])
HEAD = (
    "phase", "from", "to", "municipality_id", "indicator", "class_key", "target", "value", "forecast",
    "progress_percent", "status", "reason", "rows",
)  # fmt: skip


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProgrammeChange(Body):
    name_en: Name
    name_ar: Name
    note: Note | None = None


class ProgrammeIn(ProgrammeChange):
    municipality_id: RowId | None = Field(None, description="null: of all municipalities; needs a user of all")
    key: Key


class PhaseIn(Body):
    name_en: Name
    name_ar: Name
    first_day: Day
    last_day: Day = Field(description="counted too")
    margin_percent: float = Field(5.0, ge=0, le=100, description="a forecast that misses by no more is at risk")


class TargetIn(Body):
    municipality_id: RowId
    indicator: str = Field(max_length=40, description="key of /indicators/definitions")
    class_key: ClassKey | None = None
    value: float = Field(ge=0, le=1e12, description="by the end of the phase, in the indicator's unit")


class TargetsIn(Body):
    targets: list[TargetIn] = Field(max_length=2000)


class InitiativeIn(Body):
    municipality_id: RowId | None = Field(None, description="null: wherever the programme is")
    name_en: Name
    name_ar: Name
    state: InitiativeState = InitiativeState.PLANNED
    note: Note | None = None
    serves: list[Key] = Field(default_factory=list, max_length=20, description="indicators that it is meant to move")


class ProgrammeOut(Row):
    id: int
    municipality_id: int | None
    key: str
    name_en: str
    name_ar: str
    note: str | None


class TargetOut(BaseModel):
    municipality_id: int
    indicator: str
    class_key: str | None
    target: float
    value: float | None = Field(description="over the phase so far; null with a reason, or before the phase begins")
    forecast: float | None = Field(description="at the end of the phase if the last 28 days go on; null once it ended")
    progress_percent: float | None
    status: Status
    reason: str | None
    rows: str | None


class InitiativeOut(Row):
    key: str
    municipality_id: int | None
    name_en: str
    name_ar: str
    state: InitiativeState
    note: str | None
    serves: list[str]


class PhaseOut(BaseModel):
    key: str
    name_en: str
    name_ar: str
    period: SpanOut
    margin_percent: float
    targets: list[TargetOut]
    initiatives: list[InitiativeOut]


class ProgrammeDetail(ProgrammeOut):
    phases: list[PhaseOut] = Field(description="with the targets of the municipalities that you see")


@router.get("")
def list_programmes(
    caller: ViewerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[ProgrammeOut]:
    """Programmes of the caller's municipalities and of all together."""
    rows, following = paginate(session, programmes.visible_programmes(caller), Programme.id, after, limit)
    return Page(items=[ProgrammeOut.model_validate(row) for row in rows], next=following)


@router.post("", status_code=201)
def create_programme(body: ProgrammeIn, caller: CallerDep, session: SessionDep, now: NowDep) -> ProgrammeOut:
    """Adds a programme; the same request again returns it."""
    names = body.model_dump(include={"name_en", "name_ar", "note"})
    made = programmes.create_programme(session, caller, body.municipality_id, body.key, names, now)
    return ProgrammeOut.model_validate(made)


@router.get("/{programme_id}")
def get_programme(programme_id: RowId, caller: ViewerDep, view: ViewDep, now: NowDep) -> ProgrammeDetail:
    """A programme with its phases, and each target with progress, forecast and status."""
    found = programmes.get_programme(view.session, caller, programme_id)
    phases = [
        _phase_out(phase, [stand_of(view, caller, phase, one, now) for one in programmes.targets_of(phase, caller)],
                   [InitiativeOut.model_validate(one) for one in programmes.initiatives_of(phase, caller)])
        for phase in found.phases
    ]  # fmt: skip
    return ProgrammeDetail(**ProgrammeOut.model_validate(found).model_dump(), phases=phases)


@router.get("/{programme_id}/export", response_class=Response, responses=FILES)
def export_programme(
    programme_id: RowId, caller: ViewerDep, view: ViewDep, now: NowDep,
    format: FileFormat = FileFormat.XLSX,  # noqa: A002
) -> Response:  # fmt: skip
    """Its targets as a file, one line each."""
    found = get_programme(programme_id, caller, view, now)
    lines = (
        (phase.key, phase.period.first, phase.period.last, one.municipality_id, one.indicator, one.class_key,
         one.target, one.value, one.forecast, one.progress_percent, one.status.value, one.reason, one.rows)
        for phase in found.phases for one in phase.targets
    )  # fmt: skip
    return download(f"programme-{found.key}", format, Sheet(HEAD, lines))


@router.put("/{programme_id}")
def change_programme(
    programme_id: RowId, body: ProgrammeChange, caller: CallerDep, session: SessionDep, now: NowDep
) -> ProgrammeOut:
    """Renames a programme."""
    changed = programmes.change_programme(session, caller, programme_id, body.model_dump(), now)
    return ProgrammeOut.model_validate(changed)


@router.put("/{programme_id}/phases/{key}")
def put_phase(
    programme_id: RowId, key: Key, body: PhaseIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> ProgrammeOut:
    """Makes or changes a phase."""
    changed = programmes.set_phase(session, caller, programme_id, key, body.model_dump(), now)
    return ProgrammeOut.model_validate(changed)


@router.put("/{programme_id}/phases/{key}/targets")
def put_targets(
    programme_id: RowId, key: Key, body: TargetsIn, caller: CallerDep, session: SessionDep, now: NowDep
) -> ProgrammeOut:
    """Sets all targets of a phase; those that are not named go."""
    aims = [Aim(**one.model_dump()) for one in body.targets]
    return ProgrammeOut.model_validate(programmes.set_targets(session, caller, programme_id, key, aims, now))


@router.put("/{programme_id}/phases/{key}/initiatives/{initiative}")
def put_initiative(
    programme_id: RowId, key: Key, initiative: Annotated[Key, "its own key"], body: InitiativeIn, caller: CallerDep,
    session: SessionDep, now: NowDep,
) -> ProgrammeOut:  # fmt: skip
    """Makes or changes an initiative of a phase."""
    changed = programmes.set_initiative(session, caller, programme_id, key, initiative, body.model_dump(), now)
    return ProgrammeOut.model_validate(changed)


def _phase_out(phase: Phase, stands: list[Stand], initiatives: list[InitiativeOut]) -> PhaseOut:
    return PhaseOut(
        key=phase.key, name_en=phase.name_en, name_ar=phase.name_ar,
        period=span_out(Span(phase.first_day, phase.last_day)), margin_percent=phase.margin_percent,
        targets=[_target_out(one) for one in stands], initiatives=initiatives,
    )  # fmt: skip


def _target_out(stand: Stand) -> TargetOut:
    target, found = stand.target, stand.progress
    assert target.indicator in BY_KEY
    return TargetOut(
        municipality_id=target.municipality_id, indicator=target.indicator, class_key=target.class_key,
        target=target.value, value=found.value, forecast=found.forecast, progress_percent=found.progress_percent,
        status=found.status, reason=stand.reason, rows=stand.rows,
    )  # fmt: skip
