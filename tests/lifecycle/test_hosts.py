"""What hosts tell, and what the world makes of it."""

import pytest

from innkeeper.commands import hosts as host_commands
from innkeeper.lifecycle.hosts import SETTLING
from innkeeper.model.states import HostState
from tests.lifecycle.bench import ADMIN, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def status(bench: Bench, wanted: int) -> None:
    bench.do(lambda tx: host_commands.status(tx, ADMIN, 0, wanted))


def test_a_host_that_is_away_loses_sight_of_its_guests(bench: Bench) -> None:
    bench.running()
    bench.down()
    assert (bench.host.state, bench.phase()) == (HostState.ERROR, "UNKNOWN")
    assert bench.host.error == "no route"


def test_a_host_that_returns_tells_what_runs(bench: Bench) -> None:
    bench.running()
    bench.down()
    bench.up(0, (0, 1, "running"))
    assert (bench.host.state, bench.phase()) == (HostState.MONITORED, "RUNNING")


def test_guests_that_a_power_cut_ended_are_off(bench: Bench) -> None:
    bench.running()
    bench.down()
    bench.up(0, (0, 1, "off"))
    assert bench.phase() == "POWEROFF"


def test_an_inventory_that_changes_nothing_stores_nothing(bench: Bench) -> None:
    bench.running()
    bench.up(0, (0, 1, "running"))
    assert bench.last.empty
    assert not bench.last.wake


# ---- a host that is disabled and away ----------------------------------------------------------


def test_a_disabled_host_that_is_away_is_not_enabled_into_service(bench: Bench) -> None:
    status(bench, 1)
    bench.down()
    assert bench.host.state is HostState.DISABLED
    status(bench, 0)
    assert (bench.host.state, bench.host.error) == (HostState.ERROR, "no route")


def test_a_host_in_error_stays_known_to_be_away_while_it_is_disabled(bench: Bench) -> None:
    bench.down()
    status(bench, 1)
    status(bench, 0)
    assert bench.host.state is HostState.ERROR


def test_a_disabled_host_that_returns_is_enabled_into_service(bench: Bench) -> None:
    status(bench, 1)
    bench.down()
    bench.up()
    assert (bench.host.state, bench.host.error) == (HostState.DISABLED, "")
    status(bench, 0)
    assert bench.host.state is HostState.MONITORED


@pytest.mark.parametrize("action", ["reboot", "poweroff", "suspend", "terminate"])
@pytest.mark.parametrize("disabled", [False, True])
def test_what_fails_because_the_host_went_away_leaves_the_vm_unknown(
    bench: Bench, action: str, disabled: bool
) -> None:
    bench.running()
    bench.act(action)
    if disabled:
        status(bench, 1)
    bench.down()
    bench.answer("unreachable")
    assert bench.phase() == "UNKNOWN"


# ---- strangers and leftovers ---------------------------------------------------------------------


def test_a_stranger_is_removed_with_a_generation_that_nothing_sent_before_reaches(
    bench: Bench,
) -> None:
    """The agent has admitted the deletion's generation, and its guest still runs with the older one."""
    bench.running()
    bench.recover(3)
    bench.answer("unreachable")
    assert (bench.phase(), bench.vm().generation) == ("DONE", 2)
    bench.up(0, (0, 1, "running"))
    (removal,) = bench.sent
    assert (removal.verb, removal.args) == ("vm.remove", {"vm": 0, "generation": 2})


def test_a_running_stranger_is_removed_with_the_next_round_of_monitoring(bench: Bench) -> None:
    bench.running()
    bench.recover(5)
    bench.sampled((0, 1, "running"))
    assert bench.verbs == ["vm.remove"]
    assert bench.logged() == ["stranger removed"]


def test_a_guest_that_nobody_knows_is_removed(bench: Bench) -> None:
    bench.up(0, (77, 5, "running"))
    assert bench.sent[0].args == {"vm": 77, "generation": 5}


def test_what_a_failed_deployment_left_is_removed_when_the_host_is_back(bench: Bench) -> None:
    bench.deploying()
    bench.down()
    bench.answer("unreachable")
    bench.answer("unreachable")
    assert bench.phase() == "PROLOG_FAILURE"
    bench.up(0, (0, 1, "off"))
    assert bench.verbs == ["vm.remove"]


def test_a_guest_whose_deployment_was_given_up_and_that_runs_is_taken_up(bench: Bench) -> None:
    bench.deploying()
    while bench.sent[0].verb != "domain.ensure":
        bench.answer()
    bench.down()
    for _ in range(3):
        bench.answer("unreachable")
    assert bench.phase() == "BOOT_FAILURE"
    bench.now += SETTLING
    bench.up(0, (0, 1, "running"))
    assert (bench.phase(), bench.vm().deploy_id, bench.sent) == ("RUNNING", "one-0", [])


def test_what_an_operation_works_on_is_left_alone(bench: Bench) -> None:
    bench.deploying()
    bench.sent.clear()
    bench.up(0, (0, 1, "off"))
    assert (bench.phase(), bench.sent) == ("PROLOG", [])


# ---- lists that are older than what we did --------------------------------------------------------


def test_a_list_made_before_the_guest_started_does_not_end_it(bench: Bench) -> None:
    bench.deploying()
    bench.finish()
    bench.sampled()
    assert bench.phase() == "RUNNING"
    bench.now += SETTLING
    bench.sampled()
    assert bench.phase() == "POWEROFF"


def test_a_list_made_before_the_guest_stopped_does_not_revive_it(bench: Bench) -> None:
    bench.running()
    bench.act("suspend")
    bench.finish()
    bench.sampled((0, 1, "running"))
    assert bench.phase() == "SUSPENDED"
    bench.now += SETTLING
    bench.sampled((0, 1, "running"))
    assert bench.phase() == "RUNNING"


