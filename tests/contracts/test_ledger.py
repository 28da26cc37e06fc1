from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from service.contracts.ledger import Entry, EntryKind, changes, entitled, entries_of, sum_stated
from service.contracts.money import price_of, share_of, to_halalas
from service.contracts.months import Month, day_of, month_of, parse_month
from service.contracts.terms import Asked, PenaltyKind, penalty_for, price_for, refusal
from tests.contracts.histories import OTHERS, OURS, START, Story, penalty, price, terms

END = datetime(2026, 12, 31, tzinfo=UTC)


def amounts(story: Story, **changed: object) -> dict[str, int]:
    """By reason."""
    found: Counter[str] = Counter()
    for entry in entries_of(terms(**changed), story.told(), END):
        found[entry.reason] += entry.amount_halalas
    return dict(found)


def test_a_good_repair_in_time_is_charged_its_measured_quantity_and_nothing_else() -> None:
    assert amounts(Story().then("open").repaired(2.3)) == {"repair": 23_000}


def test_a_small_repair_costs_the_minimum() -> None:
    assert amounts(Story().then("open").repaired(0.1)) == {"minimum": 5_000}


def test_a_repair_without_a_fitting_price_is_stated_with_nothing() -> None:
    assert amounts(Story().then("open").repaired(2), prices=()) == {"unpriced": 0}


def test_a_failure_within_the_warranty_gives_the_charge_back_and_costs_a_penalty() -> None:
    failed = Story().then("open").repaired(2).then("reopen", 24 * 30, lasted_days=29.5)
    assert amounts(failed) == {"repair": 20_000, "failed": -20_000, "failed_repair": -4_000}


def test_a_failure_after_the_warranty_changes_nothing() -> None:
    failed = Story().then("open").repaired(2).then("reopen", 24 * 120, lasted_days=119.0)
    assert amounts(failed) == {"repair": 20_000}


def shared(first: float, second: float) -> tuple[Story, Story]:
    """A repair of two orders, the second merged into the first; what the work order room writes of it."""
    common: dict[str, Any] = {"order_id": 1, "of_quantity": first + second, "unit": "m2"}
    main = Story().then("open").repaired(first + second).then("share", 0, **common, quantity=first, others=[second])
    done: dict[str, Any] = {
        "done_at": main.facts[-3].at.isoformat(),
        "by_unit_id": OURS,
        "size_class": None,
        "district_id": None,
    }
    member = Story(2, first_event_id=100).then("open").then("merge", merged_into_id=1)
    return main, member.then("share", **common, **done, quantity=second)


def test_a_merged_order_that_fails_gives_back_its_own_part_of_the_charge_and_no_more() -> None:
    main, member = shared(2, 1)
    assert (amounts(main), amounts(member)) == ({"repair": 30_000}, {})
    member.then("reopen", 24 * 30, lasted_days=29.5)
    assert amounts(member) == {"failed": -10_000, "failed_repair": -2_000}
    main.then("reopen", 24 * 40, lasted_days=39.5)
    assert amounts(main) == {"repair": 30_000, "failed": -20_000, "failed_repair": -4_000}
    late = shared(2, 1)[1].then("reopen", 24 * 120, lasted_days=119.0)
    assert amounts(late) == {}


def test_parts_of_a_minimum_charge_are_together_that_charge() -> None:
    main, member = shared(0.1, 0.2)
    main.then("reopen", 24), member.then("reopen", 24)
    assert amounts(main)["minimum"] == 5_000
    assert amounts(main)["failed"] + amounts(member)["failed"] == -5_000


def test_a_repair_is_priced_by_the_size_that_its_order_had_when_it_was_done() -> None:
    small = price(4_000, id=2, size_class="small")
    story = Story().then("open").then("assign", unit_id=OURS).then("start")
    story.then("report_done", quantity=2, unit="m2", size_class="small", district_id=None).then("pass")
    assert amounts(story, prices=(price(), small)) == {"repair": 8_000}


def test_a_second_repair_after_a_failure_is_charged_again() -> None:
    mended = Story().then("open").repaired(2).then("reopen", 24, lasted_days=1.0).repaired(3)
    works = [one.amount_halalas for one in entries_of(terms(), mended.told(), END) if one.kind.of_works]
    assert works == [20_000, -20_000, 30_000]


def test_a_refused_repair_costs_its_penalty_and_is_charged_only_when_good() -> None:
    refused = Story(hours=9999).then("open").then("assign", unit_id=OURS).then("start").done(4).then("fail")
    assert amounts(refused) == {"failed_inspection": -1_000}
    assert amounts(refused.done(4).then("pass")) == {"failed_inspection": -1_000, "repair": 40_000}


