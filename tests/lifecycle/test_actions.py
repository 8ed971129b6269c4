"""What may be asked of a VM in which phase, and what recover operations do."""

import pytest

from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.lifecycle.machine import TRANSITIONS
from innkeeper.lifecycle.operations import PROCEDURES
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.hypervisors import LIMITED
from innkeeper.model.states import FAILURES, LcmState, VmState
from tests.lifecycle.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def to_phase(bench: Bench, phase: str) -> None:
    """Brings a VM into one of the phases in which actions are told apart."""
    ways = {
        "PENDING": ["release"],
        "HOLD": [],
        "PROLOG": ["deploy"],
        "RUNNING": ["deploy", "finish"],
        "SHUTDOWN": ["deploy", "finish", "terminate"],
        "EPILOG": ["deploy", "finish", "terminate", "answer"],
        "SHUTDOWN_POWEROFF": ["deploy", "finish", "poweroff"],
        "POWEROFF": ["deploy", "finish", "poweroff", "finish"],
        "BOOT_POWEROFF": ["deploy", "finish", "poweroff", "finish", "resume"],
        "SAVE_SUSPEND": ["deploy", "finish", "suspend"],
        "SUSPENDED": ["deploy", "finish", "suspend", "finish"],
        "STOPPED": ["deploy", "finish", "stop", "finish"],
        "SHUTDOWN_UNDEPLOY": ["deploy", "finish", "undeploy"],
        "UNDEPLOYED": ["deploy", "finish", "undeploy", "finish"],
        "BOOT_SUSPENDED": ["deploy", "finish", "suspend", "finish", "resume"],
        "UNKNOWN": ["deploy", "finish", "down"],
        "BOOT_UNKNOWN": ["deploy", "finish", "down", "resume"],
        "PROLOG_FAILURE": ["deploy", "refuse", "finish"],
        "CLEANUP_DELETE": ["deploy", "finish", "delete"],
        "CLEANUP_RESUBMIT": ["deploy", "finish", "recreate"],
        "DONE": ["terminate"],
    }
    if phase in ("PROLOG", "RUNNING") or "deploy" in ways[phase]:
        bench.deploying()
    else:
        bench.waiting()
    for step in ways[phase]:
        {
            "deploy": lambda: None,
            "finish": bench.finish,
            "answer": bench.answer,
            "refuse": lambda: bench.answer("refused"),
            "down": bench.down,
            "delete": lambda: bench.recover(3),
            "recreate": lambda: bench.recover(4),
        }.get(step, lambda step=step: bench.act(step))()
    assert bench.phase() == phase


PHASES = (
    "PENDING", "HOLD", "PROLOG", "RUNNING", "SHUTDOWN", "EPILOG", "SHUTDOWN_POWEROFF", "POWEROFF",
    "BOOT_POWEROFF", "SAVE_SUSPEND", "SUSPENDED", "STOPPED", "SHUTDOWN_UNDEPLOY", "UNDEPLOYED",
    "BOOT_SUSPENDED", "UNKNOWN", "BOOT_UNKNOWN", "PROLOG_FAILURE", "CLEANUP_DELETE", "CLEANUP_RESUBMIT",
    "DONE",
)  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_is_carried_out_or_refused_without_effect(
    bench: Bench, action: str, phase: str
) -> None:
    to_phase(bench, phase)
    before = bench.vm()
    bench.sent.clear()
    if phase in ACTIONS[action]:
        bench.act(action)
        assert bench.logged()[0] == "action"
        return
    with pytest.raises(Refusal) as refused:
        bench.act(action)
    assert (refused.value.code, refused.value.object_id) == (Code.ACTION, 0)
    assert phase in refused.value.text
    assert (bench.vm(), bench.sent) == (before, [])


def test_what_we_cannot_do_is_said_to_be_so(bench: Bench) -> None:
    bench.running()
    with pytest.raises(Refusal, match='"fly" is not supported'):
        bench.act("fly")


def test_a_vm_that_is_busy_says_with_what(bench: Bench) -> None:
    bench.running()
    bench.act("reboot")
    with pytest.raises(Refusal, match="VM is busy"):
        bench.act("suspend")


def test_every_phase_of_the_table_is_a_phase() -> None:
    named = {phase for accepted in ACTIONS.values() for phase in accepted}
    assert named <= set(VmState.__members__) | set(LcmState.__members__)


def test_every_failure_can_be_ended() -> None:
    failures = {state.name for state in FAILURES} & set(TRANSITIONS)
    assert failures
    for action in ("terminate", "terminate-hard"):
        assert failures <= set(ACTIONS[action])


