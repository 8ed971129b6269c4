"""Virtual routers: their NICs, their VMs, their floating addresses, and how they end."""

import pytest

from innkeeper.commands import disks, networks, nics, templates, vms, vrouters
from innkeeper.lifecycle import guarding
from innkeeper.model.errors import Code
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Vm
from innkeeper.sim.invariants import contents
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

OUT = "NAME=out\nVN_MAD=bridge\nGATEWAY=10.0.0.254\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=9]"
IN = "NAME=in\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.9.0.1,SIZE=9]"
ROUTER = (
    "NAME=edge\nKEEPALIVED_PASSWORD=secret\nNIC=[NETWORK=out]\n"
    "NIC=[NETWORK=in,FLOATING_IP=YES,IP=10.9.0.7]"
)
TEMPLATE = "NAME=tiny\nCPU=1\nMEMORY=128\nVROUTER=YES\nNIC=[NETWORK=gone]\nCONTEXT=[NETWORK=YES]"


class Place(Realm):
    """A realm with two networks and a template for routers."""

    def __init__(self) -> None:
        super().__init__()
        self.network(OUT)
        self.network(IN)
        self.do(lambda tx: templates.allocate(tx, ADMIN, TEMPLATE))

    def router(self, text: str = ROUTER) -> int:
        return self.do(lambda tx: vrouters.allocate(tx, ADMIN, text))

    def with_vms(self, count: int = 2, *, running: bool = False) -> int:
        number = self.router()
        self.instantiate(number, count, hold=not running)
        if running:
            host = self.host()
            for vm in list(self.world.vms):
                self.do(lambda tx, n=vm.id: vms.deploy_on(tx, ADMIN, n, host, False, -1))
            self.finish()
        return number

    def instantiate(
        self, number: int, count: int = 1, template: int = 0, *, hold: bool = True
    ) -> int:
        return self.do(
            lambda tx: vrouters.instantiate(tx, ADMIN, number, count, template, "", hold, "")
        )

    def record(self, number: int = 0) -> VRouter:
        found: VRouter = self.world.tables[VRouter.KIND][number]
        return found

    def leased(self, network: int) -> list[str]:
        return sorted(f"10.{9 * network}.0.{mac & 255}" for mac in self.world.leases.of(network, 0))


def context(vm: Vm) -> dict[str, str]:
    return vm.template.vector("CONTEXT") or {}


def test_a_floating_nic_has_an_address_of_its_own_and_others_have_none() -> None:
    place = Place()
    number = place.router()
    router = place.record(number)
    assert [(nic["NIC_ID"], nic["NETWORK_ID"], nic.get("IP")) for nic in router.nics] == [
        ("0", "0", None), ("1", "1", "10.9.0.7"),
    ]  # fmt: skip
    assert place.leased(0) == [] and place.leased(1) == ["10.9.0.7"]
    assert place.world.leases.routers_of(1) == {number} and not place.world.leases.vms_of(1)
    taken = "NAME=x\nNIC=[NETWORK=in,FLOATING_IP=YES,IP=10.9.0.7]"
    said = place.refused(Code.ALLOCATE, lambda tx: vrouters.allocate(tx, ADMIN, taken))
    assert "IP 10.9.0.7 of network 1 is not free" in said
    said = place.refused(Code.ACTION, lambda tx: networks.delete(tx, ADMIN, 1))
    assert "has leases of virtual routers: [0]" in said


def test_its_vms_have_nics_like_its_own_and_know_of_one_another() -> None:
    place = Place()
    number = place.with_vms(2)
    first, second = place.world.vms
    assert [vm.name for vm in (first, second)] == ["vr-edge-0", "vr-edge-1"]
    assert place.world.router_vms.of(number) == {0: None, 1: None}
    assert [nic["IP"] for nic in first.nics] == ["10.0.0.1", "10.9.0.1"]
    assert [nic["IP"] for nic in second.nics] == ["10.0.0.2", "10.9.0.2"]
    for vm in (first, second):
        assert vm.template.get("VROUTER_ID") == str(number)
        assert (vm.nics[1]["VROUTER_IP"], vm.nics[1]["VROUTER_MAC"]) == (
            "10.9.0.7",
            "02:00:0a:09:00:07",
        )
        told = context(vm)
        assert told["ETH1_VROUTER_IP"] == "10.9.0.7" and "ETH0_VROUTER_IP" not in told
        assert (told["VROUTER_ID"], told["VROUTER_KEEPALIVED_ID"]) == ("0", "1")
        assert told["VROUTER_KEEPALIVED_PASSWORD"] == "secret"
        # Each may speak from the floating address: whoever is the active one does.
        assert "10.9.0.7" in guarding.nics(place.world, vm)[1]["addresses"]
    assert place.leased(1) == ["10.9.0.1", "10.9.0.2", "10.9.0.7"]


def test_of_a_floating_only_nic_a_vm_is_not_told_its_own_address() -> None:
    place = Place()
    number = place.router("NAME=edge\nNIC=[NETWORK=in,FLOATING_ONLY=YES]")
    place.instantiate(number)
    [nic] = place.world.vms[0].nics
    assert "IP" not in nic and nic["VROUTER_IP"] == "10.9.0.1" and nic["MAC"] == "02:00:0a:09:00:02"
    assert "ETH0_IP" not in context(place.world.vms[0])
    assert len(place.world.leases.of(1, 0)) == 2


