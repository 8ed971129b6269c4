"""Changes of a VM where it is: what is asked of its host, what it shows and holds meanwhile, what is left."""

from collections.abc import Callable

import pytest

from innkeeper.commands import (
    capacity,
    configuration,
    disks,
    images,
    networks,
    nics,
    saving,
    snapshots,
)
from innkeeper.lifecycle.messages import BRING, SIMULATED, HostUp
from innkeeper.model.accounting import amounts
from innkeeper.model.errors import Refusal
from innkeeper.model.states import ImageState, VmAction
from innkeeper.model.world import Transaction
from tests.lifecycle.bench import ADMIN, FACTS, Bench

VOLATILE = "DISK=[TYPE=fs,SIZE=5,DEV_PREFIX=vd]"


@pytest.fixture
def bench() -> Bench:
    """A VM that runs, with disk 0 and its context CD, disk 1."""
    bench = Bench()
    bench.running()
    return bench


def off(bench: Bench) -> None:
    bench.act("poweroff")
    bench.finish()
    bench.now += 50


def attach(bench: Bench, text: str = VOLATILE) -> None:
    bench.do(lambda tx: disks.attach(tx, ADMIN, 0, text))


def detach(bench: Bench, number: int) -> None:
    bench.do(lambda tx: disks.detach(tx, ADMIN, 0, number))


def numbers(bench: Bench) -> list[int]:
    return [int(disk["DISK_ID"]) for disk in bench.vm().disks]


def described(bench: Bench) -> list[int]:
    """The disks of the domain that the oldest instruction describes."""
    return [disk["disk"] for disk in bench.sent[0].args["domain"]["disks"]]


def lookover(bench: Bench, disks: list[int], plugged: list[int], nics: list[int]) -> None:
    """The host says what it has of the VM."""
    vm = bench.vm()
    entry = {
        "vm": 0, "generation": vm.guest_generation, "state": "running", "folder": True, "disks": disks,
        "plugged": {"disks": plugged, "nics": nics},
    }  # fmt: skip
    bench.take(HostUp(0, FACTS, {"vms": [entry]}))


def test_attach_to_a_guest_that_runs(bench: Bench) -> None:
    before = bench.vm()
    attach(bench)
    assert (bench.phase(), bench.verbs) == ("HOTPLUG", ["disk.ensure"])
    assert bench.sent[0].args["generation"] == before.generation + 1
    assert [disk["disk"] for disk in bench.sent[0].args["disks"]] == [2]
    assert [disk.get("ATTACH") for disk in bench.vm().disks] == [None, "YES"]
    bench.answer()
    assert (bench.verbs, described(bench)) == (["domain.adjust"], [0, 2, 1])
    bench.answer()
    vm = bench.vm()
    assert (bench.phase(), bench.sent, numbers(bench)) == ("RUNNING", [], [0, 2])
    assert "ATTACH" not in vm.disks[1]
    first, second = vm.history
    assert (first.action, first.etime, second.etime) == (VmAction.DISK_ATTACH, 1100, 0)
    assert second.rstime == 1100
    assert vm.guest_generation == before.guest_generation


def test_attach_and_detach_while_it_is_off(bench: Bench) -> None:
    off(bench)
    attach(bench)
    assert (bench.phase(), bench.finish()) == ("HOTPLUG_PROLOG_POWEROFF", ["disk.ensure"])
    assert (bench.phase(), numbers(bench)) == ("POWEROFF", [0, 2])
    detach(bench, 2)
    assert (bench.phase(), bench.finish()) == ("HOTPLUG_EPILOG_POWEROFF", ["disk.release"])
    assert (bench.phase(), numbers(bench)) == ("POWEROFF", [0])


def test_a_number_is_not_used_again(bench: Bench) -> None:
    for number in (2, 3):
        attach(bench)
        bench.finish()
        assert numbers(bench) == [0, number]
        detach(bench, number)
        assert bench.finish() == ["domain.adjust", "disk.release"]


