"""`one.vm.*`: states, bad arguments, rights of single operations."""

import pytest

from innkeeper.model.errors import Code
from innkeeper.model.states import VmState
from tests.api.xmlrpc.cloud import ALICE, BOB, VM, Cloud


def state(cloud: Cloud, number: int) -> str:
    vm = cloud.world.vms[number]
    return vm.lcm_state.name if vm.state is VmState.ACTIVE else vm.state.name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CPU = 1", "MEMORY"),
        ("CPU = x\nMEMORY = 1", "CPU"),
        ("CPU = 1\nMEMORY = -1", "MEMORY"),
        ("CPU = 1\nMEMORY = 128\nVCPU = 0", "VCPU"),
        ("CPU = 1\nMEMORY = 128\nNAME = \"a;b\"", "name"),
        ("CPU = [", "Parse error"),
        ("<VM><CPU>1</CPU>", "Parse error"),
        ("", "CPU"),
        ("CPU = 1\nMEMORY = 1\nDISK = [ TYPE = fs ]", "SIZE"),
        ("CPU = 1\nMEMORY = 1\nSCHED_REQUIREMENTS = \"((\"", "SCHED_REQUIREMENTS"),
    ],
)  # fmt: skip
def test_templates_that_make_no_vm(cloud: Cloud, text: str, says: str) -> None:
    assert says in cloud.refused(Code.INTERNAL, "one.vm.allocate", text)


def test_a_template_in_xml(cloud: Cloud) -> None:
    number = cloud.do("one.vm.allocate", "<T><NAME>x</NAME><CPU>1</CPU><MEMORY>64</MEMORY></T>")
    assert cloud.xml("one.vm.info", number).findtext("NAME") == "x"


def test_what_only_administrators_may_set(cloud: Cloud) -> None:
    text = f"{VM}\nRAW = [ TYPE = kvm, DATA = \"<x/>\" ]"  # fmt: skip
    cloud.refused(Code.AUTHORIZATION, "one.vm.allocate", text, session=ALICE)
    cloud.do("one.vm.allocate", text)


def test_hold_at_birth_and_release(cloud: Cloud) -> None:
    number = cloud.do("one.vm.allocate", VM, True)
    assert state(cloud, number) == "HOLD"
    cloud.do("one.vm.action", "release", number)
    assert state(cloud, number) == "PENDING"


def test_the_life_of_a_vm(cloud: Cloud) -> None:
    number = cloud.add_running()
    story = []
    for action in (
        "suspend",
        "resume",
        "poweroff",
        "resume",
        "reboot",
        "poweroff-hard",
        "terminate",
    ):
        assert cloud.do("one.vm.action", action, number) == number
        cloud.settle()
        story.append(state(cloud, number))
    assert story == [
        "SUSPENDED", "RUNNING", "POWEROFF", "RUNNING", "RUNNING", "POWEROFF", "DONE",
    ]  # fmt: skip


@pytest.mark.parametrize("action", ["hold", "suspend", "poweroff", "reboot", "resume", "release"])
def test_actions_in_the_wrong_state(cloud: Cloud, action: str) -> None:
    number = cloud.add_vm()
    cloud.do("one.vm.action", "terminate", number)
    text = cloud.refused(Code.ACTION, "one.vm.action", action, number)
    assert f'Error performing action "{action}"' in text
    assert "DONE" in text


@pytest.mark.parametrize("action", ["", "fly", "TERMINATE", "terminate\n", "x" * 10_000])
def test_actions_that_are_none(cloud: Cloud, action: str) -> None:
    number = cloud.add_vm()
    assert "not supported" in cloud.refused(Code.ACTION, "one.vm.action", action, number)


def test_a_busy_vm_takes_no_other_action(cloud: Cloud) -> None:
    number = cloud.add_running()
    cloud.do("one.vm.action", "suspend", number)
    cloud.refused(Code.ACTION, "one.vm.action", "suspend", number)
    cloud.settle()
    assert state(cloud, number) == "SUSPENDED"