def test_a_hard_action_takes_the_place_of_a_soft_one_that_hangs(bench: Bench) -> None:
    to_phase(bench, "SHUTDOWN_POWEROFF")
    soft = bench.sent.pop()
    bench.act("poweroff-hard")
    assert bench.verbs == ["domain.destroy"]
    bench.reply(soft)
    assert bench.phase() == "SHUTDOWN_POWEROFF"
    bench.finish()
    assert bench.phase() == "POWEROFF"


# ---- recover -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [-1, 6, 99])
def test_recover_knows_six_ways(bench: Bench, how: int) -> None:
    bench.running()
    with pytest.raises(Refusal, match="0 to 5"):
        bench.recover(how)


@pytest.mark.parametrize("how", [0, 1, 2])
@pytest.mark.parametrize("phase", ["PENDING", "HOLD", "POWEROFF", "SUSPENDED", "DONE"])
def test_failure_success_and_retry_are_for_active_vms(bench: Bench, phase: str, how: int) -> None:
    to_phase(bench, phase)
    with pytest.raises(Refusal, match=f"not available for state {phase}"):
        bench.recover(how)


def test_failure_turns_a_deployment_round(bench: Bench) -> None:
    bench.deploying()
    bench.sent.clear()
    bench.recover(0)
    assert bench.operation.undoing
    bench.finish()
    assert bench.phase() == "PROLOG_FAILURE"
    assert "given up" in (bench.vm().user_template.get("ERROR") or "")


def test_success_goes_on_with_the_next_step(bench: Bench) -> None:
    bench.deploying()
    bench.sent.clear()
    bench.recover(1)
    assert bench.verbs == ["disk.ensure"]


def test_success_of_an_unknown_vm_says_that_it_runs(bench: Bench) -> None:
    to_phase(bench, "UNKNOWN")
    bench.recover(1)
    assert bench.phase() == "RUNNING"


def test_only_the_host_can_say_that_a_vm_is_gone_from_it(bench: Bench) -> None:
    """Anybody else's word might let it run twice."""
    to_phase(bench, "CLEANUP_RESUBMIT")
    with pytest.raises(Refusal, match="Only the host can tell"):
        bench.recover(1)
    assert bench.phase() == "CLEANUP_RESUBMIT"
    bench.finish()
    assert bench.phase() == "PENDING"


def test_retry_sends_the_step_again_at_once(bench: Bench) -> None:
    bench.deploying()
    bench.answer("failed")
    (waiting,) = bench.sent
    assert waiting.delay > 0
    bench.recover(2)
    assert (bench.sent[-1].verb, bench.sent[-1].delay) == (waiting.verb, 0.0)


def test_retry_deploys_again_where_it_failed(bench: Bench) -> None:
    to_phase(bench, "PROLOG_FAILURE")
    before = bench.vm().generation
    bench.recover(2)
    assert bench.phase() == "PROLOG"
    assert bench.vm().generation > before
    bench.finish()
    assert bench.phase() == "RUNNING"
    assert "ERROR" not in bench.vm().user_template


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase != "DONE"])
@pytest.mark.parametrize("how", [3, 5])
def test_delete_ends_a_vm_from_everywhere(bench: Bench, phase: str, how: int) -> None:
    to_phase(bench, phase)
    bench.sent.clear()
    if phase == "CLEANUP_DELETE" and how == 3:
        bench.recover(2)
    bench.recover(how)
    bench.finish()
    assert bench.phase() == "DONE"
    assert len(bench.world.operations) == 0
    assert not bench.world.leases.vms_of(0)
    assert not bench.world.occupancy.of(0).vms


@pytest.mark.parametrize("phase", [p for p in PHASES if p not in ("DONE", "CLEANUP_DELETE")])
def test_delete_recreate_leads_back_to_the_queue(bench: Bench, phase: str) -> None:
    to_phase(bench, phase)
    if phase != "CLEANUP_RESUBMIT":
        bench.sent.clear()
    bench.recover(4)
    bench.finish()
    assert bench.phase() == "PENDING"


def test_what_is_done_stays_done(bench: Bench) -> None:
    to_phase(bench, "DONE")
    for how in (3, 5):
        bench.recover(how)
    with pytest.raises(Refusal, match="not available for state DONE"):
        bench.recover(4)
    assert bench.phase() == "DONE"


def test_deleting_needs_no_host(bench: Bench) -> None:
    to_phase(bench, "UNKNOWN")
    bench.recover(3)
    bench.answer("unreachable")
    assert bench.phase() == "DONE"
    assert "cleanup owed" in bench.logged()


def test_recreating_needs_the_hosts_word(bench: Bench) -> None:
    to_phase(bench, "UNKNOWN")
    bench.recover(4)
    bench.answer("unreachable")
    assert bench.phase() == "PROLOG_FAILURE"


def test_limits_of_hypervisors_name_procedures_and_actions_that_exist() -> None:
    for limits in LIMITED.values():
        assert limits.procedures <= PROCEDURES.keys()
        assert limits.refused.keys() <= ACTIONS.keys()