def test_an_attach_that_fails_is_undone_and_leaves_no_trace(bench: Bench) -> None:
    before = bench.vm()
    attach(bench)
    bench.answer()
    do = bench.answer("refused")
    assert (bench.verbs, described(bench)) == (["domain.adjust"], [0, 1])
    assert bench.sent[0].args["generation"] == do.args["generation"] + 1
    assert bench.finish() == ["domain.adjust", "disk.release"]
    vm = bench.vm()
    assert (bench.phase(), vm.template, vm.history) == ("RUNNING", before.template, before.history)
    assert vm.user_template.get("ERROR") == "plug: says refused"


def test_a_guest_that_keeps_a_disk_keeps_it(bench: Bench) -> None:
    before = bench.vm().template
    detach(bench, 0)
    assert described(bench) == [1]
    bench.answer("timeout")
    bench.answer("timeout")
    assert (bench.verbs, described(bench)) == (["domain.adjust"], [0, 1])
    bench.finish()
    assert (bench.phase(), bench.vm().template) == ("RUNNING", before)


def test_a_file_that_cannot_be_removed_is_removed_later(bench: Bench) -> None:
    detach(bench, 0)
    bench.answer()
    bench.answer("refused")
    assert (bench.phase(), numbers(bench)) == ("RUNNING", [])
    lookover(bench, disks=[0, 1], plugged=[1], nics=[0])
    assert (bench.verbs, bench.sent[0].args["disks"]) == (["disk.release"], [0])


def test_what_a_host_has_besides_is_put_right(bench: Bench) -> None:
    lookover(bench, disks=[0, 1], plugged=[0, 1], nics=[0])
    assert bench.sent == []
    lookover(bench, disks=[0, 1, 2], plugged=[0, 1, 2], nics=[0, 1])
    assert bench.verbs == ["domain.adjust", "disk.release"]
    assert described(bench) == [0, 1]
    assert {each.args["generation"] for each in bench.sent} == {bench.vm().generation}


def test_a_host_that_is_at_work_on_a_vm_is_left_to_it(bench: Bench) -> None:
    attach(bench)
    bench.sent.clear()
    lookover(bench, disks=[0, 1, 2], plugged=[0, 1], nics=[0])
    assert bench.sent == []


def test_a_guest_that_stops_meanwhile_is_shown_off_with_its_disk(bench: Bench) -> None:
    attach(bench)
    bench.answer()
    bench.seen("off", bench.vm().guest_generation)
    bench.answer()
    assert (bench.phase(), numbers(bench)) == ("POWEROFF", [0, 2])


def test_when_its_host_goes_away_nobody_knows_what_it_does(bench: Bench) -> None:
    attach(bench)
    bench.down()
    bench.answer("unreachable")
    bench.answer("unreachable")
    assert (bench.phase(), numbers(bench)) == ("UNKNOWN", [0])
    assert bench.vm().unsettled


@pytest.mark.parametrize("how", [3, 4, 5])
def test_recovery_takes_the_place_of_a_change(bench: Bench, how: int) -> None:
    attach(bench)
    bench.recover(how)
    bench.sent = [each for each in bench.sent if each.verb == "vm.remove"]
    bench.finish()
    assert numbers(bench) == [0]
    assert bench.phase() == ("PENDING" if how == 4 else "DONE")


def test_one_change_at_a_time(bench: Bench) -> None:
    bench.act("reboot")
    with pytest.raises(Refusal, match="VM is busy"):
        attach(bench)
    bench.finish()
    attach(bench)
    with pytest.raises(Refusal, match="not available for state HOTPLUG"):
        detach(bench, 0)


# ---- NICs --------------------------------------------------------------------------------------


def add_nic(bench: Bench, text: str) -> None:
    bench.do(lambda tx: nics.attach(tx, ADMIN, 0, text))


