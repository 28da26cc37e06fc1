import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.accounts.permissions import ROLES, Role
from service.core.errors import Conflict
from service.work_orders.states import HOLDABLE, MOVES, PERMISSIONS, advance
from service.work_orders.states import WorkOrderAction as Action
from service.work_orders.states import WorkOrderState as State

states = st.sampled_from(State)
actions = st.sampled_from(Action)


@given(states, actions)
def test_an_action_follows_the_table_or_is_refused(state: State, action: Action) -> None:
    if (state, action) in MOVES:
        assert advance(state, action) is MOVES[state, action]
        return
    with pytest.raises(Conflict) as refused:
        advance(state, action)
    assert refused.value.code == "work_order.state"
    assert state.value in refused.value.detail and action.value in refused.value.detail
    if state is not State.ON_HOLD:
        assert refused.value.extra["allowed"] == [a.value for (s, a) in MOVES if s is state]


@given(st.sampled_from(sorted(HOLDABLE)))
def test_an_order_on_hold_resumes_where_it_was(state: State) -> None:
    assert advance(state, Action.HOLD) is State.ON_HOLD
    assert advance(State.ON_HOLD, Action.RESUME, held_from=state) is state


@given(st.sampled_from(sorted(set(State) - HOLDABLE)))
def test_an_order_never_resumes_to_a_state_it_cannot_be_held_from(state: State) -> None:
    with pytest.raises(Conflict):
        advance(State.ON_HOLD, Action.RESUME, held_from=state)


def test_the_straight_way_leads_from_open_to_closed() -> None:
    state = State.OPEN
    for action in (
        Action.ASSIGN,
        Action.START,
        Action.REPORT_DONE,
        Action.FAIL,
        Action.REPORT_DONE,
        Action.PASS,
    ):
        state = advance(state, action)
    assert state is State.CLOSED and advance(state, Action.REOPEN) is State.OPEN


def test_every_state_can_be_reached_from_open() -> None:
    reached = {State.OPEN}
    for _ in State:
        reached |= {target for (start, _action), target in MOVES.items() if start in reached}
    assert reached == set(State)


def test_a_unit_works_but_neither_inspects_nor_manages() -> None:
    assert _actions_of(Role.UNIT) == {Action.START, Action.REPORT_DONE, Action.HOLD, Action.REFUSE}


def test_an_inspector_inspects_but_does_not_work_or_manage() -> None:
    assert _actions_of(Role.INSPECTOR) == {Action.PASS, Action.FAIL}


def test_a_supervisor_and_an_admin_may_manage_and_inspect() -> None:
    managed = {
        Action.ASSIGN,
        Action.CANCEL,
        Action.HOLD,
        Action.RESUME,
        Action.REOPEN,
        Action.PASS,
        Action.FAIL,
    }
    assert managed <= _actions_of(Role.SUPERVISOR) and managed <= _actions_of(Role.ADMIN)


def _actions_of(role: Role) -> set[Action]:
    return {action for action, permissions in PERMISSIONS.items() if permissions & ROLES[role]}
