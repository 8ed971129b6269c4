"""Going from host to host: what is asked of which host, what the VM shows, and what a failure leads to."""

from typing import Any

import pytest

from innkeeper.commands import hosts, migration, snapshots, vms
from innkeeper.commands.scheduling import carry_out
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.states import VmAction
from innkeeper.placement.decide import place
from tests.lifecycle.bench import ADMIN, FACTS, Bench

SAVE, SHUT_DOWN, PULL = 0, 1, 2


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.add_host("south")
    return bench


def story(bench: Bench, **results: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Answers everything; each verb with its host and the phase that the VM showed meanwhile."""
    told = []
    while bench.sent:
        sent = bench.sent[0]
        told.append((sent.place, sent.verb, bench.phase()))
        bench.answer(**results.get(sent.verb.replace(".", "_"), {}))
    return told


def migrate(bench: Bench, *, live: bool, how: int = SAVE) -> None:
    bench.do(lambda tx: migration.migrate(tx, ADMIN, 0, 1, live, how=how))


def until(bench: Bench, verb: str) -> None:
    """Answers what comes before a verb."""
    while bench.sent[0].verb != verb:
        bench.answer()


def recorded(bench: Bench) -> list[tuple[int, int]]:
    """The hosts and actions of its history."""
    return [(stay.host_id, stay.action) for stay in bench.vm().history]


def taken(bench: Bench) -> list[int]:
    """How many VMs take capacity on each host."""
    return [len(bench.world.occupancy.of(number).vms) for number in (0, 1)]


def test_live(bench: Bench) -> None:
    bench.running()
    migrate(bench, live=True)
    assert taken(bench) == [1, 1]
    assert story(bench) == [
        (0, "migration.offer", "MIGRATE"),
        (1, "network.ensure", "MIGRATE"),
        (1, "disk.ensure", "MIGRATE"),
        (1, "migration.prepare", "MIGRATE"),
        (0, "migration.send", "MIGRATE"),
        (1, "migration.receive", "MIGRATE"),
        (0, "vm.remove", "RUNNING"),
    ]
    assert recorded(bench) == [(0, VmAction.LIVE_MIGRATE), (1, 0)]
    assert taken(bench) == [0, 1]
    assert (bench.vm().generation, bench.vm().guest_generation, bench.vm().kept_on) == (2, 2, -1)


def test_the_other_host_learns_by_which_door_it_comes_in(bench: Bench) -> None:
    bench.running()
    text = "MIGRATION_ADDRESS=192.0.2.1"
    bench.do(lambda tx: hosts.update_host(tx, ADMIN, 0, text, 1))
    migrate(bench, live=True)
    bench.answer(port=49152, type="kvm")
    until(bench, "migration.prepare")
    asked = bench.sent[0].args
    assert asked["peer"] == {"address": "192.0.2.1", "port": 49152, "key": FACTS["peer_key"]}
    assert asked["offer"]["type"] == "kvm"


@pytest.mark.parametrize("verb", ["migration.offer", "disk.ensure", "migration.prepare"])
def test_what_fails_before_the_guest_is_sent_is_undone(bench: Bench, verb: str) -> None:
    bench.running()
    migrate(bench, live=True)
    until(bench, verb)
    bench.answer("refused")
    assert {(sent.place, sent.verb) for sent in bench.sent} <= {
        (1, "vm.remove"),
        (0, "network.guard"),
    }
    bench.finish()
    assert bench.phase() == "RUNNING"
    assert recorded(bench) == [(0, VmAction.LIVE_MIGRATE), (1, 0), (0, 0)]
    assert bench.vm().history[1].etime and not bench.vm().history[2].etime
    assert taken(bench) == [1, 0]
    assert "refused" in (bench.vm().user_template.get("ERROR") or "")


@pytest.mark.parametrize(
    ("said", "phase", "host"),
    [("running", "RUNNING", 0), ("off", "POWEROFF", 0), ("gone", "RUNNING", 1)],
)
def test_when_sending_fails_the_old_host_tells_where_the_guest_is(
    bench: Bench, said: str, phase: str, host: int
) -> None:
    bench.running()
    migrate(bench, live=True)
    until(bench, "migration.send")
    bench.answer("failed")
    told = story(bench, migration_stay={"state": said})
    assert told[0] == (0, "migration.stay", "MIGRATE")
    assert (bench.phase(), bench.vm().history[-1].host_id) == (phase, host)
    removals = [(place, verb) for place, verb, _ in told if verb == "vm.remove"]
    assert removals == [(1 - host, "vm.remove")]
    assert taken(bench)[host] == 1 and sum(taken(bench)) == 1


@pytest.mark.parametrize(
    ("there", "phase", "host"), [("running", "RUNNING", 1), ("paused", "UNKNOWN", 0)]
)
def test_when_the_old_host_is_gone_a_guest_that_runs_on_the_new_one_is_there(
    bench: Bench, there: str, phase: str, host: int
) -> None:
    bench.running()
    migrate(bench, live=True)
    until(bench, "migration.send")
    bench.answer("unreachable")
    bench.answer("unreachable")
    assert story(bench, migration_look={"state": there})[0] == (1, "migration.look", "MIGRATE")
    assert (bench.phase(), bench.vm().history[-1].host_id) == (phase, host)


def test_nobody_but_the_hosts_can_say_that_the_guest_was_sent(bench: Bench) -> None:
    bench.running()
    migrate(bench, live=True)
    until(bench, "migration.send")
    with pytest.raises(Refusal, match="Only the host can tell"):
        bench.recover(1)


@pytest.mark.parametrize(
    ("how", "stopping", "starting", "action"),
    [
        (SAVE, "domain.save", [(1, "domain.restore", "BOOT_MIGRATE")], VmAction.MIGRATE),
        (SHUT_DOWN, "domain.shutdown", None, VmAction.POWEROFF_MIGRATE),
        (PULL, "domain.destroy", None, VmAction.POWEROFF_HARD_MIGRATE),
    ],
)
def test_cold(
    bench: Bench,
    how: int,
    stopping: str,
    starting: list[tuple[int, str, str]] | None,
    action: VmAction,
) -> None:
    bench.running()
    migrate(bench, live=False, how=how)
    booting = [(1, "context.ensure", "PROLOG_MIGRATE"), (1, "domain.ensure", "BOOT")]
    assert story(bench) == [
        (0, stopping, "SAVE_MIGRATE"),
        (1, "network.ensure", "PROLOG_MIGRATE"),
        (1, "disk.ensure", "PROLOG_MIGRATE"),
        (0, "vm.give", "PROLOG_MIGRATE"),
        (1, "vm.fetch", "PROLOG_MIGRATE"),
        *(starting or booting),
        (0, "vm.remove", "RUNNING"),
    ]
    assert recorded(bench) == [(0, action), (1, 0)]
    assert taken(bench) == [0, 1]


@pytest.mark.parametrize(
    ("action", "phase", "shown", "first"),
    [
        ("poweroff", "POWEROFF", "PROLOG_MIGRATE_POWEROFF", "domain.destroy"),
        ("suspend", "SUSPENDED", "PROLOG_MIGRATE_SUSPEND", "domain.save"),
    ],
)
def test_what_does_not_run_stays_as_it_is(
    bench: Bench, action: str, phase: str, shown: str, first: str
) -> None:
    bench.running()
    bench.act(action)
    bench.finish()
    migrate(bench, live=True)
    told = story(bench)
    assert told[0] == (0, first, shown) and told[-1] == (0, "vm.remove", phase)
    assert {said for _, _, said in told[:-1]} == {shown}
    assert bench.vm().history[-1].host_id == 1


def failed(bench: Bench, verb: str, how: int = SAVE) -> None:
    bench.running()
    migrate(bench, live=False, how=how)
    until(bench, verb)
    bench.answer("refused")
    bench.finish()


@pytest.mark.parametrize(
    ("verb", "phase"),
    [("vm.fetch", "PROLOG_MIGRATE_FAILURE"), ("domain.restore", "BOOT_MIGRATE_FAILURE")],
)
def test_a_failed_migration_keeps_all_on_the_old_host_and_can_be_tried_again(
    bench: Bench, verb: str, phase: str
) -> None:
    failed(bench, verb)
    assert (bench.phase(), bench.vm().kept_on, taken(bench)) == (phase, 0, [1, 1])
    bench.recover(2)
    told = [asked for _, asked, _ in story(bench)]
    assert told[0] == "network.ensure" and told[-1] == "vm.remove"
    assert (bench.phase(), bench.vm().history[-1].host_id) == ("RUNNING", 1)


@pytest.mark.parametrize(("how", "goes_on"), [(SAVE, "domain.restore"), (PULL, "domain.ensure")])
def test_a_failed_migration_can_be_taken_back(bench: Bench, how: int, goes_on: str) -> None:
    failed(bench, "vm.fetch", how)
    bench.recover(0)
    told = story(bench)
    assert told[0][:2] == (1, "vm.remove")
    assert goes_on in [verb for place, verb, _ in told if place == 0]
    assert (bench.phase(), bench.vm().history[-1].host_id, taken(bench)) == ("RUNNING", 0, [1, 0])


def test_a_failed_migration_can_be_ended_on_both_hosts(bench: Bench) -> None:
    failed(bench, "vm.fetch")
    bench.act("terminate")
    assert [(place, verb) for place, verb, _ in story(bench)] == [
        (0, "vm.remove"),
        (1, "vm.remove"),
    ]
    assert (bench.phase(), taken(bench)) == ("DONE", [0, 0])


def test_recreating_one_that_is_on_its_way_needs_the_word_of_both_hosts(bench: Bench) -> None:
    bench.running()
    migrate(bench, live=True)
    until(bench, "migration.send")
    bench.sent.clear()
    bench.recover(4)
    assert bench.answer("unreachable").place == 0
    assert bench.phase() == "PROLOG_FAILURE"


# ---- stopped and undeployed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "phase", "shown"),
    [
        ("stop", "STOPPED", ["SAVE_STOP", "EPILOG_STOP"]),
        ("undeploy", "UNDEPLOYED", ["SHUTDOWN_UNDEPLOY", "EPILOG_UNDEPLOY"]),
        ("undeploy-hard", "UNDEPLOYED", ["SHUTDOWN_UNDEPLOY", "EPILOG_UNDEPLOY"]),
    ],
)
def test_a_vm_that_gives_its_place_up_keeps_its_files(
    bench: Bench, action: str, phase: str, shown: list[str]
) -> None:
    bench.running()
    bench.act(action)
    assert [said for _, _, said in story(bench)] == shown
    vm = bench.vm()
    assert (bench.phase(), vm.place, vm.kept_on, taken(bench)) == (phase, None, 0, [0, 0])
    assert vm.history[-1].action == {"stop": 9, "undeploy": 5, "undeploy-hard": 6}[action]
    bench.up(0, (0, vm.generation, "saved"))
    assert not bench.sent, "what is kept is no stranger"
    with pytest.raises(Refusal, match="still keeps files of VMs: 0"):
        bench.do(lambda tx: hosts.delete(tx, ADMIN, 0))


@pytest.mark.parametrize("host", [0, 1])
def test_stopped_it_goes_on_where_it_is_placed(bench: Bench, host: int) -> None:
    bench.running()
    bench.act("stop")
    bench.finish()
    bench.act("resume")
    assert bench.phase() == "PENDING"
    bench.do(lambda tx: hosts.status(tx, ADMIN, 1 - host, 1))
    bench.do(lambda tx: vms.deploy_on(tx, ADMIN, 0, host, True, -1))
    told = story(bench)
    fetched = [(0, "vm.give", "PROLOG_RESUME"), (1, "vm.fetch", "PROLOG_RESUME")]
    assert told == [
        (host, "network.ensure", "PROLOG_RESUME"),
        (host, "disk.ensure", "PROLOG_RESUME"),
        *(fetched if host == 1 else []),
        (host, "domain.restore", "BOOT_STOPPED"),
        *([(0, "vm.remove", "RUNNING")] if host == 1 else []),
    ]
    assert (bench.vm().kept_on, bench.vm().history[-1].host_id) == (-1, host)


def test_one_that_could_not_go_on_keeps_what_it_has(bench: Bench) -> None:
    bench.running()
    bench.act("stop")
    bench.finish()
    bench.do(lambda tx: vms.deploy_on(tx, ADMIN, 0, 0, True, -1))
    until(bench, "domain.restore")
    bench.answer("refused")
    assert [sent.verb for sent in bench.sent] == [], "what is kept here is not removed"
    assert (bench.phase(), bench.vm().kept_on) == ("BOOT_STOPPED_FAILURE", 0)
    bench.recover(2)
    bench.finish()
    assert bench.phase() == "RUNNING"


def test_a_stopped_vm_that_is_ended_leaves_nothing_where_it_was_kept(bench: Bench) -> None:
    bench.running()
    bench.act("stop")
    bench.finish()
    bench.act("terminate")
    assert {(place, verb) for place, verb, _ in story(bench)} == {(0, "vm.remove")}
    assert (bench.phase(), bench.vm().kept_on) == ("DONE", -1)


# ---- placed elsewhere, and refused -----------------------------------------------------------------


def test_one_that_is_to_go_elsewhere_is_taken_there_as_it_runs(bench: Bench) -> None:
    bench.running()
    bench.act("resched")
    assert bench.vm().resched
    decisions = place(bench.world, bench.now)
    assert [(decision.vm, decision.host) for decision in decisions] == [(0, 1)]
    bench.do(lambda tx: carry_out(tx, decisions))
    assert (bench.phase(), bench.vm().resched) == ("MIGRATE", False)


@pytest.mark.parametrize(("action", "state"), [("suspend", "SUSPENDED"), ("poweroff", "POWEROFF")])
def test_one_that_does_not_run_is_taken_elsewhere_as_it_is(
    bench: Bench, action: str, state: str
) -> None:
    bench.running()
    bench.act(action)
    bench.finish()
    bench.do(lambda tx: hosts.status(tx, ADMIN, 0, 1))
    bench.act("resched")
    bench.do(lambda tx: carry_out(tx, place(bench.world, bench.now)))
    verbs = [verb for _, verb, _ in story(bench)]
    assert "vm.fetch" in verbs and "domain.restore" not in verbs
    assert (bench.phase(), bench.vm().history[-1].host_id, bench.vm().resched) == (state, 1, False)


def test_one_that_fits_nowhere_else_stays_marked_and_is_told_why(bench: Bench) -> None:
    bench.running()
    bench.do(lambda tx: hosts.status(tx, ADMIN, 1, 1))
    bench.act("resched")
    decisions = place(bench.world, bench.now)
    bench.do(lambda tx: carry_out(tx, decisions))
    assert (bench.phase(), bench.vm().resched) == ("RUNNING", True)
    assert "no host can take it" in (bench.vm().user_template.get("SCHED_MESSAGE") or "")
    bench.act("unresched")
    assert not place(bench.world, bench.now)


def test_guests_of_a_host_that_is_away_are_not_started_elsewhere(bench: Bench) -> None:
    bench.running()
    bench.act("resched")
    bench.down(0)
    assert bench.phase() == "UNKNOWN" and not place(bench.world, bench.now)
    with pytest.raises(Refusal, match=r"its own host 0 .north. cannot be reached"):
        migrate(bench, live=False)


def with_facts(bench: Bench, host: int, **facts: Any) -> None:
    bench.do(lambda tx: tx.change(tx.world.hosts[host], facts={**FACTS, **facts}))


def test_a_missing_cpu_feature_is_named_and_a_cold_move_is_still_possible(bench: Bench) -> None:
    bench.running()
    with_facts(bench, 0, accelerator="kvm", features=["aes", "avx2", "sse4.2"])
    with_facts(bench, 1, accelerator="kvm", features=["aes"])
    before = bench.vm()
    with pytest.raises(
        Refusal, match=r"host 1 \(south\) lacks CPU features .*: avx2, sse4.2"
    ) as no:
        migrate(bench, live=True)
    assert (no.value.code, bench.vm(), bench.sent) == (Code.ACTION, before, [])
    with_facts(bench, 1, accelerator="tcg")
    with pytest.raises(
        Refusal, match=r"runs under kvm, which host 1 .south. does not have, but tcg"
    ):
        migrate(bench, live=True)
    bench.act("resched")
    bench.do(lambda tx: carry_out(tx, place(bench.world, bench.now)))
    assert bench.phase() == "SAVE_MIGRATE"


SETS = {"Nehalem": ["sse4.2"], "Westmere": ["sse4.2", "aes"]}


def differing(bench: Bench) -> None:
    """The first host has more than the second."""
    more = {"features": ["sse4.2", "aes", "avx"], "cpu_sets": SETS}
    less = {"features": ["sse4.2", "avx"], "cpu_sets": {"Nehalem": ["sse4.2"]}}
    for host, has in ((0, more), (1, less)):
        with_facts(bench, host, accelerator="kvm", arch="x86_64", **has)


def told(bench: Bench) -> dict[str, Any]:
    """How the guest is described to the host that is to start it."""
    until(bench, "domain.ensure")
    described: dict[str, Any] = bench.sent[0].args["domain"]
    return described


def test_a_guest_gets_the_cpu_that_all_hosts_of_its_cluster_have(bench: Bench) -> None:
    differing(bench)
    bench.deploying()
    described = told(bench)
    assert (described["cpu_model"], described["cpu_features"]) == ("Nehalem", ["avx"])
    bench.answer(cpu={"mode": "custom", "model": "Nehalem", "require": ["avx"], "disable": []})
    assert (bench.phase(), bench.vm().processor) == ("RUNNING", "avx,sse4.2")
    migrate(bench, live=True)
    assert bench.phase() == "MIGRATE"


def with_more(bench: Bench) -> None:
    """A guest that runs with what only its host has."""
    bench.deploying()
    until(bench, "domain.ensure")
    bench.answer(cpu={"mode": "custom", "model": "Westmere", "require": ["avx"], "disable": []})
    assert bench.vm().processor == "aes,avx,sse4.2"


@pytest.mark.parametrize("live", [True, False])
def test_where_its_memory_goes_what_its_cpu_has_must_be(bench: Bench, live: bool) -> None:
    differing(bench)
    with_more(bench)
    before = bench.vm()
    with pytest.raises(Refusal, match=r"host 1 \(south\) lacks CPU features .*: aes$"):
        migrate(bench, live=live)
    assert (bench.vm(), bench.sent) == (before, [])
    migrate(bench, live=False, how=SHUT_DOWN)
    assert "cpu_features" in told(bench)
    bench.answer(cpu={"mode": "custom", "model": "Nehalem", "require": ["avx"], "disable": []})
    assert (bench.phase(), bench.vm().processor) == ("RUNNING", "avx,sse4.2")


def test_placement_looks_at_what_the_guests_cpu_has(bench: Bench) -> None:
    differing(bench)
    with_more(bench)
    bench.act("resched")
    bench.do(lambda tx: carry_out(tx, place(bench.world, bench.now)))
    assert bench.phase() == "RUNNING" and bench.vm().resched
    assert "CPU" in str(bench.vm().decision) or "CPU" in str(bench.vm().user_template)
    with_facts(bench, 1, accelerator="kvm", features=["sse4.2", "aes", "avx"], cpu_sets=SETS)
    bench.do(lambda tx: carry_out(tx, place(bench.world, bench.now)))
    assert bench.phase() == "MIGRATE"


def with_snapshots(bench: Bench, *, shared: bool) -> None:
    """A guest with two snapshots of its disk and one with memory."""
    bench.running()
    store = bench.world.datastores[bench.vm().history[-1].ds_id]
    said = "YES" if shared else "NO"
    bench.do(lambda tx: tx.change(store, template=store.template.with_("SHARED", said)))
    for _ in range(2):
        bench.do(lambda tx: snapshots.take_of_disk(tx, ADMIN, 0, 0, ""))
        bench.finish()
    bench.do(lambda tx: snapshots.take(tx, ADMIN, 0, ""))
    bench.finish()


def test_a_guest_with_snapshots_in_its_disks_does_not_leave_them_behind(bench: Bench) -> None:
    with_snapshots(bench, shared=False)
    before = bench.vm()
    said = "disk 0 has snapshots 0, 1 and the VM has snapshot 0, which only go along"
    with pytest.raises(Refusal, match=said) as no:
        migrate(bench, live=True)
    assert (no.value.code, bench.vm(), bench.sent) == (Code.ACTION, before, [])
    bench.act("resched")
    bench.do(lambda tx: carry_out(tx, place(bench.world, bench.now)))
    assert bench.phase() == "SAVE_MIGRATE"
    bench.finish()
    assert bench.vm().disk_snapshots == before.disk_snapshots


def test_snapshots_in_a_folder_that_hosts_share_are_where_they_were(bench: Bench) -> None:
    with_snapshots(bench, shared=True)
    migrate(bench, live=True)
    assert bench.phase() == "MIGRATE"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, True), "already running on host 0"),
        ((1, True, False, 0, 7), "must be 0, 1 or 2, not 7"),
        ((9, True), "Error getting host"),
    ],
)
def test_refusals(bench: Bench, arguments: tuple[Any, ...], said: str) -> None:
    bench.running()
    before = bench.vm()
    with pytest.raises(Refusal, match=said):
        bench.do(lambda tx: migration.migrate(tx, ADMIN, 0, *arguments))
    assert (bench.vm(), bench.sent) == (before, [])


def test_hosts_without_ssh_between_them_are_told_so(bench: Bench) -> None:
    bench.running()
    with_facts(bench, 1, peer_key=None)
    with pytest.raises(Refusal, match=r"host 1 .south. has no ssh"):
        migrate(bench, live=True)


def test_a_vm_without_a_place_cannot_be_taken_elsewhere(bench: Bench) -> None:
    bench.waiting()
    with pytest.raises(Refusal, match="not available for state HOLD"):
        migrate(bench, live=True)