def more(bench: Bench) -> None:
    """Another network."""
    text = "NAME=more\nVN_MAD=bridge\nBRIDGE=more0\nAR=[TYPE=IP4,IP=10.1.0.1,SIZE=9]"
    bench.do(lambda tx: networks.allocate(tx, ADMIN, text, -1))


def test_a_nic_comes_and_goes(bench: Bench) -> None:
    more(bench)
    before = bench.vm().template
    add_nic(bench, "NIC=[NETWORK=more]")
    assert (bench.phase(), bench.verbs) == ("HOTPLUG_NIC", ["network.ensure"])
    assert bench.world.leases.vms_of(1) == {0}
    assert [network["bridge"] for network in bench.sent[0].args["networks"]] == ["onebr0", "more0"]
    bench.answer()
    assert [nic["interface"] for nic in bench.sent[0].args["nics"]] == ["one-0-0", "one-0-1"]
    bench.answer()
    assert [nic["target"] for nic in bench.sent[0].args["domain"]["nics"]] == ["one-0-0", "one-0-1"]
    bench.answer()
    assert "ETH1_IP='10.1.0.1'" in bench.sent[0].args["files"]["context.sh"]
    bench.answer()
    vm = bench.vm()
    assert (bench.phase(), vm.nics[1]["NIC_ID"], "ATTACH" in vm.nics[1]) == ("RUNNING", "1", False)
    assert vm.history[0].action == VmAction.NIC_ATTACH
    bench.do(lambda tx: nics.detach(tx, ADMIN, 0, 1))
    assert bench.world.leases.vms_of(1) == {0}
    asked = ["domain.adjust", "context.ensure", "network.guard", "network.release"]
    assert bench.finish() == asked
    assert (bench.vm().template, bench.world.leases.vms_of(1)) == (before, set())
    add_nic(bench, "NIC=[NETWORK=more]")
    assert bench.vm().nics[1]["NIC_ID"] == "2"


@pytest.mark.parametrize("then", ["resume", "undeploy"])
def test_a_host_hears_of_the_last_nic_that_went_while_the_guest_was_off(
    bench: Bench, then: str
) -> None:
    off(bench)
    bench.do(lambda tx: nics.detach(tx, ADMIN, 0, 0))
    assert (bench.phase(), bench.sent, bench.vm().nics) == ("POWEROFF", [], ())
    bench.act(then)
    told = [each for each in bench.sent if each.verb.startswith("network.")]
    if then == "resume":
        assert [(each.verb, each.args["networks"], each.args["nics"]) for each in told] == [
            ("network.ensure", [], [])
        ]
    else:
        assert "network.release" in bench.finish()


def test_a_nic_that_cannot_be_plugged_leaves_no_trace(bench: Bench) -> None:
    more(bench)
    before = bench.vm().template
    add_nic(bench, "NIC=[NETWORK=more]")
    bench.answer()
    bench.answer()
    bench.answer("refused")
    assert bench.verbs == ["domain.adjust"]
    bench.answer()
    assert [nic["interface"] for nic in bench.sent[0].args["nics"]] == ["one-0-0"]
    bench.answer()
    assert bench.sent[0].args["networks"] == [1]
    bench.finish()
    assert (bench.phase(), bench.vm().template) == ("RUNNING", before)
    assert bench.world.leases.vms_of(1) == set()


def test_an_alias_needs_no_device(bench: Bench) -> None:
    before = bench.vm().template
    add_nic(bench, "NIC_ALIAS=[NETWORK=net,PARENT=NIC0]")
    assert (bench.phase(), bench.finish()) == ("HOTPLUG_NIC", ["network.guard", "context.ensure"])
    vm = bench.vm()
    (alias,) = vm.aliases
    assert {name: alias[name] for name in ("NIC_ID", "ALIAS_ID", "PARENT_ID", "NAME", "IP")} == {
        "NIC_ID": "1", "ALIAS_ID": "0", "PARENT_ID": "0", "NAME": "NIC0_ALIAS0", "IP": "10.0.0.2",
    }  # fmt: skip
    assert vm.nics[0]["ALIAS_IDS"] == "1"
    assert vm.history[0].action == VmAction.ALIAS_ATTACH
    bench.do(lambda tx: nics.detach(tx, ADMIN, 0, 1))
    bench.finish()
    assert bench.vm().template == before


