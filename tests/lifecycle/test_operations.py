"""Each operation: what it asks for, which phases the VM passes, and what a failure leads to."""

import pytest

from innkeeper.commands import images, vms
from innkeeper.lifecycle.messages import SIMULATED
from innkeeper.lifecycle.operations import deploy
from innkeeper.model.states import ImageState, VmAction
from tests.lifecycle.bench import ADMIN, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def story(bench: Bench) -> list[tuple[str, str]]:
    """Answers everything; each verb with the phase that the VM showed meanwhile."""
    told = []
    while bench.sent:
        told.append((bench.sent[0].verb, bench.phase()))
        bench.answer()
    return told


def off(bench: Bench) -> None:
    bench.running()
    bench.act("poweroff")
    bench.finish()
    bench.now += 50


def suspended(bench: Bench) -> None:
    bench.running()
    bench.act("suspend")
    bench.finish()
    bench.now += 50


# ---- the good way ----------------------------------------------------------------------------------


def test_deploy(bench: Bench) -> None:
    bench.deploying()
    assert story(bench) == [
        ("network.ensure", "PROLOG"),
        ("disk.ensure", "PROLOG"),
        ("context.ensure", "PROLOG"),
        ("domain.ensure", "BOOT"),
    ]
    vm = bench.vm()
    assert (bench.phase(), vm.deploy_id, vm.generation) == ("RUNNING", "one-0", 1)
    (stay,) = vm.history
    assert (stay.host_id, stay.hostname, stay.etime) == (0, "north", 0)
    assert stay.stime and stay.pstime and stay.petime and stay.rstime


@pytest.mark.parametrize(
    ("action", "verb", "recorded"),
    [
        ("poweroff", "domain.shutdown", VmAction.POWEROFF),
        ("poweroff-hard", "domain.destroy", VmAction.POWEROFF_HARD),
    ],
)
def test_poweroff(bench: Bench, action: str, verb: str, recorded: VmAction) -> None:
    bench.running()
    bench.act(action)
    asked = [(verb, "SHUTDOWN_POWEROFF"), ("network.release", "SHUTDOWN_POWEROFF")]
    assert story(bench) == asked
    assert (bench.phase(), bench.vm().deploy_id) == ("POWEROFF", "")
    assert bench.vm().history[-1].action == recorded
    assert bench.world.occupancy.of(0).vms == {0: (100, 128 * 1024, 9)}


def test_suspend(bench: Bench) -> None:
    bench.running()
    bench.act("suspend")
    asked = [("domain.save", "SAVE_SUSPEND"), ("network.release", "SAVE_SUSPEND")]
    assert story(bench) == asked
    assert bench.phase() == "SUSPENDED"


def test_resume_from_poweroff(bench: Bench) -> None:
    off(bench)
    bench.act("resume")
    assert story(bench) == [
        ("network.ensure", "BOOT_POWEROFF"),
        ("context.ensure", "BOOT_POWEROFF"),
        ("domain.ensure", "BOOT_POWEROFF"),
    ]
    assert bench.phase() == "RUNNING"
    assert [record.seq for record in bench.vm().history] == [0, 1]
    assert [bool(record.etime) for record in bench.vm().history] == [True, False]


def test_resume_from_suspended(bench: Bench) -> None:
    suspended(bench)
    bench.act("resume")
    asked = [("network.ensure", "BOOT_SUSPENDED"), ("domain.restore", "BOOT_SUSPENDED")]
    assert story(bench) == asked
    assert bench.phase() == "RUNNING"


def test_resume_from_unknown(bench: Bench) -> None:
    bench.running()
    bench.down()
    bench.act("resume")
    assert [phase for _, phase in story(bench)] == ["BOOT_UNKNOWN"] * 3
    assert bench.phase() == "RUNNING"


@pytest.mark.parametrize(
    ("action", "verb"), [("terminate", "domain.shutdown"), ("terminate-hard", "domain.destroy")]
)
def test_terminate(bench: Bench, action: str, verb: str) -> None:
    bench.running()
    bench.act(action)
    assert story(bench) == [(verb, "SHUTDOWN"), ("vm.remove", "EPILOG")]
    done(bench)


