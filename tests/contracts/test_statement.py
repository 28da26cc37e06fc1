from collections import defaultdict
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from service.contracts.history import OrderFacts
from service.contracts.ledger import Entry, entitled, sum_stated
from service.contracts.months import Month
from service.contracts.statement import FOLLOWED, Header, Statement, again, build_statement, from_text, to_text
from service.contracts.terms import Terms
from tests.contracts.histories import START, Story, histories, price, terms

HEADER = Header("C-1", "Dammam", "الدمام", "Asphalt", "أسفلت", "2050", None)
FIRST = Month(2026, 2)
MONTHS = 14
ALL = 10**9
LIMITED = st.sampled_from(
    [
        terms(),
        terms(monthly_cap_percent=Decimal(10), warranty_days=None, penalties_reduce_vat=True),
        terms(monthly_cap_halalas=30_000, service_hours={"pothole": 24}),
    ]
)


def draw_up(given_terms: Terms, month: Month, orders: tuple[OrderFacts, ...], stated: list[Entry] | None) -> Statement:
    before = None if stated is None else sum_stated(stated)
    return build_statement(HEADER, given_terms, month, orders, before, {}, ALL)


def issue_all(given_terms: Terms, orders: tuple[OrderFacts, ...], months: int = MONTHS) -> list[Statement]:
    """Month by month, each knowing only the events until its end."""
    issued: list[Statement] = []
    month, stated = FIRST, list[Entry]()
    for _ in range(months):
        issued.append(draw_up(given_terms, month, orders, stated))
        stated += issued[-1].lines
        month = month.next
    return issued


@settings(max_examples=60, deadline=None)
@given(histories, LIMITED)
def test_totals_are_the_sums_of_lines_and_orders(orders: tuple[OrderFacts, ...], given_terms: Terms) -> None:
    for statement in issue_all(given_terms, orders):
        totals = statement.totals
        works = sum(line.amount_halalas for line in statement.lines if line.kind.of_works)
        assert totals.works_halalas == works == sum(one.works_halalas for one in statement.classes)
        assert sum(row.works_halalas for row in statement.orders) == works
        assert sum(line.amount_halalas for line in statement.lines) + totals.vat_halalas == totals.total_halalas
        assert len({row.order_id for row in statement.orders}) == len(statement.orders)


@settings(max_examples=60, deadline=None)
@given(histories, LIMITED)
def test_all_statements_together_say_what_the_whole_history_entitles_to(
    orders: tuple[OrderFacts, ...], given_terms: Terms
) -> None:
    issued = issue_all(given_terms, orders)
    stated: dict[str, int] = defaultdict(int)
    for line in (line for statement in issued for line in statement.lines):
        stated[line.key] += line.amount_halalas
    last = Month(2026, 2)
    for _ in range(MONTHS - 1):
        last = last.next
    owed = entitled(given_terms, orders_until(orders, last), last.end)
    assert {key: amount for key, amount in stated.items() if amount} == {
        key: entry.amount_halalas for key, entry in owed.items() if entry.amount_halalas
    }


@settings(max_examples=60, deadline=None)
@given(histories, LIMITED)
def test_the_same_events_give_the_same_bytes_and_later_events_change_nothing(
    orders: tuple[OrderFacts, ...], given_terms: Terms
) -> None:
    before: list[Entry] = []
    for statement in issue_all(given_terms, orders, 5):
        text = to_text(statement)
        assert from_text(text) == statement
        month = Month(int(statement.month[:4]), int(statement.month[5:]))
        known = tuple(orders_until(orders, month))
        assert to_text(draw_up(given_terms, month, known, before)) == text
        assert to_text(again(from_text(text), tuple(reversed(orders)), sum_stated(before))) == text
        before += statement.lines


