import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.accounts.permissions import ROLES, Role
from service.core.errors import Conflict
from service.work_orders.states import (
    HOLDABLE,
    MOVES,
    PERMISSIONS,
    WorkOrderAction,
    WorkOrderState,
    advance,
)

S, A = WorkOrderState, WorkOrderAction
states = st.sampled_from(WorkOrderState)
actions = st.sampled_from(WorkOrderAction)


@given(states, actions)
def test_an_action_follows_the_table_or_is_refused_with_the_allowed_ones(state: S, action: A) -> None:
    if (state, action) in MOVES:
        assert advance(state, action) is MOVES[state, action]
        return
    with pytest.raises(Conflict) as refused:
        advance(state, action)
    assert refused.value.code == "work_order.state"
    assert state.value in refused.value.detail and action.value in refused.value.detail
    if state is not S.ON_HOLD:
        assert refused.value.extra["allowed"] == [a.value for (s, a) in MOVES if s is state]


@given(st.sampled_from(sorted(HOLDABLE)))
def test_an_order_on_hold_resumes_where_it_was(state: S) -> None:
    assert advance(state, A.HOLD) is S.ON_HOLD
    assert advance(S.ON_HOLD, A.RESUME, held_from=state) is state


@given(st.sampled_from(sorted(set(S) - HOLDABLE)))
def test_an_order_never_resumes_to_a_state_it_cannot_be_held_from(state: S) -> None:
    with pytest.raises(Conflict):
        advance(S.ON_HOLD, A.RESUME, held_from=state)


def test_the_straight_way_leads_from_open_to_closed() -> None:
    state = S.OPEN
    for action in (A.ASSIGN, A.START, A.REPORT_DONE, A.FAIL, A.REPORT_DONE, A.PASS):
        state = advance(state, action)
    assert state is S.CLOSED and advance(state, A.REOPEN) is S.OPEN


def test_every_state_can_be_reached_from_open() -> None:
    reached = {S.OPEN}
    for _ in S:
        reached |= {target for (start, _action), target in MOVES.items() if start in reached}
    assert reached == set(S)


def test_a_unit_works_but_neither_inspects_nor_manages() -> None:
    assert _actions_of(Role.UNIT) == {A.START, A.REPORT_DONE, A.HOLD}


def test_an_inspector_inspects_but_does_not_work_or_manage() -> None:
    assert _actions_of(Role.INSPECTOR) == {A.PASS, A.FAIL}


def test_a_supervisor_and_an_admin_may_manage_and_inspect() -> None:
    managed = {A.ASSIGN, A.CANCEL, A.HOLD, A.RESUME, A.REOPEN, A.PASS, A.FAIL}
    assert managed <= _actions_of(Role.SUPERVISOR) and managed <= _actions_of(Role.ADMIN)


def _actions_of(role: Role) -> set[A]:
    return {action for action, permissions in PERMISSIONS.items() if permissions & ROLES[role]}