def done(bench: Bench) -> None:
    assert bench.phase() == "DONE"
    assert bench.vm().history[-1].etime
    assert not bench.world.occupancy.of(0).vms
    assert not bench.world.leases.vms_of(0)
    assert not bench.world.image_users.of(bench.image)


@pytest.mark.parametrize("start", [off, suspended])
def test_terminate_what_does_not_run(bench: Bench, start: object) -> None:
    assert callable(start)
    start(bench)
    bench.act("terminate")
    assert story(bench) == [("vm.remove", "EPILOG")]
    done(bench)


@pytest.mark.parametrize(("action", "hard"), [("reboot", False), ("reboot-hard", True)])
def test_reboot(bench: Bench, action: str, hard: bool) -> None:
    bench.running()
    bench.act(action)
    assert bench.sent[0].args["hard"] is hard
    assert story(bench) == [("domain.reboot", "RUNNING")]
    assert bench.phase() == "RUNNING"


def test_delete(bench: Bench) -> None:
    bench.running()
    bench.recover(3)
    assert story(bench) == [("vm.remove", "CLEANUP_DELETE")]
    done(bench)


def test_recreate_and_deploy_elsewhere(bench: Bench) -> None:
    bench.running()
    bench.add_host("south")
    bench.recover(4)
    assert story(bench) == [("vm.remove", "CLEANUP_RESUBMIT")]
    assert bench.phase() == "PENDING"
    before = bench.vm().generation
    south = bench.world.hosts[1]
    bench.do(lambda tx: deploy.begin(tx, bench.vm(), south, tx.world.datastores[0]))
    assert bench.vm().generation > before
    bench.finish()
    assert [stay.hostname for stay in bench.vm().history] == ["north", "south"]
    assert bench.world.occupancy.of(1).vms.keys() == {0}
    assert not bench.world.occupancy.of(0).vms


# ---- failures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "to"),
    [
        ("poweroff", "RUNNING"),
        ("suspend", "RUNNING"),
        ("terminate", "RUNNING"),
        ("reboot", "RUNNING"),
    ],
)
def test_a_guest_that_does_not_stop_goes_on(bench: Bench, action: str, to: str) -> None:
    bench.running()
    bench.act(action)
    bench.answer("refused")
    assert (bench.phase(), bench.sent) == (to, [])
    assert bench.vm().user_template.get("ERROR")


@pytest.mark.parametrize("action", ["poweroff", "suspend"])
def test_a_bridge_that_stays_does_not_keep_a_guest_from_having_stopped(
    bench: Bench, action: str
) -> None:
    bench.running()
    bench.act(action)
    bench.answer()
    bench.answer("refused")
    assert bench.phase() == {"poweroff": "POWEROFF", "suspend": "SUSPENDED"}[action]


@pytest.mark.parametrize(("failing", "undone"), [(0, []), (1, []), (2, ["domain.destroy"])])
def test_a_boot_that_fails_leads_back_and_keeps_its_bridges(
    bench: Bench, failing: int, undone: list[str]
) -> None:
    off(bench)
    bench.act("resume")
    for _ in range(failing):
        bench.answer()
    bench.answer("refused")
    assert bench.finish() == undone
    assert bench.phase() == "POWEROFF"


def test_a_restore_that_fails_leads_back(bench: Bench) -> None:
    suspended(bench)
    bench.act("resume")
    bench.answer()
    bench.answer("refused")
    assert (bench.phase(), bench.sent) == ("SUSPENDED", [])


def test_what_cannot_be_removed_is_kept_and_can_be_tried_again(bench: Bench) -> None:
    bench.running()
    bench.act("terminate")
    bench.answer()
    bench.answer("refused")
    assert bench.phase() == "EPILOG_FAILURE"
    assert bench.world.leases.vms_of(0) == {0}
    bench.recover(2)
    assert story(bench) == [("vm.remove", "EPILOG")]
    done(bench)


# ---- images --------------------------------------------------------------------------------------------


def register(bench: Bench, text: str = "NAME=new\nSIZE=50") -> int:
    return bench.do(lambda tx: images.allocate(tx, ADMIN, text, 1, False, ("/images",)))


def state(bench: Bench, image: int) -> str:
    return bench.world.images[image].state.name


