"""The pure rules: when a machine is sure, what masks, which step is due, what a link proves."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import Conflict, NotFound
from service.reports.masking import MASK, clean, mask
from service.reports.matching import Candidate, chances, sure_of
from service.reports.progress import ACTIONS, LEADS_TO, Facts, next_step
from service.reports.signing import Link, read_link, sign_link
from service.reports.states import MOVES, ReportAction, ReportState, Step, advance

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GAINS = st.lists(st.floats(-40, 20), max_size=6)


@given(GAINS)
def test_chances_of_all_defects_and_of_a_new_one_are_one_together(gains: list[float]) -> None:
    found = chances([_candidate(number, gain) for number, gain in enumerate(gains)])
    assert all(0 <= one <= 1 for one in found) and sum(found) <= 1 + 1e-9
    by_chance = sorted(range(len(gains)), key=lambda number: (found[number], gains[number]))
    assert by_chance == sorted(range(len(gains)), key=gains.__getitem__)


def test_two_equal_holes_are_never_sure() -> None:
    twins = [_candidate(1, 6.0), _candidate(2, 6.0)]
    assert isclose(chances(twins)[0], chances(twins)[1])
    assert sure_of(twins, "pothole", 0.95) is None
    assert sure_of(twins[:1], "pothole", 0.95) == 1


@pytest.mark.parametrize(
    ("told", "state", "from_chance"),
    [
        (None, "confirmed", 0.95),
        ("garbage", "confirmed", 0.95),
        ("pothole", "resolved", 0.95),
        ("pothole", "confirmed", 1.0),
    ],
)
def test_a_person_decides_without_a_class_for_mended_things_and_where_it_is_switched_off(
    told: str | None, state: str, from_chance: float
) -> None:
    assert sure_of([Candidate(1, "pothole", state, 30.0)], told, from_chance) is None


@pytest.mark.parametrize(
    "words",
    ["sara.h+x@mail.example.sa", "+966 50 123 4567", "0501234567", "٠٥٠١٢٣٤٥٦٧", "1029384756", "(013) 812-3456"],
)
def test_what_reaches_a_person_is_masked(words: str) -> None:
    assert mask(f"hole, {words} thanks") == f"hole, {MASK} thanks"


@pytest.mark.parametrize(
    "words", ["street 12, house 345", "26.428211, 50.091034", "2026-11-22 09:30", "6 m x 3 m deep 20 cm"]
)
def test_places_and_sizes_stay(words: str) -> None:
    assert mask(words) == words


@given(st.text())
def test_cleaned_words_can_stand_in_xml_and_in_the_database(words: str) -> None:
    node = ET.Element("a")
    node.text = clean(words)
    assert ET.fromstring(ET.tostring(node, "utf-8")).text in (clean(words), None)
    assert "\x00" not in clean(words)


STATES = st.sampled_from(list(ReportState))
TIMES = st.none() | st.integers(0, 9).map(lambda days: NOW + timedelta(days=days))


@given(
    st.builds(
        Facts, STATES, st.sampled_from(list(Step)), TIMES, TIMES,
        st.sampled_from(["candidate", "confirmed", "rejected", "resolved"]), st.booleans(), TIMES,
        st.sampled_from([None, "open", "assigned", "in_progress", "on_hold", "done", "closed", "referred"]), TIMES,
    )
)  # fmt: skip
def test_every_step_that_is_due_can_be_taken_and_is_not_due_twice(facts: Facts) -> None:
    step = next_step(facts)
    if step is None:
        return
    if LEADS_TO[step] is not facts.state:
        assert advance(facts.state, ACTIONS[step]) is LEADS_TO[step]
    later = NOW + timedelta(days=30)
    closed = later if LEADS_TO[step] in (ReportState.CLOSED, ReportState.REJECTED) else None
    reopened = later if step is Step.REOPENED else facts.reopened_at
    after = Facts(LEADS_TO[step], step, closed, reopened, facts.defect_state, facts.defect_gone, facts.resolved_at,
                  facts.order_state, facts.order_opened_at)  # fmt: skip
    second = next_step(after)
    assert second is not step
    assert second is None or step is Step.REOPENED  # reopened, it goes on with the order's own state


@given(STATES, st.sampled_from(list(ReportAction)))
def test_a_move_that_the_table_lacks_names_what_is_allowed(state: ReportState, action: ReportAction) -> None:
    if (state, action) in MOVES:
        assert advance(state, action) is MOVES[state, action]
    else:
        with pytest.raises(Conflict, match="expected"):
            advance(state, action)


def test_a_link_is_good_until_its_end_and_only_as_it_was_signed() -> None:
    link = Link(7, 1, NOW + timedelta(days=1))
    token = sign_link(b"secret", link)
    assert read_link(b"secret", token, NOW) == link
    for other in (token.replace("7.", "8.", 1), token + "x", "", "7.1.2", token.encode().hex(), "é.1.2.x"):
        with pytest.raises(NotFound):
            read_link(b"secret", other, NOW)
    with pytest.raises(NotFound):
        read_link(b"another", token, NOW)
    with pytest.raises(NotFound, match="ended"):
        read_link(b"secret", token, NOW + timedelta(days=2))


def _candidate(number: int, gain: float) -> Candidate:
    return Candidate(number, "pothole", "confirmed", gain)