def test_aliases_go_with_their_nic(bench: Bench) -> None:
    add_nic(bench, "NIC_ALIAS=[NETWORK=net,PARENT=NIC0]")
    bench.finish()
    bench.do(lambda tx: nics.detach(tx, ADMIN, 0, 0))
    bench.finish()
    vm = bench.vm()
    assert (vm.nics, vm.aliases, bench.world.leases.vms_of(0)) == ((), (), set())
    assert not [name for name in vm.template.vector("CONTEXT") or () if name.startswith("ETH")]


def test_nics_of_a_vm_that_is_off_need_nobody(bench: Bench) -> None:
    off(bench)
    add_nic(bench, "NIC=[NETWORK=net]")
    assert (bench.phase(), bench.sent, len(bench.vm().nics)) == ("POWEROFF", [], 2)
    bench.do(lambda tx: nics.update(tx, ADMIN, 0, 1, "NIC=[METRIC=7]", 1))
    assert (bench.vm().template.vector("CONTEXT") or {})["ETH1_METRIC"] == "7"
    bench.do(lambda tx: nics.detach(tx, ADMIN, 0, 1))
    assert (bench.phase(), bench.sent, len(bench.vm().nics)) == ("POWEROFF", [], 1)
    recorded = [VmAction.NIC_ATTACH, VmAction.NIC_UPDATE, VmAction.NIC_DETACH]
    assert [stay.action for stay in bench.vm().history[:-1]] == recorded


def test_a_guest_is_told_what_changed_of_its_nic(bench: Bench) -> None:
    bench.do(lambda tx: nics.update(tx, ADMIN, 0, 0, "NIC=[METRIC=7,GUEST_MTU=1400]", 1))
    assert (bench.phase(), bench.verbs) == ("HOTPLUG_NIC", ["context.ensure"])
    bench.finish()
    context = bench.vm().template.vector("CONTEXT") or {}
    assert (context["ETH0_METRIC"], context["ETH0_MTU"]) == ("7", "1400")
    bench.do(lambda tx: nics.update(tx, ADMIN, 0, 0, "NIC=[GUEST_MTU=1400]", 0))
    bench.finish()
    assert "ETH0_METRIC" not in (bench.vm().template.vector("CONTEXT") or {})


# ---- sizes and configuration ---------------------------------------------------------------------


def test_a_disk_grows(bench: Bench) -> None:
    bench.do(lambda tx: disks.resize(tx, ADMIN, 0, 0, "20"))
    assert (bench.phase(), bench.verbs) == ("DISK_RESIZE", ["disk.grow"])
    asked = bench.sent[0].args
    assert (asked["size_mib"], asked["disk"]["disk"], asked["disk"]["format"]) == (20, 0, "qcow2")
    assert bench.vm().disks[0]["RESIZE"] == "YES"
    bench.finish()
    disk = bench.vm().disks[0]
    assert (bench.phase(), disk["SIZE"], "RESIZE" in disk) == ("RUNNING", "20", False)
    assert bench.vm().history[0].action == VmAction.DISK_RESIZE
    assert [amounts(bench.vm(), stay)[2] for stay in bench.vm().history] == [9, 20]
    off(bench)
    bench.do(lambda tx: disks.resize(tx, ADMIN, 0, 0, "30"))
    assert bench.phase() == "DISK_RESIZE_POWEROFF"
    bench.answer("refused")
    assert (bench.phase(), bench.vm().disks[0]["SIZE"]) == ("POWEROFF", "20")