def test_an_image_is_brought_in(bench: Bench) -> None:
    image = register(bench, "NAME=new\nPATH=/images/x.qcow2")
    assert state(bench, image) == "LOCKED"
    (asked,) = bench.sent
    assert (asked.place, asked.verb, asked.args["path"]) == (
        SIMULATED, "image.import", "/images/x.qcow2",
    )  # fmt: skip
    bench.answer(format="qcow2", virtual_mib=2048, sha256="abc")
    made = bench.world.images[image]
    assert (made.state, made.size, made.format, made.checksum) == (
        ImageState.READY, 2048, "qcow2", "abc",
    )  # fmt: skip


def test_an_image_that_cannot_be_brought_in_leaves_nothing(bench: Bench) -> None:
    image = register(bench)
    bench.answer("refused")
    assert bench.finish() == ["image.remove"]
    assert state(bench, image) == "ERROR"
    assert "says refused" in (bench.world.images[image].template.get("ERROR") or "")


def test_an_image_is_copied(bench: Bench) -> None:
    copy = bench.do(lambda tx: images.clone(tx, ADMIN, bench.image, "copy", -1))
    (asked,) = bench.sent
    assert asked.args["from"] == bench.world.images[bench.image].source
    assert asked.args["into"] == bench.world.images[copy].source
    bench.finish()
    assert state(bench, copy) == "READY"


def test_an_image_goes_with_its_file(bench: Bench) -> None:
    bench.do(lambda tx: images.delete(tx, ADMIN, bench.image, False))
    assert state(bench, bench.image) == "DELETE"
    assert bench.finish() == ["image.remove"]
    assert bench.image not in bench.world.images


def test_an_image_whose_file_cannot_be_removed_is_kept(bench: Bench) -> None:
    bench.do(lambda tx: images.delete(tx, ADMIN, bench.image, False))
    bench.answer("refused")
    assert state(bench, bench.image) == "ERROR"
    bench.do(lambda tx: images.delete(tx, ADMIN, bench.image, False))
    bench.finish()
    assert bench.image not in bench.world.images


def test_an_import_gives_way_to_a_deletion(bench: Bench) -> None:
    image = register(bench)
    late = bench.sent.pop()
    bench.do(lambda tx: images.delete(tx, ADMIN, image, True))
    bench.reply(late, format="raw")
    assert state(bench, image) == "DELETE"
    bench.finish()
    bench.reply(late, format="raw")
    assert image not in bench.world.images


def waits_for(bench: Bench, image: int, *, hold: bool = False) -> int:
    text = f"CPU=1\nMEMORY=64\nDISK=[IMAGE_ID={image}]"
    return bench.do(lambda tx: vms.allocate(tx, ADMIN, text, hold))


@pytest.mark.parametrize(("hold", "phase"), [(False, "PENDING"), (True, "HOLD")])
def test_a_vm_that_waits_for_its_image_goes_on(bench: Bench, hold: bool, phase: str) -> None:
    image = register(bench)
    number = waits_for(bench, image, hold=hold)
    assert bench.phase(number) == "CLONING"
    bench.answer(format="qcow2", virtual_mib=77)
    assert bench.phase(number) == phase
    (disk,) = bench.vm(number).disks
    assert (disk["FORMAT"], disk["SIZE"], "CLONING" in disk) == ("qcow2", "77", False)


def test_a_vm_whose_image_fails_fails_too(bench: Bench) -> None:
    image = register(bench)
    number = waits_for(bench, image)
    bench.answer("refused")
    bench.finish()
    assert bench.phase(number) == "CLONING_FAILURE"
    bench.act("terminate", number)
    assert bench.phase(number) == "DONE"


def test_a_vm_waits_for_all_of_its_images(bench: Bench) -> None:
    first, second = register(bench), register(bench, "NAME=other\nSIZE=50")
    text = f"CPU=1\nMEMORY=64\nDISK=[IMAGE_ID={first}]\nDISK=[IMAGE_ID={second}]"
    number = bench.do(lambda tx: vms.allocate(tx, ADMIN, text, True))
    bench.answer()
    assert bench.phase(number) == "CLONING"
    bench.answer()
    assert bench.phase(number) == "HOLD"
