import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import Conflict
from service.defects.states import MOVES, PERMISSIONS, DefectAction, DefectState, advance


@given(st.sampled_from(DefectState), st.sampled_from(DefectAction))
def test_an_action_follows_the_table_or_is_refused_with_the_allowed_ones(
    state: DefectState, action: DefectAction
) -> None:
    if (state, action) in MOVES:
        assert advance(state, action) is MOVES[state, action]
        return
    with pytest.raises(Conflict) as refused:
        advance(state, action)
    assert refused.value.code == "defect.state"
    assert refused.value.extra["allowed"] == [a.value for (s, a) in MOVES if s is state]
    assert state.value in refused.value.detail and action.value in refused.value.detail


def test_every_state_can_be_reached_from_a_candidate() -> None:
    reached = {DefectState.CANDIDATE}
    for _ in DefectState:
        reached |= {target for (start, _action), target in MOVES.items() if start in reached}
    assert reached == set(DefectState)


def test_a_rejected_or_merged_defect_never_changes_again() -> None:
    assert not {state for state, _ in MOVES} & {DefectState.REJECTED, DefectState.MERGED}


def test_every_action_names_the_permission_it_needs() -> None:
    assert set(PERMISSIONS) == set(DefectAction)


def test_what_went_by_itself_is_resolved_and_comes_back_as_a_candidate() -> None:
    for state in (DefectState.CANDIDATE, DefectState.CONFIRMED):
        gone = advance(state, DefectAction.VANISH)
        assert gone is DefectState.RESOLVED and advance(gone, DefectAction.RETURN) is DefectState.CANDIDATE
    with pytest.raises(Conflict):
        advance(DefectState.REJECTED, DefectAction.VANISH)