def test_events_count_at_once(bench: Bench) -> None:
    bench.deploying()
    bench.finish()
    bench.seen("crashed", 1)
    assert bench.phase() == "POWEROFF"


# ---- generations ---------------------------------------------------------------------------------


def unknown_with_a_failed_resume(bench: Bench) -> None:
    """The guest runs with generation 1, and the VM has come to 2."""
    bench.running()
    bench.down()
    bench.act("resume")
    bench.answer("unreachable")
    assert (bench.phase(), bench.vm().generation) == ("UNKNOWN", 2)
    bench.up(0, (0, 1, "running"))


def test_a_guest_that_a_failed_resume_left_behind_stays_known_to_run(bench: Bench) -> None:
    unknown_with_a_failed_resume(bench)
    assert bench.phase() == "RUNNING"
    bench.sampled((0, 1, "running"))
    assert bench.phase() == "RUNNING"


def test_its_events_count_too(bench: Bench) -> None:
    unknown_with_a_failed_resume(bench)
    bench.seen("crashed", 1)
    assert bench.phase() == "POWEROFF"


def resumed(bench: Bench) -> tuple[int, int]:
    """A guest that was stopped and is being started again: the generations of the old one and of the new."""
    bench.running()
    old = bench.vm().guest_generation
    bench.act("poweroff")
    bench.finish()
    bench.act("resume")
    return old, bench.vm().generation


def test_an_event_of_a_guest_that_was_replaced_means_nothing(bench: Bench) -> None:
    old, new = resumed(bench)
    bench.finish()
    bench.seen("off", old)
    assert bench.phase() == "RUNNING"
    bench.seen("off", new)
    assert bench.phase() == "POWEROFF"


def test_a_crash_of_the_guest_that_is_being_started_is_not_missed(bench: Bench) -> None:
    old, new = resumed(bench)
    bench.seen("off", old)
    bench.seen("running", new)
    bench.seen("crashed", new)
    bench.finish()
    assert bench.phase() == "POWEROFF"


@pytest.mark.parametrize("action", ["poweroff", "poweroff-hard", "suspend", "terminate"])
def test_nothing_that_was_sent_before_can_come_behind_a_stop(bench: Bench, action: str) -> None:
    """A start that comes late would bring the guest back, and end its checkpoint."""
    bench.deploying()
    started = max(bench.answer().args["generation"] for _ in range(len(bench.sent) + 3))
    bench.now += 100
    bench.act(action)
    assert min(each.args["generation"] for each in bench.sent) > started


def test_other_hosts_have_no_say(bench: Bench) -> None:
    bench.running()
    bench.add_host("south")
    bench.seen("off", 1, host_id=1)
    assert bench.phase() == "RUNNING"


# ---- suspended guests ------------------------------------------------------------------------------


def suspended(bench: Bench) -> None:
    bench.running()
    bench.act("suspend")
    bench.finish()
    bench.now += SETTLING


def test_a_suspended_vm_without_its_checkpoint_can_be_booted(bench: Bench) -> None:
    suspended(bench)
    bench.sampled((0, 1, "off"))
    assert bench.phase() == "POWEROFF"
    bench.act("resume")
    assert bench.finish()[-1] == "domain.ensure"


def test_a_suspended_vm_with_its_checkpoint_stays(bench: Bench) -> None:
    suspended(bench)
    bench.sampled((0, 1, "saved"))
    bench.seen("off", 1)
    assert bench.phase() == "SUSPENDED"


def test_a_suspended_guest_that_runs_again_opens_a_history_record(bench: Bench) -> None:
    suspended(bench)
    bench.seen("running", 1)
    assert bench.phase() == "RUNNING"
    assert [bool(record.etime) for record in bench.vm().history] == [True, False]
    assert bench.vm().history[-1].rstime == bench.now


# ---- hosts that are not looked after ------------------------------------------------------------


def test_an_offline_host_has_nothing_to_say(bench: Bench) -> None:
    bench.running()
    status(bench, 2)
    bench.up(0)
    bench.down()
    bench.sampled()
    assert (bench.host.state, bench.phase()) == (HostState.OFFLINE, "RUNNING")


def test_nobody_minds_a_host_that_was_deleted_meanwhile(bench: Bench) -> None:
    bench.do(lambda tx: host_commands.delete(tx, ADMIN, 0))
    bench.up(0, (3, 1, "running"))
    bench.down()
    bench.sampled((3, 1, "running"))
    assert bench.sent == []


# ---- what was seen while an operation was at work --------------------------------------------------


@pytest.mark.parametrize(
    ("action", "seen", "phase"),
    [
        ("suspend", "saved", "SUSPENDED"),
        ("suspend", "off", "POWEROFF"),
        ("poweroff", "off", "POWEROFF"),
        ("terminate", "off", "POWEROFF"),
        ("reboot", "crashed", "POWEROFF"),
    ],
)
def test_a_failure_does_not_hide_what_the_host_saw(
    bench: Bench, action: str, seen: str, phase: str
) -> None:
    """It was done all the same, and only the answer says that it was not."""
    bench.running()
    bench.act(action)
    bench.seen(seen, 1)
    bench.answer("refused")
    assert bench.phase() == phase


def test_a_guest_that_crashed_while_it_was_rebooted_is_off(bench: Bench) -> None:
    bench.running()
    bench.act("reboot")
    bench.seen("crashed", 1)
    bench.finish()
    assert bench.phase() == "POWEROFF"