def test_hours_late_are_begun_hours_and_stop_at_the_cap() -> None:
    late = Story(hours=4).then("open").repaired(1, after_h=4.5)  # assigned after 1 h, begun after 2: done after 6.5
    assert amounts(late) == {"repair": 10_000, "breach": -50_000, "late_hour": -3_000}
    later = Story(hours=4).then("open").repaired(1, after_h=500)
    assert amounts(later)["late_hour"] == -100_000


def test_time_on_hold_is_not_late() -> None:
    held = Story(hours=4).then("open").then("assign", unit_id=OURS).then("hold").then("resume", 100)
    assert amounts(held.then("start").done(1).then("pass")) == {"repair": 10_000}


def test_an_action_on_many_orders_that_was_taken_back_changes_no_amount() -> None:
    late = Story(hours=4).then("open").then("assign", unit_id=OURS).then("start").done(1, 20).then("pass")
    for action, told in (("hold", {}), ("transfer", {"unit_id": OTHERS}), ("cancel", {})):
        undone = Story(hours=4).then("open").then("assign", unit_id=OURS).then(action, 0.2, **told)
        undone.state = "assigned"
        undone = undone.then("undo", 0.2, action=action).then("start", 0.6).done(1, 20).then("pass")
        assert amounts(undone) == amounts(late), action
        assert amounts(undone)["breach"] == -50_000
    given = Story(hours=4).then("open").then("assign", unit_id=OURS)
    given.state = "open"
    assert amounts(given.then("undo", action="assign")) == {}
    held = Story(hours=4).then("open").then("assign", unit_id=OURS).then("hold").then("resume")
    assert amounts(held.then("undo", action="resume")) == {}


def test_hours_of_the_contract_go_before_the_due_time_of_the_order() -> None:
    in_time = Story(hours=1).then("open").repaired(1, after_h=4)
    assert "breach" in amounts(in_time)
    assert amounts(in_time, service_hours={"pothole": 5}) == {"repair": 10_000}
    held = Story(hours=999).then("open").then("assign", unit_id=OURS).then("hold").then("resume", 50)
    assert "breach" not in amounts(held.then("start").done(1, 3), service_hours={"pothole": 5})
    assert "breach" in amounts(held.then("fail").done(1, 30), service_hours={"pothole": 5})


def test_an_order_that_was_late_before_it_came_to_the_unit_is_no_breach_of_that_unit() -> None:
    given = Story(hours=4).then("open").then("assign", unit_id=OTHERS).then("transfer", 10, unit_id=OURS)
    assert amounts(given.then("start").done(1).then("pass")) == {"repair": 10_000}


def test_the_event_behind_a_breach_is_the_recorded_breach_else_the_late_report() -> None:
    late = Story(hours=4).then("open").then("assign", unit_id=OURS).then("start")
    silent = entries_of(terms(), late.told(), START.replace(month=3, day=10))
    assert {one.event_id for one in silent} == {2}  # it was assigned, and that is all that happened
    late.facts.append(
        type(late.facts[0])(4, late.now, "breach", {"kind": "close", "due_at": str(late.due_at)}, "in_progress")
    )
    recorded = entries_of(terms(), late.done(1, 20).told(), END)
    assert {one.event_id for one in recorded} == {4}


def test_a_unit_that_refused_is_not_late_any_more_and_an_agencys_repair_is_not_charged() -> None:
    refused = Story(hours=4).then("open").then("assign", unit_id=OURS).then("refuse", unit_id=OURS)
    assert amounts(refused) == {}
    referred = Story().then("open").then("assign", unit_id=OURS).then("start").then("refer", unit_id=OURS)
    assert amounts(referred.then("agency_done", 500).then("pass")) == {}


@pytest.mark.parametrize(("action", "told"), [("breach", {"kind": "start"}), ("late_start", {})])
def test_a_recorded_late_start_costs_its_own_penalty(action: str, told: dict[str, str]) -> None:
    begun = Story().then("open").then("assign", unit_id=OURS)
    told = told | {"start_due_at": begun.now.isoformat()}
    begun.facts.append(type(begun.facts[0])(3, begun.now, action, told, "assigned"))
    rules = (penalty(9, PenaltyKind.START_BREACH, amount_halalas=700),)
    assert amounts(begun, penalties=rules) == {"start_breach": -700}


def test_the_hours_of_each_month_are_stated_in_it() -> None:
    late = Story(hours=1, now=datetime(2026, 3, 31, 17, tzinfo=UTC)).then("open").then("assign", 0, unit_id=OURS)
    told = late.then("start", 0).done(1, 6).told()  # due 19:00 UTC, Riyadh's April begins at 21:00, done at midnight
    hours = {one.month: one.hours for one in entries_of(terms(), told, END) if one.reason == "late_hour"}
    assert hours == {"2026-03": 2, "2026-04": 3}