def test_cpu_and_memory_of_a_guest_that_runs(bench: Bench) -> None:
    bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=0.5", True))
    assert (bench.phase(), bench.verbs) == ("HOTPLUG_RESIZE", ["domain.resize"])
    assert bench.sent[0].args["cpu_shares"] == 512
    assert bench.world.occupancy.of(0).cpu == 100
    bench.finish()
    assert (bench.phase(), bench.vm().cpu) == ("RUNNING", 0.5)
    assert [amounts(bench.vm(), stay)[0] for stay in bench.vm().history] == [1.0, 0.5]
    assert bench.world.occupancy.of(0).cpu == 50
    bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=2", True))
    assert bench.world.occupancy.of(0).cpu == 200
    bench.answer("refused")
    assert bench.sent[0].args["cpu_shares"] == 512
    bench.finish()
    assert bench.world.occupancy.of(0).cpu == 50
    assert bench.vm().user_template.get("ERROR") == "resize: says refused"


def test_capacity_of_a_vm_that_is_off_needs_nobody(bench: Bench) -> None:
    off(bench)
    bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=2\nMEMORY=256\nVCPU=2", True))
    vm = bench.vm()
    assert (bench.phase(), bench.sent, vm.cpu, vm.memory) == ("POWEROFF", [], 2.0, 256)
    assert vm.history[-2].action == VmAction.RESIZE
    assert [amounts(vm, stay)[:2] for stay in vm.history] == [(1.0, 128), (2.0, 256)]
    before = bench.vm()
    with pytest.raises(Refusal, match="does not fit on host 0 any more: cpu: needed"):
        bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=9", True))
    assert bench.vm() is before
    bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=9", False))


def without_place(bench: Bench, action: str) -> None:
    """The VM has given its place up; its files are still on its host."""
    bench.act(action)
    bench.finish()
    assert (bench.vm().place, bench.vm().kept_on) == (None, 0)


def test_the_disk_of_a_vm_that_is_undeployed_grows_where_it_is_kept(bench: Bench) -> None:
    without_place(bench, "undeploy-hard")
    before = bench.vm().history
    bench.do(lambda tx: disks.resize(tx, ADMIN, 0, 0, "20"))
    assert (bench.phase(), bench.verbs) == ("DISK_RESIZE_UNDEPLOYED", ["disk.grow"])
    assert (bench.sent[0].place, bench.world.occupancy.of(0).cpu) == (0, 0)
    bench.finish()
    assert (bench.phase(), bench.vm().disks[0]["SIZE"]) == ("UNDEPLOYED", "20")
    bench.do(lambda tx: disks.resize(tx, ADMIN, 0, 0, "30"))
    bench.answer("refused")
    assert (bench.phase(), bench.vm().disks[0]["SIZE"]) == ("UNDEPLOYED", "20")
    assert bench.vm().user_template.get("ERROR") == "grow: says refused"
    assert bench.vm().history == before


@pytest.mark.parametrize(("action", "where"), [("stop", "STOPPED"), ("undeploy", "UNDEPLOYED")])
def test_a_disk_is_saved_where_it_is_kept(bench: Bench, action: str, where: str) -> None:
    without_place(bench, action)
    number = bench.do(lambda tx: saving.save_as(tx, ADMIN, 0, 0, "copy", "", -1))
    assert (bench.phase(), bench.verbs) == (f"HOTPLUG_SAVEAS_{where}", ["disk.save"])
    bench.answer(path="/vms/0/saved.1", sha256="0", virtual_mib=9)
    bench.finish()
    assert (bench.phase(), bench.world.images[number].state) == (where, ImageState.READY)