def test_owners_manage_and_do_not_administer(cloud: Cloud) -> None:
    host = cloud.add_host()
    number = cloud.add_vm(session=ALICE)
    cloud.do("one.vm.action", "hold", number, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.vm.deploy", number, host, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.vm.recover", number, 3, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.vm.action", "release", number, session=BOB)


def test_deploying_where_it_cannot_be(cloud: Cloud) -> None:
    number = cloud.add_vm()
    down = cloud.do("one.host.allocate", "down", "dummy", "dummy", -1)
    up = cloud.add_host("up")
    assert "INIT" in cloud.refused(Code.ACTION, "one.vm.deploy", number, down)
    cloud.refused(Code.ACTION, "one.vm.deploy", number, up, False, 1)  # no system datastore
    cloud.refused(Code.NO_EXISTS, "one.vm.deploy", number, up, False, 77)
    cloud.refused(Code.ACTION, "one.vm.deploy", number, up, False, -1, "NIC = [ NETWORK_ID = 0 ]")
    large = cloud.add_vm(f"{VM}\nVCPU = 1".replace("CPU = 0.5", "CPU = 9"))
    assert "does not fit" in cloud.refused(Code.ACTION, "one.vm.deploy", large, up, True)
    cloud.do("one.vm.deploy", number, up, True, 0, "")
    cloud.settle()
    cloud.refused(Code.ACTION, "one.vm.deploy", number, up)


def test_recover_knows_six_ways(cloud: Cloud) -> None:
    number = cloud.add_vm()
    for how in (-1, 6, 2**31 - 1):
        cloud.refused(Code.ACTION, "one.vm.recover", number, how)
    cloud.refused(Code.ACTION, "one.vm.recover", number, 0)
    cloud.do("one.vm.recover", number, 5)
    assert state(cloud, number) == "DONE"


def test_updates_merge_or_replace(cloud: Cloud) -> None:
    number = cloud.add_vm(f"{VM}\nA = 1\nB = 2")

    def template() -> dict[str, str | None]:
        found = cloud.xml("one.vm.info", number).find("USER_TEMPLATE")
        return {child.tag: child.text for child in found or ()}

    assert template() == {"A": "1", "B": "2"}
    cloud.do("one.vm.update", number, "B = 3", 1)
    assert template() == {"A": "1", "B": "3"}
    cloud.do("one.vm.update", number, "B = 4")
    assert template() == {"B": "4"}
    for append in (-1, 2):
        cloud.refused(Code.BAD_ARGUMENT, "one.vm.update", number, "B = 5", append)
    cloud.refused(Code.INTERNAL, "one.vm.update", number, "= 5", 1)


def test_names(cloud: Cloud) -> None:
    first, second = cloud.add_vm(), cloud.add_vm()
    cloud.do("one.vm.rename", second, "same")
    cloud.do("one.vm.rename", first, "same")
    for name in ("", "a/b", "x" * 129, "tab\there"):
        cloud.refused(Code.INTERNAL, "one.vm.rename", first, name)


def test_bits_are_set_cleared_and_kept(cloud: Cloud) -> None:
    number = cloud.add_vm(session=ALICE)
    cloud.do("one.vm.chmod", number, -1, -1, -1, 1, -1, -1, 1, 0, -1, session=ALICE)
    assert cloud.world.vms[number].permissions == 0o644
    cloud.do("one.vm.info", number, session=BOB)
    cloud.refused(
        Code.AUTHORIZATION, "one.vm.chmod", number, -1, -1, 1, -1, -1, -1, -1, -1, -1, session=ALICE
    )
    for bad in (2, -2):
        cloud.refused(Code.INTERNAL, "one.vm.chmod", number, *[bad] * 9)


def test_owners_change(cloud: Cloud) -> None:
    number = cloud.add_vm(session=ALICE)
    cloud.do("one.vm.chown", number, 3, -1)
    assert (cloud.world.vms[number].uid, cloud.world.vms[number].gid) == (3, 1)
    cloud.refused(Code.NO_EXISTS, "one.vm.chown", number, 77, -1)
    cloud.refused(Code.NO_EXISTS, "one.vm.chown", number, -1, 77)
    cloud.refused(Code.AUTHORIZATION, "one.vm.chown", number, 2, -1, session=ALICE)
    cloud.do("one.vm.action", "terminate", number)
    cloud.refused(Code.ACTION, "one.vm.chown", number, 2, -1)


def test_the_right_to_use_is_enough_to_see_samples(cloud: Cloud) -> None:
    number = cloud.add_vm(session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.vm.monitoring", number, session=BOB)
    cloud.do("one.vm.chmod", number, -1, -1, -1, 1, -1, -1, -1, -1, -1)
    cloud.do("one.vm.monitoring", number, session=BOB)


def test_images_that_cannot_be_used(cloud: Cloud) -> None:
    mine = cloud.add_image(session=ALICE)
    text = f"{VM}\nDISK = [ IMAGE_ID = {mine} ]"
    cloud.refused(Code.AUTHORIZATION, "one.vm.allocate", text, session=BOB)
    cloud.do("one.image.enable", mine, False, session=ALICE)
    cloud.refused(Code.ACTION, "one.vm.allocate", text, session=ALICE)
    cloud.refused(Code.NO_EXISTS, "one.vm.allocate", text.replace(f"= {mine}", "= 77"))


# ---- locks ------------------------------------------------------------------------------------


def test_a_lock_binds_everyone_until_it_is_gone(cloud: Cloud) -> None:
    number = cloud.add_vm(session=ALICE)
    cloud.do("one.vm.lock", number, 4, False, session=ALICE)
    for session in (ALICE, "oneadmin:secret"):
        text = cloud.refused(
            Code.AUTHORIZATION, "one.vm.action", "terminate", number, session=session
        )
        assert "locked" in text
        cloud.do("one.vm.info", number, session=session)
    cloud.do("one.vm.unlock", number, session=ALICE)
    cloud.do("one.vm.action", "terminate", number, session=ALICE)


def test_a_lock_for_managers_leaves_use(cloud: Cloud) -> None:
    image = cloud.add_image(session=ALICE)
    cloud.do("one.image.lock", image, 2, False, session=ALICE)
    cloud.add_vm(f"{VM}\nDISK=[IMAGE_ID={image}]", session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.image.rename", image, "x", session=ALICE)


def test_locks_of_others(cloud: Cloud) -> None:
    number = cloud.add_vm(session=ALICE)
    cloud.do("one.vm.lock", number, 3, False)
    assert "Cannot unlock" in cloud.refused(Code.ACTION, "one.vm.unlock", number, session=ALICE)
    cloud.refused(Code.ACTION, "one.vm.lock", number, 1, False, session=ALICE)
    cloud.do("one.vm.unlock", number)
    cloud.do("one.vm.unlock", number)


def test_a_test_of_a_lock_locks_nothing(cloud: Cloud) -> None:
    number = cloud.add_vm()
    cloud.do("one.vm.lock", number, 1, True)
    assert cloud.world.vms[number].lock is None
    cloud.do("one.vm.lock", number, 1, False)
    cloud.refused(Code.ACTION, "one.vm.lock", number, 1, True)
    for level in (0, 5, -1):
        cloud.refused(Code.ACTION, "one.vm.lock", number, level, False)


def test_scheduled_actions_are_in_the_documents_where_opennebula_has_them(cloud: Cloud) -> None:
    line = "SCHED_ACTION = [ ACTION = {}, TIME = +{}, REPEAT = 3, DAYS = 24 ]"
    number = cloud.do("one.vm.allocate", f"{VM}\n{line.format('hold', 3600)}")
    second = cloud.do("one.vm.schedadd", number, line.format("terminate", 7200))
    vm = cloud.xml("one.vm.info", number)
    listed = [entry.text for entry in vm.findall("SCHED_ACTIONS/ID")]
    assert listed == [str(second - 1), str(second)]
    found = vm.findall("TEMPLATE/SCHED_ACTION")
    assert [entry.findtext("ACTION") for entry in found] == ["hold", "terminate"]
    assert list(vm.find("TEMPLATE"))[-1].tag == "SCHED_ACTION"
    start = int(vm.findtext("STIME"))
    shown = {entry.tag: entry.text for entry in found[1]}
    assert (shown["TIME"], shown["DONE"], shown["DAYS"]) == (str(start + 7200), "-1", "24")
    assert (shown["PARENT_ID"], shown["TYPE"]) == (str(number), "VM")
    pool = cloud.xml("one.vmpool.infoextended", -2, -1, -1, -1)
    assert pool.findall("VM/SCHED_ACTIONS/ID") and not pool.findall("VM/TEMPLATE/SCHED_ACTION")
    cloud.do("one.vm.scheddelete", number, second)
    assert len(cloud.xml("one.vm.info", number).findall("TEMPLATE/SCHED_ACTION")) == 1
    cloud.refused(Code.NO_EXISTS, "one.vm.scheddelete", number, second)
    cloud.refused(
        Code.AUTHORIZATION, "one.vm.schedadd", number, line.format("hold", 1), session=BOB
    )
    cloud.do("one.vm.action", "terminate-hard", number)
    cloud.refused(Code.INTERNAL, "one.vm.schedadd", number, line.format("hold", 1))
