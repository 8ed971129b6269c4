"""Address ranges of one network have no address in common, and what VMs still hold is not given again."""

import pytest

from innkeeper.commands import networks, vms
from innkeeper.model.errors import Refusal
from tests.lifecycle.bench import ADMIN, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def make(bench: Bench, *ranges: str) -> int:
    text = "\n".join(["NAME=other", "VN_MAD=bridge", *(f"AR=[{ar}]" for ar in ranges)])
    return bench.do(lambda tx: networks.allocate(tx, ADMIN, text, -1))


def add(bench: Bench, network: int, ar: str) -> None:
    bench.do(lambda tx: networks.add_range(tx, ADMIN, network, f"AR=[{ar}]"))


def lease(bench: Bench, network: int) -> dict[str, str]:
    text = f"CPU=1\nMEMORY=64\nNIC=[NETWORK_ID={network}]"
    number = bench.do(lambda tx: vms.allocate(tx, ADMIN, text, True))
    return bench.vm(number).nics[0]


IP4 = "TYPE=IP4,IP=10.9.0.1,SIZE=10"


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (IP4, "MAC 02:00:0a:09:00:01"),
        ("TYPE=IP4,IP=10.9.0.10,SIZE=5", "MAC 02:00:0a:09:00:0a"),
        ("TYPE=IP4,IP=10.8.255.250,SIZE=10", "MAC 02:00:0a:09:00:01"),
        ("TYPE=IP4,IP=10.9.0.5,SIZE=1,MAC=02:99:00:00:00:01", "IP 10.9.0.5"),
        ("TYPE=ETHER,SIZE=3,MAC=02:00:0a:09:00:09", "MAC 02:00:0a:09:00:09"),
        ("TYPE=IP4,IP=10.8.0.0,SIZE=16777216", "MAC 02:00:0a:09:00:01"),
    ],
)
def test_ranges_that_share_an_address_are_refused(bench: Bench, other: str, shared: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(bench, IP4, other)
    assert f"{shared} is in address range 0" in refused.value.text
    network = make(bench, IP4)
    with pytest.raises(Refusal, match="is in address range 0"):
        add(bench, network, other)


@pytest.mark.parametrize(
    "other",
    [
        "TYPE=IP4,IP=10.9.0.11,SIZE=5",
        "TYPE=IP4,IP=10.8.255.0,SIZE=257",
        "TYPE=ETHER,SIZE=2147483647",
        "TYPE=IP6,SIZE=2147483647,GLOBAL_PREFIX=2001:db8::",
        "TYPE=IP6_STATIC,IP6=2001:db8::1,PREFIX_LENGTH=64",
    ],
)
def test_ranges_side_by_side_are_fine(bench: Bench, other: str) -> None:
    network = make(bench, IP4, other, "TYPE=ETHER,SIZE=2147483647")
    assert len(bench.world.networks[network].ranges) == 3


def test_a_range_does_not_grow_into_its_neighbour(bench: Bench) -> None:
    network = make(bench, IP4, "TYPE=IP4,IP=10.9.0.11,SIZE=5")
    with pytest.raises(Refusal, match=r"IP 10\.9\.0\.11|MAC 02:00:0a:09:00:0b"):
        bench.do(lambda tx: networks.update_range(tx, ADMIN, network, "AR=[AR_ID=0,SIZE=11]"))
    bench.do(lambda tx: networks.update_range(tx, ADMIN, network, "AR=[AR_ID=1,SIZE=11]"))


def test_a_lease_of_a_removed_range_is_not_given_again(bench: Bench) -> None:
    network = make(bench, IP4, "TYPE=IP4,IP=10.9.1.1,SIZE=1")
    held = lease(bench, network)
    bench.do(lambda tx: networks.remove_range(tx, ADMIN, network, 0, True))
    with pytest.raises(Refusal, match="MAC 02:00:0a:09:00:01 is leased to a VM still"):
        add(bench, network, IP4)
    add(bench, network, "TYPE=IP4,IP=10.9.0.2,SIZE=9")
    given = {lease(bench, network)["IP"] for _ in range(5)}
    assert len(given) == 5
    assert held["IP"] not in given


def test_a_range_does_not_take_the_number_of_one_that_lives_on_in_leases(bench: Bench) -> None:
    network = make(bench, "TYPE=IP4,IP=10.9.1.1,SIZE=1", IP4)
    lease(bench, network)
    lease(bench, network)
    bench.do(lambda tx: networks.remove_range(tx, ADMIN, network, 1, True))
    add(bench, network, "TYPE=IP4,IP=10.9.2.1,SIZE=5")
    assert [ar.id for ar in bench.world.networks[network].ranges] == [0, 2]