@pytest.mark.parametrize("how", [3, 5])
def test_one_without_a_place_that_is_ended_leaves_no_work_behind(bench: Bench, how: int) -> None:
    without_place(bench, "undeploy")
    bench.do(lambda tx: disks.resize(tx, ADMIN, 0, 0, "20"))
    (asked,) = bench.sent
    bench.recover(how)
    assert (bench.phase(), len(bench.world.operations), bench.vm().kept_on) == ("DONE", 0, -1)
    removed = next(sent for sent in bench.sent if sent.verb == "vm.remove")
    assert removed.args["generation"] > asked.args["generation"]


def test_what_nobody_has_to_be_asked_for_is_changed_without_a_place(bench: Bench) -> None:
    without_place(bench, "undeploy")
    bench.do(lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=20\nMEMORY=256", True))
    bench.do(lambda tx: configuration.update(tx, ADMIN, 0, "CONTEXT=[GREETING=hello]", 1))
    bench.do(lambda tx: nics.update(tx, ADMIN, 0, 0, "NIC=[METRIC=5]", 1))
    vm = bench.vm()
    assert (bench.phase(), bench.sent, vm.cpu, vm.memory) == ("UNDEPLOYED", [], 20.0, 256)
    assert (vm.template.vector("CONTEXT") or {})["GREETING"] == "hello"
    assert vm.nics[0]["METRIC"] == "5"


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: disks.resize(tx, ADMIN, 0, 0, "20"),
        lambda tx: capacity.resize(tx, ADMIN, 0, "CPU=2", True),
        lambda tx: configuration.update(tx, ADMIN, 0, "CONTEXT=[A=1]", 1),
        lambda tx: snapshots.take_of_disk(tx, ADMIN, 0, 0, ""),
    ],
)
def test_what_would_not_fit_the_memory_of_a_stopped_vm_is_refused(
    bench: Bench, change: Callable[[Transaction], object]
) -> None:
    without_place(bench, "stop")
    before = bench.vm()
    with pytest.raises(Refusal, match="not available for state STOPPED"):
        bench.do(change)
    assert bench.vm() is before


def test_a_guest_that_runs_is_shown_its_new_context(bench: Bench) -> None:
    before = bench.vm()
    bench.do(lambda tx: configuration.update(tx, ADMIN, 0, "CONTEXT=[GREETING=$NAME]", 1))
    assert (bench.phase(), bench.verbs) == ("HOTPLUG", ["context.ensure"])
    told = bench.sent[0].args["files"]["context.sh"]
    assert "GREETING='vm'" in told and "ETH0_IP='10.0.0.1'" in told
    bench.finish()
    assert (bench.phase(), bench.vm().history) == ("RUNNING", before.history)
    bench.do(lambda tx: configuration.update(tx, ADMIN, 0, "CONTEXT=[ONLY=this]", 0))
    bench.finish()
    context = bench.vm().template.vector("CONTEXT")
    assert context == {"ONLY": "this", "VMID": "0", "DISK_ID": "1", "TARGET": "hda"}


def test_the_rest_of_a_configuration_counts_from_the_next_start(bench: Bench) -> None:
    identity = (bench.vm().template.vector("OS") or {})["UUID"]
    text = "OS=[BOOT=nic0]\nGRAPHICS=[TYPE=vnc]\nFEATURES=[ACPI=yes]\nNIC=[NETWORK=net]"
    bench.do(lambda tx: configuration.update(tx, ADMIN, 0, text, 1))
    vm = bench.vm()
    assert (bench.phase(), bench.sent, len(vm.nics), vm.nics[0]["ORDER"]) == ("RUNNING", [], 1, "1")
    assert vm.template.vector("OS") == {"BOOT": "nic0", "UUID": identity}
    assert vm.template.vector("FEATURES") == {"ACPI": "YES"}
    bench.do(lambda tx: configuration.update(tx, ADMIN, 0, "OS=[BOOT=disk0]", 0))
    vm = bench.vm()
    assert "ORDER" not in vm.nics[0] and vm.disks[0]["ORDER"] == "1"
    assert vm.template.vector("GRAPHICS") is None
    assert vm.template.vector("CONTEXT") is not None


