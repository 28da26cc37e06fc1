"""HTTP for the ranking of municipalities and the rule it follows."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.accounts.caller import CallerDep
from service.control.api import SpanOut, span_out
from service.control.asking import AskedDep, ViewDep, ViewerDep
from service.control.definitions import BY_KEY, SHARES
from service.control.ranking import Missing, Rule, Share
from service.control.rankings import Ranking, ranking_of, rule_at, set_rule
from service.core.api import PROBLEMS, NowDep, SessionDep
from service.core.sheets import FILES, FileFormat, Sheet, download

router = APIRouter(prefix="/api/v1/ranking", responses=PROBLEMS, tags=["indicators"])
HEAD = (
    "rank", "rank_before", "municipality_id", "name_en", "name_ar", "score", "reason", "indicator", "value", "weight",
    "points", "rows",
)  # fmt: skip


def shares_alone(weights: dict[str, float]) -> dict[str, float]:
    wrong = [key for key in weights if key not in SHARES]
    if wrong:
        raise ValueError(f"expected percentages ({', '.join(SHARES)}), got {wrong}")
    if not any(weights.values()):
        raise ValueError("expected a weight above 0, got none")
    return weights


def known_ties(keys: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [key for key in keys if key not in BY_KEY]
    if wrong:
        raise ValueError(f"expected keys of indicators ({', '.join(BY_KEY)}), got {wrong}")
    return keys


class RuleBody(BaseModel):
    """Which figures with which weights, what breaks a tie, and how many orders it takes to be ranked."""

    model_config = ConfigDict(extra="forbid")

    weights: Annotated[dict[str, Annotated[float, Field(ge=0, le=1000)]], AfterValidator(shares_alone)]
    minimum_received: int = Field(ge=0, le=1_000_000, description="orders received in the period")
    missing: Missing = Field(description="a figure without a value: the other weights take its place, or it counts 0")
    decimals: int = Field(1, ge=0, le=6, description="to which scores are compared; equal ones share a rank")
    ties: Annotated[tuple[str, ...], AfterValidator(known_ties)] = Field(
        ("received",), max_length=5, description="order within a shared rank, higher first"
    )


class StandingOut(BaseModel):
    municipality_id: int
    name_en: str | None
    name_ar: str | None
    rank: int | None = Field(description="null with a reason; equal scores share one")
    rank_before: int | None = Field(description="in the period before, by the same rule")
    score: float | None = Field(description="0..100: the sum of the points")
    reason: str | None
    shares: list[Share] = Field(description="points = value x weight / weights that count")
    rows: dict[str, str | None] = Field(description="by indicator, the rows behind its value")


class RankingOut(BaseModel):
    period: SpanOut
    before: SpanOut
    rule: RuleBody
    standings: list[StandingOut] = Field(description="of the municipalities that you see")


@router.get("")
def get_ranking(caller: ViewerDep, view: ViewDep, asked: AskedDep, now: NowDep) -> RankingOut:
    """Municipalities by the rule in force at the end of the period, with what made each score."""
    found = ranking_of(view, caller, asked.kind, asked.span, now)
    answer = found.answer
    return RankingOut(
        period=span_out(answer.span), before=span_out(answer.before), rule=rule_out(found.rule),
        standings=standings_out(found),
    )  # fmt: skip


@router.get("/export", response_class=Response, responses=FILES)
def export_ranking(
    caller: ViewerDep, view: ViewDep, asked: AskedDep, now: NowDep,
    format: FileFormat = FileFormat.XLSX,  # noqa: A002
) -> Response:  # fmt: skip
    """The same as a file, one line for each figure of each municipality."""
    found = standings_out(ranking_of(view, caller, asked.kind, asked.span, now))
    return download(f"ranking-{asked.span.first}-{asked.span.last}", format, ranking_sheet(found))


@router.get("/rule")
def get_rule(caller: ViewerDep, session: SessionDep, now: NowDep) -> RuleBody:
    """The rule in force now."""
    return rule_out(rule_at(session, now))


@router.put("/rule")
def put_rule(body: RuleBody, caller: CallerDep, session: SessionDep, now: NowDep) -> RuleBody:
    """From now on; periods that ended before keep the rule of their end. Only by a user of all municipalities."""
    rule = Rule(body.weights, body.minimum_received, body.missing, body.decimals, body.ties)
    return rule_out(set_rule(session, caller, rule, now))


def standings_out(found: Ranking) -> list[StandingOut]:
    groups = {group.key: group for group in found.answer.groups}
    listed = []
    for one in found.standings:
        group = groups[str(one.municipality_id)]
        listed.append(StandingOut(
            municipality_id=one.municipality_id, name_en=group.name_en, name_ar=group.name_ar, rank=one.rank,
            rank_before=found.ranks_before.get(one.municipality_id), score=one.score, reason=one.reason,
            shares=list(one.shares), rows={figure.indicator: figure.rows for figure in group.figures},
        ))  # fmt: skip
    return listed


def ranking_sheet(found: list[StandingOut]) -> Sheet:
    return Sheet(HEAD, (
        (one.rank, one.rank_before, one.municipality_id, one.name_en, one.name_ar, one.score, one.reason,
         share.indicator, share.value, share.weight, share.points, one.rows.get(share.indicator))
        for one in found for share in one.shares
    ))  # fmt: skip


def rule_out(rule: Rule) -> RuleBody:
    return RuleBody(
        weights=dict(rule.weights), minimum_received=rule.minimum_received, missing=rule.missing,
        decimals=rule.decimals, ties=rule.ties,
    )  # fmt: skip
