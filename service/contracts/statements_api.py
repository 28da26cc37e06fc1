"""HTTP for monthly statements: as data, PDF and Excel; issued once, and checked against the events."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy import select

from service.accounts.caller import Caller, CallerDep, require
from service.accounts.permissions import Permission
from service.contracts import statements
from service.contracts.models import ContractStatement
from service.contracts.money import to_sar
from service.contracts.months import Month, parse_month
from service.contracts.service import get_contract
from service.contracts.sheets import statement_xlsx
from service.contracts.showing import entry_out, statement_out
from service.contracts.statement_paper import statement_pdf
from service.contracts.statement_schemas import CheckOut, IssuedOut, StatementOut
from service.contracts.statements import Stated
from service.core.api import AfterQuery, LimitQuery, NowDep, Page, SessionDep, paginate
from service.core.errors import Unprocessable
from service.core.fields import RowId
from service.core.i18n import Language

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}
SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: {}}}}

router = APIRouter(prefix="/contracts/{contract_id}/statements")
ViewerDep = Annotated[Caller, Depends(require(Permission.VIEW_CONTRACTS))]
MonthPath = Annotated[str, Path(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", description="2026-03, by the clock of Riyadh")]


@router.get("")
def list_statements(
    contract_id: RowId, caller: ViewerDep, session: SessionDep, after: AfterQuery = None, limit: LimitQuery = 100
) -> Page[IssuedOut]:
    """Issued statements, the oldest first."""
    contract = get_contract(session, caller, contract_id)
    own = select(ContractStatement).where(ContractStatement.contract_id == contract.id)
    rows, following = paginate(session, own, ContractStatement.id, after, limit)
    return Page(items=[_issued_out(row) for row in rows], next=following)


@router.get("/{month}")
def get_statement(
    contract_id: RowId, month: MonthPath, caller: ViewerDep, session: SessionDep, now: NowDep
) -> StatementOut:
    """The issued statement of a month, else a draft from the events until now."""
    return statement_out(contract_id, statements.statement_of(session, caller, contract_id, _month(month), now))


@router.get("/{month}/pdf", response_class=Response, responses=FILE)
def get_pdf(
    contract_id: RowId, month: MonthPath, caller: ViewerDep, session: SessionDep, now: NowDep,
    language: Language = Language.ARABIC,
) -> Response:  # fmt: skip
    """The same as a document to sign; the same statement gives the same bytes."""
    stated = statements.statement_of(session, caller, contract_id, _month(month), now)
    return _file(statement_pdf(stated, language), "application/pdf", stated, contract_id, "pdf")


@router.get("/{month}/xlsx", response_class=Response, responses=SHEET)
def get_xlsx(
    contract_id: RowId, month: MonthPath, caller: ViewerDep, session: SessionDep, now: NowDep,
    language: Language = Language.ARABIC,
) -> Response:  # fmt: skip
    """The same as an Excel file with one line per order, and every amount with its reason and event."""
    stated = statements.statement_of(session, caller, contract_id, _month(month), now)
    content = statement_xlsx(stated, language, statements.place_names(session, stated.statement))
    return _file(content, XLSX, stated, contract_id, "xlsx")


@router.post("/{month}/issue")
def issue(contract_id: RowId, month: MonthPath, caller: CallerDep, session: SessionDep, now: NowDep) -> StatementOut:
    """Freezes the statement; the same request again returns it. What changes afterwards comes as corrections of the
    next month."""
    return statement_out(contract_id, statements.issue(session, caller, contract_id, _month(month), now))


@router.get("/{month}/check")
def check(contract_id: RowId, month: MonthPath, caller: ViewerDep, session: SessionDep) -> CheckOut:
    """Works an issued statement out again from the events and says where they differ."""
    found = statements.check(session, caller, contract_id, _month(month))
    return CheckOut(
        same=found.same,
        sha256_issued=found.sha256_issued,
        sha256_again=found.sha256_again,
        missing=[entry_out(line) for line in found.missing],
        unexpected=[entry_out(line) for line in found.unexpected],
    )


def _month(text: str) -> Month:
    try:
        return parse_month(text)
    except ValueError as error:
        raise Unprocessable("statement.month", str(error)) from error


def _issued_out(row: ContractStatement) -> IssuedOut:
    return IssuedOut(
        id=row.id, month=row.month, sha256=row.sha256, issued_at=row.issued_at, works=to_sar(row.works_halalas),
        penalties=to_sar(row.penalties_halalas), vat=to_sar(row.vat_halalas), total=to_sar(row.total_halalas),
    )  # fmt: skip


def _file(data: bytes, media_type: str, stated: Stated, contract_id: int, ending: str) -> Response:
    state = "issued" if stated.issued else "draft"
    name = f"contract-{contract_id}-{stated.statement.month}-{state}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type=media_type, headers=headers)