# ---- snapshots -----------------------------------------------------------------------------------


def take_of_disk(bench: Bench, name: str = "") -> int:
    return bench.do(lambda tx: snapshots.take_of_disk(tx, ADMIN, 0, 0, name))


def tree(bench: Bench) -> tuple[int, list[tuple[int, int]]]:
    """The current snapshot of disk 0, and all with their parents."""
    (of,) = bench.vm().disk_snapshots
    return of.current, [(each.id, each.parent) for each in of.snapshots]


def test_snapshots_of_a_disk(bench: Bench) -> None:
    assert take_of_disk(bench, "first") == 0
    assert (bench.phase(), bench.sent[0].args["tag"]) == ("DISK_SNAPSHOT", "disk-0")
    assert bench.finish() == ["disk.snapshot"]
    assert (bench.phase(), tree(bench)) == ("RUNNING", (0, [(0, -1)]))
    take_of_disk(bench)
    bench.finish()
    take_of_disk(bench)
    bench.finish()
    assert tree(bench) == (2, [(0, -1), (1, 0), (2, 1)])
    bench.do(lambda tx: snapshots.drop_of_disk(tx, ADMIN, 0, 0, 1))
    assert (bench.phase(), bench.finish()) == ("DISK_SNAPSHOT_DELETE", ["disk.forget"])
    assert tree(bench) == (2, [(0, -1), (2, 0)])
    off(bench)
    bench.do(lambda tx: snapshots.revert_disk(tx, ADMIN, 0, 0, 0))
    assert (bench.phase(), bench.finish()) == ("DISK_SNAPSHOT_REVERT_POWEROFF", ["disk.revert"])
    assert (bench.phase(), tree(bench)) == ("POWEROFF", (0, [(0, -1), (2, 0)]))
    assert take_of_disk(bench) == 3
    assert bench.phase() == "DISK_SNAPSHOT_POWEROFF"
    bench.finish()
    assert tree(bench) == (3, [(0, -1), (2, 0), (3, 0)])


def test_a_snapshot_of_a_suspended_vm(bench: Bench) -> None:
    bench.act("suspend")
    bench.finish()
    take_of_disk(bench)
    assert bench.phase() == "DISK_SNAPSHOT_SUSPENDED"
    bench.finish()
    assert (bench.phase(), tree(bench)) == ("SUSPENDED", (0, [(0, -1)]))


def test_a_snapshot_that_fails_leaves_no_trace_and_its_number_is_not_used_again(
    bench: Bench,
) -> None:
    take_of_disk(bench)
    bench.answer("refused")
    assert bench.finish() == ["disk.forget"]
    assert (bench.phase(), tree(bench)) == ("RUNNING", (-1, []))
    assert take_of_disk(bench) == 1


def test_snapshots_go_with_their_disk(bench: Bench) -> None:
    take_of_disk(bench)
    bench.finish()
    detach(bench, 0)
    bench.finish()
    assert bench.vm().disk_snapshots == ()