def test_penalties_above_the_cap_of_a_month_are_not_taken() -> None:
    late = Story(hours=4, now=datetime(2026, 3, 1, tzinfo=UTC)).then("open").repaired(10, after_h=500).told()
    by_amount = entitled(terms(monthly_cap_halalas=60_000), [late], END)
    by_share = entitled(terms(monthly_cap_percent=Decimal(10)), [late], END)
    for found, limit in ((by_amount, 60_000), (by_share, 10_000)):
        month = [one for one in found.values() if one.month == "2026-03" and not one.kind.of_works]
        assert -sum(one.amount_halalas for one in month) == limit
        assert found["cap:2026-03"].kind is EntryKind.CAP


def test_what_is_owed_no_longer_is_taken_back_as_a_correction() -> None:
    entry = Entry("charge:1:5", EntryKind.CHARGE, "2026-03", 700, "repair")
    (line,) = changes({}, sum_stated([entry]), "2026-04")
    assert (line.amount_halalas, line.correction) == (-700, True)
    assert changes({}, sum_stated([entry, line]), "2026-05") == []


def test_the_price_of_the_day_and_of_the_size_decides() -> None:
    small = price(4_000, id=2, size_class="small")
    dearer = price(12_000, id=3, first_day=date(2026, 6, 1))
    list_ = terms(prices=(price(last_day=date(2026, 5, 31)), small, dearer))

    def asked(size: str | None, day: date) -> Asked:
        return Asked(1, OURS, "pothole", size, None, day)

    found = [price_for(list_, asked(size, day)) for size, day in (
        ("small", date(2026, 3, 1)), ("large", date(2026, 3, 1)), (None, date(2026, 6, 1)), (None, date(2026, 1, 1)),
    )]  # fmt: skip
    assert [one and one.id for one in found] == [2, 1, 3, None]


def test_the_penalty_of_the_class_goes_before_that_of_all() -> None:
    own = penalty(9, PenaltyKind.BREACH, class_key="pothole", amount_halalas=1)
    rules = terms(penalties=(own, penalty(1, PenaltyKind.BREACH, amount_halalas=2)))
    day = date(2026, 3, 1)
    assert [penalty_for(rules, PenaltyKind.BREACH, key, day).id for key in ("pothole", "garbage")] == [9, 1]  # type: ignore[union-attr]
    assert penalty_for(rules, PenaltyKind.BREACH, "pothole", date(2025, 1, 1)) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"municipality_id": 2}, "another municipality"),
        ({"unit_id": OTHERS}, "is not under it"),
        ({"unit_id": None}, "is not under it"),
        ({"class_key": "garbage"}, "is not in it"),
        ({"district_id": 4}, "is not in its area"),
        ({"day": date(2027, 2, 1)}, "is outside of"),
    ],
)
def test_a_contract_says_why_it_does_not_cover_a_piece_of_work(changed: dict[str, object], why: str) -> None:
    values: dict[str, object] = {
        "municipality_id": 1, "unit_id": OURS, "class_key": "pothole", "size_class": None, "district_id": 3,
        "day": date(2027, 1, 31),
    }  # fmt: skip
    covering = terms(class_keys=("pothole",), district_ids=(3,))
    assert refusal(covering, Asked(**values)) is None  # type: ignore[arg-type]
    assert why in str(refusal(covering, Asked(**(values | changed))))  # type: ignore[arg-type]


def test_halves_of_a_halala_are_rounded_up_and_a_credit_gives_back_the_same() -> None:
    assert price_of(Decimal("0.5"), 101) == 51
    assert (share_of(50, Decimal(15)), share_of(-50, Decimal(15))) == (8, -8)
    assert to_halalas(Decimal("12.30")) == 1230
    with pytest.raises(ValueError, match="two decimals"):
        to_halalas(Decimal("0.001"))


def test_a_month_begins_at_midnight_in_riyadh() -> None:
    assert Month(2026, 3).start == datetime(2026, 2, 28, 21, tzinfo=UTC)
    assert month_of(datetime(2025, 12, 31, 21, tzinfo=UTC)) == Month(2026, 1) == Month(2025, 12).next
    assert Month(2026, 1).before == Month(2025, 12)
    assert day_of(datetime(2026, 2, 28, 20, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert str(parse_month("2026-03")) == "2026-03"
    for wrong in ("2026-13", "2026-00", "26-03", "2026-3", "٢٠٢٦-03", "1999-01"):
        with pytest.raises(ValueError, match="expected a month"):
            parse_month(wrong)