@settings(max_examples=60, deadline=None)
@given(histories, LIMITED)
def test_orders_that_nothing_happened_to_since_the_last_statement_need_not_be_read_again(
    orders: tuple[OrderFacts, ...], given_terms: Terms
) -> None:
    stated: list[Entry] = []
    month = FIRST
    for statement in issue_all(given_terms, orders):
        before = sum_stated(stated)
        read = [one for one in orders if not is_settled(one, month)]
        settled = [one for one in before.values() if one.order_id and one.order_id not in {o.order_id for o in read}]
        short = build_statement(HEADER, given_terms, month, read, before, {}, ALL, settled=settled)
        assert to_text(short) == to_text(statement)
        unissued = build_statement(HEADER, given_terms, month, read, None, {}, ALL, settled=settled)
        assert unissued.totals == draw_up(given_terms, month, orders, None).totals
        stated += statement.lines
        month = month.next


def is_settled(order: OrderFacts, month: Month) -> bool:
    """As `facts.unsettled_ids` and `recent_ids` ask the database."""
    live = order.facts and order.facts[-1].to_state not in ("closed", "cancelled", "merged")
    last_at = max((fact.at for fact in order.facts), default=month.start)
    return not live and last_at < min(month.start, month.end - FOLLOWED)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_failure_within_the_warranty_leaves_nothing_of_its_charge(orders: tuple[OrderFacts, ...]) -> None:
    for order in orders:
        actions = [fact.action for fact in order.facts]
        found = entitled(terms(warranty_days=None), [order], START.replace(year=2030))
        works = sum(one.amount_halalas for one in found.values() if one.kind.of_works)
        if actions[-1] == "reopen" or not {"pass"} & {*actions}:
            assert works == 0
        credited = sum(one.key.startswith("credit") for one in found.values())
        assert sum(one.key.startswith("charge") for one in found.values()) - credited <= 1


@settings(max_examples=60, deadline=None)
@given(histories)
def test_penalties_of_a_month_never_pass_its_cap(orders: tuple[OrderFacts, ...]) -> None:
    capped = terms(monthly_cap_halalas=30_000)
    taken: dict[str, int] = defaultdict(int)
    for entry in entitled(capped, orders, START.replace(year=2027)).values():
        if not entry.kind.of_works:
            taken[entry.month] -= entry.amount_halalas
    assert all(0 <= amount <= 30_000 for amount in taken.values())


def test_a_failure_of_the_next_month_is_credited_in_that_month() -> None:
    story = Story(hours=9999).then("open").repaired(2, after_h=24 * 10).then("reopen", 24 * 30, lasted_days=30.0)
    march, april = issue_all(terms(), (story.told(),), 3)[1:]
    assert [(one.kind.value, one.amount_halalas, one.correction) for one in march.lines] == [("charge", 20_000, False)]
    assert (march.totals.works_halalas, march.totals.vat_halalas, march.totals.total_halalas) == (20_000, 3_000, 23_000)
    assert [(one.reason, one.amount_halalas) for one in april.lines] == [("failed", -20_000), ("failed_repair", -4_000)]
    assert april.totals.total_halalas == -27_000
    assert [(row.class_key, row.repairs, row.failed) for row in april.durability] == [("", 1, 1), ("pothole", 1, 1)]


def test_a_price_set_afterwards_is_corrected_in_the_next_statement() -> None:
    told = (Story().then("open").repaired(2, after_h=24 * 10).told(),)
    march = draw_up(terms(prices=()), Month(2026, 3), told, [])
    assert [(line.reason, line.amount_halalas) for line in march.lines] == [("unpriced", 0), *[
        (line.reason, line.amount_halalas) for line in march.lines[1:]]]  # fmt: skip
    april = draw_up(terms(prices=(price(),)), Month(2026, 4), told, list(march.lines))
    (line,) = [line for line in april.lines if line.kind.of_works]
    assert (line.amount_halalas, line.month, line.correction) == (20_000, "2026-03", True)
    assert april.classes[0].repairs == 0  # it was counted in March


def test_a_month_whose_forerunner_is_not_issued_is_drawn_up_as_if_it_were() -> None:
    told = (Story(hours=9999).then("open").repaired(2, after_h=24 * 10).told(),)
    assert draw_up(terms(), Month(2026, 4), told, None).lines == ()


def orders_until(orders: tuple[OrderFacts, ...], month: Month) -> list[OrderFacts]:
    from service.contracts.statement import clip

    return [clip(order, month.end, ALL) for order in orders]
