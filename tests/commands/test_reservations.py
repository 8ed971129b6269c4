"""Reservations: a part of a network's addresses as a network of its own, and never in two hands."""

import pytest

from innkeeper.commands import networks, reservations, vms
from innkeeper.commands.networks import recover
from innkeeper.model import addresses
from innkeeper.model.errors import Code
from innkeeper.model.objects import Network
from innkeeper.model.states import NetworkState
from tests.commands.realm import ADMIN, ALICE, VM, Realm

LARGE = """NAME=large
VN_MAD=bridge
BRIDGE=br7
DNS=10.0.0.1
AR=[TYPE=IP4_6,IP=10.0.0.0,SIZE=4096,GLOBAL_PREFIX="2001:db8::"]"""


def reserve(realm: Realm, text: str, parent: int = 0) -> Network:
    number = realm.do(lambda tx: reservations.reserve(tx, ADMIN, parent, text))
    return realm.world.networks[number]


@pytest.fixture
def parent(realm: Realm) -> Network:
    return realm.network(LARGE)


def test_a_reservation_is_a_network_like_its_parent(realm: Realm, parent: Network) -> None:
    mine = reserve(realm, "NAME=mine\nSIZE=16\nIP=10.0.0.32")
    assert (mine.parent_id, mine.bridge, mine.template) == (0, "br7", parent.template)
    (ar,) = mine.ranges
    assert ar.template["PARENT_NETWORK_AR_ID"] == "0"
    assert addresses.lease(ar, 1) == addresses.lease(parent.ranges[0], 33)
    assert addresses.used_count(realm.world, parent) == 16
    vm = realm.vm(f"{VM}\nNIC=[NETWORK=mine]")
    assert (vm.nics[0]["IP"], vm.nics[0]["PARENT_NETWORK_ID"]) == ("10.0.0.32", "0")


def test_parent_and_reservation_never_give_the_same_address(realm: Realm, parent: Network) -> None:
    reserve(realm, "NAME=mine\nSIZE=2\nIP=10.0.0.1")
    text = f"{VM}\nNIC=[NETWORK=large,IP=10.0.0.2]"
    assert "is not free" in realm.refused(
        Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, text, True)
    )
    given = [realm.vm(f"{VM}\nNIC=[NETWORK={name}]").nics[0]["IP"] for name in
             ("large", "large", "mine", "mine", "large")]  # fmt: skip
    assert given == ["10.0.0.0", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.4"]
    realm.refused(Code.ACTION, lambda tx: networks.hold(tx, ADMIN, 0, "LEASES=[IP=10.0.0.2]"))


def test_reservations_stand_where_there_is_room(realm: Realm, parent: Network) -> None:
    realm.do(lambda tx: networks.hold(tx, ADMIN, 0, "LEASES=[IP=10.0.0.3]"))
    first = reserve(realm, "NAME=a\nSIZE=4")
    assert first.ranges[0].template["IP"] == "10.0.0.4"
    assert reserve(realm, "NAME=b\nSIZE=3").ranges[0].template["IP"] == "10.0.0.0"
    more = reserve(realm, f"NETWORK_ID={first.id}\nSIZE=4000")
    assert more.id == first.id and more.ranges[1].template["IP"] == "10.0.0.8"
    text = realm.refused(
        Code.ACTION, lambda tx: reservations.reserve(tx, ADMIN, 0, "NAME=c\nSIZE=89")
    )
    assert "Network 0 has no 89 free addresses in a row" in text


def test_addresses_come_back(realm: Realm, parent: Network) -> None:
    mine = reserve(realm, "NAME=mine\nSIZE=10")
    vm = realm.vm(f"{VM}\nNIC=[NETWORK=mine]")
    realm.refused(Code.ACTION, lambda tx: reservations.free_range(tx, ADMIN, mine.id, 0))
    realm.refused(Code.ACTION, lambda tx: networks.delete(tx, ADMIN, mine.id))
    assert "has reservations: [1]" in realm.refused(
        Code.ACTION, lambda tx: networks.delete(tx, ADMIN, 0)
    )
    realm.refused(Code.ACTION, lambda tx: networks.remove_range(tx, ADMIN, 0, 0, True))
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.do(lambda tx: reservations.free_range(tx, ADMIN, mine.id, 0))
    assert addresses.used_count(realm.world, parent) == 0
    reserve(realm, f"NETWORK_ID={mine.id}\nSIZE=10")
    realm.do(lambda tx: networks.delete(tx, ADMIN, mine.id))
    assert addresses.used_count(realm.world, parent) == 0
    realm.do(lambda tx: networks.delete(tx, ADMIN, 0))


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("NAME=a", Code.INTERNAL, "SIZE is missing: a whole number above 0 is expected"),
        ("NAME=a\nSIZE=0", Code.INTERNAL, "SIZE must be a whole number above 0, not '0'"),
        ("SIZE=1", Code.INTERNAL, "Exactly one of NAME and NETWORK_ID"),
        ("NAME=a\nNETWORK_ID=1\nSIZE=1", Code.INTERNAL, "Exactly one of NAME and NETWORK_ID"),
        ("NETWORK_ID=0\nSIZE=1", Code.ACTION, "Network 0 is no reservation of network 0"),
        ("NAME=a\nSIZE=1\nAR_ID=7", Code.ACTION, "has no address range 7"),
        ("NAME=a\nSIZE=1\nIP=10.9.0.1", Code.ACTION, "has no 1 free addresses in a row from IP 10.9.0.1 on"),
        ("NAME=a\nSIZE=1\nIP=10.0.0.1\nMAC=02:00:0a:00:00:01", Code.INTERNAL, "one of IP, IP6 and MAC"),
        ("NAME=large\nSIZE=1", Code.ALLOCATE, "NAME is already taken"),
    ],
)  # fmt: skip
def test_what_is_refused(realm: Realm, parent: Network, text: str, code: Code, says: str) -> None:
    assert says in realm.refused(code, lambda tx: reservations.reserve(tx, ADMIN, 0, text))


