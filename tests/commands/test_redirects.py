"""Redirects as records: who may have which, and what ends them."""

import math

import pytest

from innkeeper.commands import nics, redirects, vms
from innkeeper.commands.redirects import MOST, Limits, Wish, outlived
from innkeeper.model.errors import Code
from innkeeper.model.objects import Redirect, Vm
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

TEXT = "CPU=1\nMEMORY=128\nNIC=[NETWORK_ID=0]"
LIMITS = Limits(first=20000, last=20003, longest=3600.0, addresses=("127.0.0.1", "::1"))


class Place(Realm):
    """A realm with alice's running VM in a network."""

    def __init__(self) -> None:
        super().__init__()
        self.network()
        self.do(lambda tx: tx.change(tx.world.networks[0], permissions=0o666))
        self.number = self.running(TEXT, ALICE).id

    @property
    def the_vm(self) -> Vm:
        return self.world.vms[self.number]

    def add(self, caller: Caller = ALICE, limits: Limits = LIMITS, **wish: object) -> Redirect:
        wanted = Wish(**{"to": 22, "seconds": 60.0, **wish})  # type: ignore[arg-type]
        return self.do(lambda tx: redirects.add(tx, caller, self.number, wanted, limits))

    def not_added(
        self, code: Code, caller: Caller = ALICE, limits: Limits = LIMITS, **wish: object
    ) -> str:
        wanted = Wish(**{"to": 22, "seconds": 60.0, **wish})  # type: ignore[arg-type]
        return self.refused(code, lambda tx: redirects.add(tx, caller, self.number, wanted, limits))


def test_ports_are_chosen_and_no_two_are_the_same() -> None:
    place = Place()
    first, second = place.add(), place.add(to=80, address="::1")
    assert (first.port, first.address, first.nic, first.to) == (20000, "127.0.0.1", 0, 22)
    assert (second.port, second.address) == (20001, "::1")
    assert place.add(port=20003).until == place.clock.now + 60
    assert place.world.redirects.ports == {20000: (0, 0), 20001: (0, 1), 20003: (0, 2)}
    assert "Port 20003 leads to another VM already" in place.not_added(Code.ACTION, port=20003)
    assert place.add().port == 20002
    assert "No port from 20000 to 20003 is free" in place.not_added(Code.ACTION)
    place.do(lambda tx: redirects.remove(tx, ALICE, 0, second.id))
    assert place.add().port == 20001


def test_ports_that_others_have_are_passed_over() -> None:
    place, wish = Place(), Wish(to=22)
    limits = Limits(first=20000, last=20003)
    made = place.do(lambda tx: redirects.add(tx, ALICE, 0, wish, limits, {20000, 20001}))
    assert made.port == 20002


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"to": 0}, "to must be from 1 to 65535, not 0"),
        ({"to": 70000}, "to must be from 1 to 65535"),
        ({"seconds": 0}, "seconds must be from 1 to 3600, not 0"),
        ({"seconds": 3601}, "seconds must be from 1 to 3600, not 3601"),
        ({"seconds": math.nan}, "seconds must be from 1 to 3600, not nan"),
        ({"port": 80}, "port must be from 20000 to 20003, not 80"),
        ({"address": "0.0.0.0"}, "address must be one of 127.0.0.1, ::1, not '0.0.0.0'"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(wish: dict[str, object], said: str) -> None:
    assert said in Place().not_added(Code.BAD_ARGUMENT, **wish)


def test_only_nics_that_are_there() -> None:
    assert "has no NIC 7 (it has: 0)" in Place().not_added(Code.ACTION, nic=7)
    bare = Place()
    bare.number = bare.vm(caller=ALICE).id
    assert "has no NIC 0 (it has: none)" in bare.not_added(Code.ACTION)


def test_who_may() -> None:
    place = Place()
    assert "Not authorized to perform MANAGE VM [0]" in place.not_added(Code.AUTHORIZATION, BOB)
    admins = Limits(who="administrators")
    assert "redirects.who is administrators" in place.not_added(Code.AUTHORIZATION, ALICE, admins)
    made = place.add(ADMIN, admins)
    assert "who is nobody" in place.not_added(Code.AUTHORIZATION, ADMIN, Limits(who="nobody"))
    place.refused(Code.AUTHORIZATION, lambda tx: redirects.remove(tx, BOB, 0, made.id))
    text = place.refused(Code.NO_EXISTS, lambda tx: redirects.remove(tx, ALICE, 0, 99))
    assert "redirect [99] of virtual machine [0]" in text


def test_a_vm_has_so_many_at_most() -> None:
    place = Place()
    for _ in range(MOST):
        place.add(limits=Limits())
    assert f"has {MOST} redirects already" in place.not_added(Code.ACTION, limits=Limits())


def test_it_ends_with_its_vm() -> None:
    place = Place()
    place.add()
    place.do(lambda tx: vms.act(tx, ALICE, "terminate-hard", 0))
    assert place.world.redirects.ports
    place.finish()
    assert not place.world.redirects.ports and not place.the_vm.redirects
    assert "it is DONE" in place.not_added(Code.ACTION)


def test_it_outlives_its_use_by_time_or_without_its_nic() -> None:
    place = Place()
    made = place.add()
    assert outlived(place.the_vm, made, place.clock.now + 59) == ""
    assert outlived(place.the_vm, made, place.clock.now + 60) == "its time is over"
    place.do(lambda tx: nics.detach(tx, ALICE, 0, 0))
    assert outlived(place.the_vm, made, place.clock.now) == ""  # it may stay yet
    place.finish()
    assert outlived(place.the_vm, made, place.clock.now) == "its NIC is gone"
    place.do(lambda tx: redirects.drop(tx, 0, made.id, "its NIC is gone"))
    assert not place.world.redirects.vms
    place.do(lambda tx: redirects.drop(tx, 0, made.id, "once more"))
