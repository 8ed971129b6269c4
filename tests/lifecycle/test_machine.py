"""The VM's state table."""

import pytest

from innkeeper.lifecycle.machine import PHASES, TRANSITIONS, move, phase
from innkeeper.model.errors import InvariantBroken
from innkeeper.model.states import LcmState, VmState
from tests.lifecycle.bench import Bench


def reachable(start: str) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        now = waiting.pop()
        if now not in found:
            found.add(now)
            waiting += TRANSITIONS[now]
    return found


def test_every_phase_is_reached_and_leads_to_the_end() -> None:
    assert reachable("INIT") == set(TRANSITIONS)
    for now in TRANSITIONS:
        assert "DONE" in reachable(now)


def test_nothing_comes_after_the_end() -> None:
    assert TRANSITIONS["DONE"] == frozenset()


def test_following_phases_are_phases() -> None:
    for following in TRANSITIONS.values():
        assert following <= set(TRANSITIONS)


@pytest.mark.parametrize("name", sorted(TRANSITIONS))
def test_a_phase_is_a_state_or_an_lcm_state(name: str) -> None:
    state, lcm_state = PHASES[name]
    assert (state is VmState.ACTIVE) == (lcm_state is not LcmState.LCM_INIT)
    assert (lcm_state if state is VmState.ACTIVE else state).name == name


def test_a_step_that_the_table_does_not_have_is_our_defect() -> None:
    bench = Bench()
    bench.waiting()
    before = bench.vm()
    with pytest.raises(InvariantBroken, match="VM 0 .* cannot go from HOLD to RUNNING"):  # noqa: RUF043
        bench.do(lambda tx: move(tx, bench.vm(), "RUNNING"))
    assert bench.vm() is before


def test_a_step_remembers_where_it_came_from_and_is_logged() -> None:
    bench = Bench()
    bench.waiting()
    bench.act("release")
    vm = bench.vm()
    assert (vm.state, vm.prev_state) == (VmState.PENDING, VmState.HOLD)
    assert bench.last.events[-1].detail == {"was": "HOLD", "now": "PENDING"}


def test_staying_is_no_step() -> None:
    bench = Bench()
    bench.waiting()
    bench.do(lambda tx: move(tx, bench.vm(), "HOLD"))
    assert bench.last.empty
    bench.do(lambda tx: move(tx, bench.vm(), "HOLD", deploy_id="x"))
    assert (phase(bench.vm()), bench.vm().deploy_id) == ("HOLD", "x")
    assert bench.last.events == []
