"""The ranking of the municipalities that the caller sees, by the rule that was in force, and how that rule is set."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.caller import Caller
from service.accounts.permissions import Permission
from service.control.counting import By, Slice, View
from service.control.figures import Answer, figures_of
from service.control.models import RankingRule
from service.control.periods import PeriodKind, Span
from service.control.ranking import DEFAULT_RULE, Missing, Rule, Standing, rank
from service.core.errors import Forbidden
from service.core.events import record
from service.core.tables import JsonObject
from service.defects.access import permit


@dataclass(frozen=True)
class Ranking:
    rule: Rule
    standings: list[Standing]
    answer: Answer  # the figures, by municipality
    ranks_before: dict[int, int | None]


def ranking_of(view: View, caller: Caller, kind: PeriodKind, span: Span, now: datetime) -> Ranking:
    rule = rule_at(view.session, min(now, span.ends_at))
    wanted = {"received", *rule.weights, *rule.ties}
    answer = figures_of(view, caller, Slice(), By.MUNICIPALITY, kind, span, now, wanted)
    values = {
        int(group.key): {figure.indicator: figure.value for figure in group.figures}
        for group in answer.groups if group.key is not None
    }  # fmt: skip
    earlier = {
        int(group.key): {figure.indicator: figure.before for figure in group.figures}
        for group in answer.groups if group.key is not None
    }  # fmt: skip
    ranks_before = {one.municipality_id: one.rank for one in rank(rule, earlier)}
    return Ranking(rule, rank(rule, values), answer, ranks_before)


def rule_at(session: Session, at: datetime) -> Rule:
    """The rule in force then; the default before one was set."""
    last = select(RankingRule.rule).where(RankingRule.set_at <= at).order_by(RankingRule.id.desc()).limit(1)
    found = session.scalar(last)
    return _from_json(found) if found else DEFAULT_RULE


def set_rule(session: Session, caller: Caller, rule: Rule, now: datetime) -> Rule:
    """For all municipalities, so only by who sees all of them; the same rule again changes nothing."""
    permit(caller, {Permission.MANAGE_PROGRAMMES})
    if caller.municipality_ids is not None or caller.actor.id is None:
        raise Forbidden("ranking.scope", "expected a user of all municipalities, whom the rule is for, got one of some")
    if rule_at(session, now) == rule:
        return rule
    told: JsonObject = asdict(rule)
    row = RankingRule(set_at=now, set_by_id=caller.actor.id, rule=told)
    session.add(row)
    session.flush()
    record(
        session, at=now, actor=caller.actor, subject_kind="ranking_rule", subject_id=row.id, action="set_rule",
        municipality_id=None, data=told,
    )  # fmt: skip
    return rule


def _from_json(told: JsonObject) -> Rule:
    return Rule(
        dict(told["weights"]), told["minimum_received"], Missing(told["missing"]), told["decimals"], tuple(told["ties"])
    )
