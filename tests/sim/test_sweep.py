"""Every step of every operation under every trouble; and that no operation can escape the sweep."""

from collections import Counter

import pytest

from innkeeper.lifecycle.engine import PROCEDURES, Procedure, Step, nothing
from innkeeper.sim import sweep
from innkeeper.sim.scenarios import SCENARIOS
from innkeeper.sim.sweep import Case
from innkeeper.sim.trouble import TROUBLES

CASES = list(sweep.cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_step_under_trouble_ends_in_a_stable_state(case: Case) -> None:
    sweep.run_case(case)


def test_every_step_that_is_done_or_undone_meets_every_trouble() -> None:
    met = Counter((case.procedure, case.step, case.undoing) for case in CASES)
    for procedure in PROCEDURES.values():
        for number, step in enumerate(procedure.steps):
            assert met[procedure.name, step.name, False] == len(TROUBLES)
            if step.undo is not None and procedure.undoable(number):
                assert met[procedure.name, step.name, True] >= len(TROUBLES)
    assert len(set(map(str, CASES))) == len(CASES)


def test_a_new_procedure_cannot_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step("think", why="it is new", do=lambda world, operation: None)
    new = Procedure("migrate by thought", (step,), finish=nothing, fail=nothing)
    monkeypatch.setitem(PROCEDURES, new.name, new)
    found = [case for case in sweep.cases() if case.procedure == new.name]
    assert len(found) == len(TROUBLES)
    with pytest.raises(AssertionError, match=r"no scenario .* starts the operation"):
        sweep.run_case(found[0])


def test_a_step_that_its_scenario_never_comes_to_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCENARIOS, "suspend", SCENARIOS["poweroff"])
    case = next(case for case in CASES if case.procedure == "suspend")
    monkeypatch.setattr(sweep, "LIMIT", 60.0)
    with pytest.raises(AssertionError, match="step save is come to"):
        sweep.run_case(case)


def test_scenarios_are_for_procedures_that_there_are() -> None:
    assert set(SCENARIOS) == set(PROCEDURES)