def test_a_reservation_stays_one(realm: Realm, parent: Network) -> None:
    mine = reserve(realm, "NAME=mine\nSIZE=4")
    for change in (
        lambda tx: reservations.reserve(tx, ADMIN, mine.id, "NAME=b\nSIZE=1"),
        lambda tx: networks.add_range(tx, ADMIN, mine.id, "AR=[TYPE=ETHER,SIZE=2]"),
        lambda tx: networks.update_range(tx, ADMIN, mine.id, "AR=[AR_ID=0,SIZE=2]"),
        lambda tx: reservations.free_range(tx, ADMIN, 0, 0),
    ):
        realm.refused(Code.ACTION, change)


def test_users_reserve_what_they_may_use(realm: Realm, parent: Network) -> None:
    mine = realm.do(lambda tx: reservations.reserve(tx, ALICE, 0, "NAME=mine\nSIZE=4"))
    assert realm.world.networks[mine].uid == ALICE.uid
    theirs = reserve(realm, "NAME=theirs\nSIZE=4")
    realm.refused(
        Code.AUTHORIZATION,
        lambda tx: reservations.reserve(tx, ALICE, 0, f"NETWORK_ID={theirs.id}\nSIZE=1"),
    )


def test_a_whole_range_is_given_without_a_duplicate(realm: Realm) -> None:
    realm.network("NAME=full\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.0,SIZE=600]")
    given = {
        nic["MAC"] for _ in range(3) for nic in realm.vm(VM + "\nNIC=[NETWORK=full]" * 200).nics
    }
    assert len(given) == 600
    assert "has no free address" in realm.refused(
        Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, f"{VM}\nNIC=[NETWORK=full]", True)
    )


def test_a_network_is_helped_out_of_an_error_only(realm: Realm, parent: Network) -> None:
    for how in range(4):
        realm.refused(Code.INTERNAL, lambda tx, how=how: recover(tx, ADMIN, 0, how))
    realm.do(lambda tx: tx.change(tx.world.networks[0], state=NetworkState.ERROR))
    realm.do(lambda tx: recover(tx, ADMIN, 0, 1))
    assert realm.world.networks[0].state is NetworkState.READY
    realm.do(lambda tx: tx.change(tx.world.networks[0], state=NetworkState.ERROR))
    realm.do(lambda tx: recover(tx, ADMIN, 0, 2))
    assert 0 not in realm.world.networks