def test_nobody_says_of_himself_that_he_is_a_router() -> None:
    place = Place()
    place.router()
    text = "CPU=1\nMEMORY=128\nVROUTER_ID=0\nNIC=[NETWORK=in,VROUTER_IP=10.9.0.7]"
    vm = place.vm(text)
    assert "VROUTER_ID" not in vm.template and "VROUTER_IP" not in vm.nics[0]
    assert "10.9.0.7" not in guarding.nics(place.world, vm)[0]["addresses"]


def test_which_templates_make_routers() -> None:
    place = Place()
    number = place.router()
    said = place.refused(Code.ACTION, lambda tx: templates.instantiate(tx, ADMIN, 0, "", False, ""))
    assert "is for virtual routers (VROUTER=YES)" in said
    place.do(lambda tx: templates.allocate(tx, ADMIN, "NAME=plain\nCPU=1\nMEMORY=128"))

    def refused(template: int, count: int = 1, code: Code = Code.ACTION) -> str:
        return place.refused(
            code,
            lambda tx: vrouters.instantiate(tx, ADMIN, number, count, template, "", False, ""),
        )

    assert "Template 1 is not for virtual routers" in refused(1)
    assert "has no TEMPLATE_ID" in refused(-1)
    assert "template [99]" in refused(99, code=Code.NO_EXISTS)
    assert "must be from 1 to 64, not 0" in refused(0, 0, Code.INTERNAL)
    assert "has no free address" in refused(0, 9, Code.INTERNAL)
    place.do(lambda tx: vrouters.update(tx, ADMIN, number, "TEMPLATE_ID=0\nNIC=[NETWORK=in]", 1))
    assert len(place.record(number).nics) == 2
    place.instantiate(number, template=-1)
    assert len(place.world.vms) == 1


def test_nics_come_and_go_with_all_vms() -> None:
    place = Place()
    number = place.with_vms(2, running=True)
    place.do(lambda tx: vrouters.attach_nic(tx, ADMIN, number, "NIC=[NETWORK=out,FLOATING_IP=YES]"))
    place.finish()
    for vm in place.world.vms:
        assert vm.running and vm.nics[2]["VROUTER_IP"] == "10.0.0.3"
        assert context(vm)["ETH2_VROUTER_IP"] == "10.0.0.3"
    place.do(lambda tx: vrouters.detach_nic(tx, ADMIN, number, 1))
    place.finish()
    assert [[nic["NIC_ID"] for nic in vm.nics] for vm in place.world.vms] == [
        ["0", "2"],
        ["0", "2"],
    ]
    assert place.leased(1) == []
    place.instantiate(number)  # numbers of its NICs may differ: they are known by the router's
    assert [nic["NIC_ID"] for nic in place.world.vms[2].nics] == ["0", "1"]
    said = place.refused(Code.ACTION, lambda tx: vrouters.detach_nic(tx, ADMIN, number, 1))
    assert "has no NIC 1 (it has: 0, 2)" in said
    # One of them cannot change now: then none does.
    place.refused(Code.ACTION, lambda tx: vrouters.detach_nic(tx, ADMIN, number, 2))


def test_what_its_vms_are_not_asked_by_themselves() -> None:
    place = Place()
    place.with_vms(1, running=True)
    for change in (
        lambda tx: nics.attach(tx, ADMIN, 0, "NIC=[NETWORK=in]"),
        lambda tx: nics.detach(tx, ADMIN, 0, 0),
        lambda tx: disks.attach(tx, ADMIN, 0, "DISK=[TYPE=fs,SIZE=1]"),
    ):
        assert "virtual router" in place.refused(Code.ACTION, change)


def test_it_ends_with_the_last_of_its_vms() -> None:
    place = Place()
    number = place.with_vms(2, running=True)
    place.do(lambda tx: vrouters.delete(tx, ADMIN, number))
    assert place.record(number).ending and place.leased(1) != []
    said = place.refused(
        Code.ACTION, lambda tx: vrouters.instantiate(tx, ADMIN, number, 1, 0, "", False, "")
    )
    assert "ends with the last of its VMs" in said
    place.do(lambda tx: vrouters.delete(tx, ADMIN, number))  # asked once more
    place.finish()
    assert number not in place.world.tables[VRouter.KIND]
    assert place.leased(0) == [] and place.leased(1) == []
    assert not contents(place.world)["leases"]


@pytest.mark.parametrize("running", [False, True])
def test_one_without_vms_ends_at_once(running: bool) -> None:
    place = Place()
    number = place.with_vms(2, running=running)
    for vm in (0, 1):
        place.do(lambda tx, n=vm: vms.act(tx, ADMIN, "terminate-hard", n))
    place.finish()
    assert number in place.world.tables[VRouter.KIND]
    place.do(lambda tx: vrouters.delete(tx, ADMIN, number))
    assert number not in place.world.tables[VRouter.KIND] and place.leased(1) == []


def test_rights_go_with_it() -> None:
    place = Place()
    number = place.with_vms(1)
    place.do(lambda tx: vrouters.chown(tx, ADMIN, number, ALICE.uid, ALICE.gid))
    place.do(lambda tx: vrouters.chmod(tx, ADMIN, number, (-1, -1, -1, 1, -1, -1, -1, -1, -1)))
    assert (place.world.vms[0].uid, place.world.vms[0].permissions & 0o40) == (ALICE.uid, 0o40)
    for change in (
        lambda tx: vrouters.delete(tx, BOB, number),
        lambda tx: vrouters.attach_nic(tx, BOB, number, "NIC=[NETWORK=in]"),
        lambda tx: vrouters.allocate(tx, BOB, "NAME=x\nNIC=[NETWORK=in]"),
    ):
        place.refused(Code.AUTHORIZATION, change)