def test_snapshots_of_a_guest(bench: Bench) -> None:
    def shown() -> list[tuple[str, str | None, str | None]]:
        return [
            (each["SNAPSHOT_ID"], each.get("ACTIVE"), each.get("ACTION"))
            for each in bench.vm().template.vectors("SNAPSHOT")
        ]

    assert bench.do(lambda tx: snapshots.take(tx, ADMIN, 0, "first")) == 0
    assert (bench.phase(), shown()) == ("HOTPLUG_SNAPSHOT", [("0", None, "CREATE")])
    assert bench.finish() == ["domain.snapshot"]
    assert (bench.phase(), shown()) == ("RUNNING", [("0", "YES", None)])
    bench.do(lambda tx: snapshots.take(tx, ADMIN, 0, ""))
    bench.finish()
    assert shown() == [("0", None, None), ("1", "YES", None)]
    bench.do(lambda tx: snapshots.revert(tx, ADMIN, 0, 0))
    bench.answer("failed")
    assert (bench.phase(), shown()) == ("RUNNING", [("0", None, None), ("1", "YES", None)])
    bench.do(lambda tx: snapshots.revert(tx, ADMIN, 0, 0))
    assert bench.finish() == ["domain.revert"]
    assert shown() == [("0", "YES", None), ("1", None, None)]
    off(bench)
    bench.do(lambda tx: snapshots.drop(tx, ADMIN, 0, 0))
    assert (bench.phase(), bench.finish()) == ("HOTPLUG_SNAPSHOT", ["domain.forget"])
    assert (bench.phase(), shown()) == ("POWEROFF", [("1", None, None)])


def test_what_is_made_anew_has_no_snapshots(bench: Bench) -> None:
    take_of_disk(bench)
    bench.finish()
    bench.do(lambda tx: snapshots.take(tx, ADMIN, 0, ""))
    bench.finish()
    bench.recover(4)
    bench.finish()
    vm = bench.vm()
    assert (vm.disk_snapshots, vm.template.vectors("SNAPSHOT")) == ((), ())


# ---- save as -------------------------------------------------------------------------------------


def save(bench: Bench) -> int:
    return bench.do(lambda tx: saving.save_as(tx, ADMIN, 0, 0, "saved", "", -1))


def test_a_disk_becomes_an_image(bench: Bench) -> None:
    number = save(bench)
    assert (bench.phase(), bench.verbs) == ("HOTPLUG_SAVEAS", ["disk.save"])
    assert bench.world.images[number].state is ImageState.LOCKED
    with pytest.raises(Refusal, match="is being saved"):
        bench.do(lambda tx: images.delete(tx, ADMIN, number, True))
    bench.answer(path="/there/saved.1", sha256="abc", virtual_mib=12)
    (asked,) = bench.sent
    into = bench.world.images[number].source
    assert (asked.verb, asked.place) == (BRING, 0)
    assert asked.args["files"] == [{"from": "/there/saved.1", "into": into, "sha256": "abc"}]
    assert bench.finish() == [BRING, "disk.unsave"]
    image = bench.world.images[number]
    assert (bench.phase(), image.state, image.size, image.format) == (
        "RUNNING",
        ImageState.READY,
        12,
        "qcow2",
    )
    assert "SAVING" not in bench.vm().disks[0]
    assert image.template.get("SAVED_VM_ID") == "0"


def test_an_image_that_could_not_be_brought_is_in_error_and_nothing_is_left(bench: Bench) -> None:
    number = save(bench)
    bench.answer(path="/there/saved.1", sha256="abc")
    bench.answer("refused")
    assert [(each.verb, each.place) for each in bench.sent] == [("image.remove", SIMULATED)]
    assert bench.finish() == ["image.remove", "disk.unsave"]
    image = bench.world.images[number]
    assert (bench.phase(), image.state) == ("RUNNING", ImageState.ERROR)
    assert image.template.get("ERROR") == "bring: says refused"


def test_an_image_of_a_vm_that_is_taken_away_is_in_error(bench: Bench) -> None:
    number = save(bench)
    bench.recover(3)
    assert bench.world.images[number].state is ImageState.ERROR


@pytest.mark.parametrize(("how", "shown"), [("poweroff", "_POWEROFF"), ("suspend", "_SUSPENDED")])
def test_a_disk_that_rests_becomes_an_image(bench: Bench, how: str, shown: str) -> None:
    bench.act(how)
    bench.finish()
    rests = bench.phase()
    save(bench)
    assert bench.phase() == f"HOTPLUG_SAVEAS{shown}"
    bench.answer(path="/there/saved.1", sha256="abc")
    bench.finish()
    assert bench.phase() == rests
