"""Rows of crews and plans as callers get them."""

from typing import Any

from service.core.i18n import Language
from service.crews.models import Crew, CrewPlan, PlanStop
from service.crews.planning import Why
from service.crews.schemas import CrewOut, MaterialOut, PlanDetail, PlanOut, SkippedOut, StopOut
from service.crews.words import WHY, assumptions


def crew_out(crew: Crew) -> CrewOut:
    return CrewOut(**{name: getattr(crew, name) for name in CrewOut.model_fields})


def plan_out(plan: CrewPlan) -> PlanOut:
    return PlanOut(**_figures(plan))


def plan_detail(plan: CrewPlan) -> PlanDetail:
    return PlanDetail(
        **_figures(plan),
        stops=[_stop_out(stop) for stop in plan.stops],
        skipped=[SkippedOut(**one, because=WHY[Why(one["why"])][0]) for one in plan.skipped],
        materials=[MaterialOut(**one) for one in plan.summary["materials"]],
        inputs=plan.inputs,
    )


def _figures(plan: CrewPlan) -> dict[str, Any]:
    summary = plan.summary
    told = ("measured", "ending", "drive_m", "drive_s", "work_s", "break_at", "back_at", "musts_skipped")
    own = (
        "id", "unit_id", "municipality_id", "version", "current", "reason", "shift_starts_at", "shift_ends_at",
        "from_at", "made_at",
    )  # fmt: skip
    return {
        **{name: getattr(plan, name) for name in own},
        **{name: summary[name] for name in told},
        "assumes": assumptions(summary, Language.ENGLISH),
        "stops_count": len(plan.stops),
        "finished_count": summary["finished"],
        "skipped_count": len(plan.skipped),
    }


def _stop_out(stop: PlanStop) -> StopOut:
    return StopOut(**{name: getattr(stop, name) for name in StopOut.model_fields})
