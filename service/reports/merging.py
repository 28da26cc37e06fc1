"""Finds the defect that a report means: by itself where that is sure, by a person with ranked proposals otherwise."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from datasets.taxonomy import BY_KEY
from service.accounts.caller import Caller
from service.accounts.permissions import Role
from service.core.errors import Conflict, Unprocessable
from service.core.events import SYSTEM, Actor
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.defects.access import lock_defects, lock_matching
from service.defects.models import Defect
from service.defects.nearness import Proposal, propose
from service.defects.reported import open_reported
from service.defects.states import DefectState
from service.reports.matching import Candidate, chances, sure_of
from service.reports.models import Report
from service.reports.moving import count_reports, lock_report, move_report, record_report
from service.reports.states import ReportAction, ReportState, Step

MOST_PROPOSALS = 10


@dataclass(frozen=True)
class Ranked:
    """A defect that a report may mean, with the evidence and its probability beside all others."""

    proposal: Proposal
    chance: float


def proposals_for(session: Session, report: Report, limit: int = MOST_PROPOSALS) -> list[Ranked]:
    """The likeliest first; none for a report without a place."""
    if report.lat is None or report.lon is None:
        return []
    everyone = Caller(SYSTEM, Role.ADMIN, frozenset({report.municipality_id}))
    found = propose(session, everyone, report.lat, report.lon, report.place_sd_m, report.class_key, limit)
    probable = chances([_candidate(one) for one in found])
    return [Ranked(one, chance) for one, chance in zip(found, probable, strict=True)]


def settle_report(session: Session, settings: Settings, report: Report, now: datetime) -> None:
    """Merges a new report or opens a candidate of it, each only where it is sure; else it waits for a person.

    The municipality's matching is locked, so that two reports of one hole that come at once open one candidate.
    """
    if report.class_key is None or report.lat is None:
        return
    lock_matching(session, report.municipality_id)
    ranked = proposals_for(session, report)
    known = [_candidate(one.proposal) for one in ranked]
    meant = sure_of(known, report.class_key, settings.report_merge_sure)
    evidence = _evidence(ranked)
    if meant is not None:
        (defect,) = lock_defects(session, Defect.id == meant)
        _link(session, report, defect, SYSTEM, now, "merge", evidence)
    elif 1 - sum(one.chance for one in ranked) >= settings.report_merge_sure:
        _open(session, report, report.class_key, SYSTEM, now, evidence)


def merge_report(session: Session, report: Report, defect_id: int, actor: Actor, now: datetime) -> Report:
    """A person says which defect is meant; the same word again changes nothing. The report must be visible to them.

    Raises Conflict for a defect that is over: a mended thing that is told again is a candidate for inspection.
    """
    before = report.defect_id
    known = {one.proposal.defect.id: one for one in proposals_for(session, report)}
    defect = next(iter(lock_defects(session, Defect.id == defect_id)), None)
    report = lock_report(session, report.id)
    if defect is None or defect.municipality_id != report.municipality_id:
        raise Unprocessable("report.defect", f"expected a defect of the report's municipality, got id {defect_id}")
    if report.defect_id == defect.id and report.state is not ReportState.RECEIVED:
        return report
    if defect.state not in {DefectState.CANDIDATE, DefectState.CONFIRMED}:
        raise Conflict(
            "report.defect", f"expected a candidate or confirmed defect, {defect.id} is {defect.state.value}; "
            "open a candidate for inspection instead",
        )  # fmt: skip
    chosen = known.get(defect.id)
    _link(session, report, defect, actor, now, "merge", _evidence([chosen] if chosen else []))
    count_reports(session, [before], now)
    return report


def open_candidate(session: Session, report: Report, class_key: str | None, actor: Actor, now: datetime) -> Report:
    """A person says that none of the known defects is meant; again it changes nothing while that candidate lives."""
    lock_matching(session, report.municipality_id)
    before = report.defect_id
    if before is not None:
        lock_defects(session, Defect.id == before)
    report = lock_report(session, report.id)
    key = class_key or report.class_key
    if key is None or key not in BY_KEY:
        raise Unprocessable("report.class_key", f"expected one of {', '.join(BY_KEY)}, got {key!r}; say what it is")
    if report.lat is None or report.lon is None:
        raise Unprocessable(
            "report.place", "expected a report with lat and lon, it has an address alone; place it first"
        )
    live = report.defect is not None and report.defect.state is DefectState.CANDIDATE
    if live and report.defect is not None and report.defect.class_key == key:
        return report
    report.class_key = key
    _open(session, report, key, actor, now, _evidence(proposals_for(session, report)))
    count_reports(session, [before], now)
    return report


def _open(session: Session, report: Report, class_key: str, actor: Actor, now: datetime, evidence: JsonObject) -> None:
    assert report.lat is not None and report.lon is not None
    defect = open_reported(
        session, report.municipality_id, class_key, report.lat, report.lon, report.place_sd_m, report.received_at,
        actor, now, {"report_id": report.id},
    )  # fmt: skip
    _link(session, report, defect, actor, now, "open_candidate", evidence)


def _link(
    session: Session, report: Report, defect: Defect, actor: Actor, now: datetime, action: str, evidence: JsonObject
) -> None:
    former = {"former_defect_id": report.defect_id} if report.defect_id not in (None, defect.id) else {}
    report.defect_id, report.defect = defect.id, defect
    report.class_key = report.class_key or defect.class_key
    told: JsonObject = {"defect_id": defect.id, **former, **evidence}
    record_report(session, report, action, actor, now, from_state=report.state, data=told)
    if report.state in {ReportState.RECEIVED, ReportState.REOPENED, ReportState.REFERRED}:
        step = Step.CONFIRMED if defect.state is DefectState.CONFIRMED else Step.INSPECTION
        move_report(session, report, ReportAction.ACCEPT, step, actor, now)
    count_reports(session, [defect.id], now)


def _candidate(proposal: Proposal) -> Candidate:
    defect = proposal.defect
    return Candidate(defect.id, defect.class_key, defect.state.value, proposal.log_ratio)


def _evidence(ranked: list[Ranked]) -> JsonObject:
    """As the event keeps it: what was proposed, how far, how sure."""
    rows = [
        {
            "defect_id": one.proposal.defect.id,
            "distance_m": round(one.proposal.distance_m, 1),
            "chance": round(one.chance, 4),
        }
        for one in ranked
    ]
    return {"proposals": rows}
