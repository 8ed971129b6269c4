"""Virtual networks: what a host cannot make is refused at once (how ranges stay apart: test_ranges.py)."""

import pytest

from innkeeper.commands import networks, vms
from innkeeper.model.errors import Code
from tests.commands.realm import ADMIN, VM, Realm

HEAD = "NAME=n\nVN_MAD=bridge\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NAT=YES\nGATEWAY=nowhere", "GATEWAY"),
        ("GATEWAY=10.0.0.1\nNETWORK_MASK=255.0.255.0", "NETWORK_MASK"),
        ("GATEWAY=10.0.0.1\nNETWORK_MASK=x", "NETWORK_MASK"),
        ("GATEWAY=2001:db8::1", "GATEWAY"),
        ("NAT=YES", "GATEWAY"),
        ("MTU=67", "MTU"),
        ("MTU=1500x", "MTU"),
        ("MTU=65536", "MTU"),
        ("BRIDGE=-x", "BRIDGE"),
        ("BRIDGE=\"a b\"", "BRIDGE"),
        ("BRIDGE=a;b", "BRIDGE"),
        ("PHYDEV=../x", "PHYDEV"),
        ("PHYDEV=abcdefghijklmnop", "PHYDEV"),
    ],
)  # fmt: skip
def test_what_no_host_can_make(realm: Realm, text: str, says: str) -> None:
    assert says in realm.refused(
        Code.ALLOCATE, lambda tx: networks.allocate(tx, ADMIN, HEAD + text, -1)
    )


@pytest.mark.parametrize("text", ["NAT=YES\nGATEWAY=nowhere", "MTU=x", "NETWORK_MASK=x"])
def test_no_update_leads_there_either(realm: Realm, text: str) -> None:
    network = realm.network(HEAD + "GATEWAY=10.0.0.1")
    realm.refused(Code.INTERNAL, lambda tx: networks.update(tx, ADMIN, network.id, text, 1))


@pytest.mark.parametrize(
    ("ar", "says"),
    [
        ("TYPE=IP4,IP=10.0.0.1,SIZE=1_0", "SIZE"),
        ("TYPE=IP4,IP=10.0.0.1,SIZE=\"\u0663\"", "SIZE"),
        ("TYPE=IP4,IP=10.0.0.1,SIZE=2147483648", "SIZE"),
        ("TYPE=IP4,IP=255.255.255.250,SIZE=9", "SIZE"),
        ("TYPE=IP6_STATIC,IP6=\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0\",PREFIX_LENGTH=64,SIZE=17", "SIZE"),
        ("TYPE=IP6_STATIC,IP6=\"fe80::1%eth0\",PREFIX_LENGTH=64,SIZE=2", "IP6"),
        ("TYPE=IP6_STATIC,IP6=\"2001:db8::1\",PREFIX_LENGTH=129,SIZE=2", "PREFIX_LENGTH"),
        ("TYPE=IP6,SIZE=2,GLOBAL_PREFIX=\"fe80::%x\"", "GLOBAL_PREFIX"),
        ("TYPE=ETHER,SIZE=2,MAC=\"ff:ff:ff:ff:ff:ff\"", "SIZE"),
        ("TYPE=ETHER,SIZE=2,MAC=\"0x:00:00:00:00:01\"", "MAC"),
    ],
)  # fmt: skip
def test_ranges_that_cannot_be(realm: Realm, ar: str, says: str) -> None:
    assert says in realm.refused(
        Code.ALLOCATE, lambda tx: networks.allocate(tx, ADMIN, f"{HEAD}AR=[{ar}]", -1)
    )


def test_a_range_has_what_its_type_has(realm: Realm) -> None:
    text = f"{HEAD}AR=[TYPE=ETHER,SIZE=+2,IP=here,IP6=there]"
    (ar,) = realm.network(text).ranges
    assert ar.template.keys() == {"TYPE", "SIZE", "MAC"}
    assert ar.template["SIZE"] == "2"


def test_a_network_without_room_says_so(realm: Realm) -> None:
    realm.network("NAME=net\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=2]")
    text = "\n".join([VM, *["NIC=[NETWORK=net]"] * 3])
    assert "no free address" in realm.refused(
        Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, text, hold=True)
    )
