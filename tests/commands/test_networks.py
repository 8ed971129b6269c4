"""Virtual networks: what a host cannot make is refused at once (how ranges stay apart: test_ranges.py)."""

import pytest

from innkeeper.commands import networks, vms
from innkeeper.lifecycle import descriptions, guarding
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("VN_MAD=flying", "VN_MAD must be one of 802.1Q, bridge, dummy, fw, vxlan, not 'flying'"),
        ("VN_MAD=vxlan\nVLAN_ID=5", "PHYDEV, a network device of the hosts, is needed"),
        ("VN_MAD=802.1Q\nPHYDEV=eth0", "VLAN_ID or AUTOMATIC_VLAN_ID=YES is needed for VN_MAD 802.1Q"),
        ("VN_MAD=802.1Q\nPHYDEV=eth0\nVLAN_ID=4095", "VLAN_ID must be from 1 to 4094"),
        ("VN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=x", "VLAN_ID must be from 1 to 16777215"),
        ("VN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=7", "VLAN_ID 7 is that of network 0 already"),
        ("VN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=8\nVXLAN_PEERS=here", "VXLAN_PEERS must be addresses of hosts"),
        ("VN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=8\nVXLAN_MC=10.0.0.1", "VXLAN_MC must be an IPv4 multicast"),
    ],
)  # fmt: skip
def test_what_drivers_need(realm: Realm, text: str, says: str) -> None:
    realm.network("NAME=seven\nVN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=7")
    wish = f"NAME=n\n{text}"
    assert says in realm.refused(Code.ALLOCATE, lambda tx: networks.allocate(tx, ADMIN, wish, -1))


def test_numbers_of_segments_that_nobody_chose(realm: Realm) -> None:
    automatic = "PHYDEV=eth0\nAUTOMATIC_VLAN_ID=YES"
    taken = realm.network("NAME=a\nVN_MAD=vxlan\nPHYDEV=eth0\nVLAN_ID=3")
    made = realm.network(f"NAME=b\nVN_MAD=vxlan\n{automatic}")
    vlan = realm.network(f"NAME=c\nVN_MAD=802.1Q\n{automatic}")
    assert (taken.vlan_id, made.vlan_id, made.bridge) == ("3", "4", "onebr.4")
    assert (taken.vlan_automatic, made.vlan_automatic) == (False, True)
    assert (vlan.vlan_id, vlan.vn_mad) == ("4", "802.1Q")
    assert made.template.get("MTU") == made.template.get("GUEST_MTU") == "1450"


def test_hosts_are_told_how_to_connect_a_segment(realm: Realm) -> None:
    more = "VN_MAD=vxlan\nPHYDEV=eth0\nAR=[TYPE=ETHER,SIZE=9]"
    realm.network(f"NAME=a\nVLAN_ID=300\n{more}")
    realm.network(f'NAME=b\nVLAN_ID=301\nVXLAN_PEERS="10.0.0.1,10.0.0.2"\n{more}')
    vm = realm.vm(f"{VM}\nNIC=[NETWORK=a,INBOUND_AVG_BW=500]\nNIC=[NETWORK=b]")
    first, second = descriptions.networks(realm.world, vm)
    assert (first["driver"], first["vlan"], first["group"]) == ("vxlan", 300, "239.0.1.44")
    assert (second["peers"], second["mtu"]) == (["10.0.0.1", "10.0.0.2"], 1450)
    nics = guarding.nics(realm.world, vm)
    assert nics[0]["inbound"] == {"average": 500, "peak": 0, "burst": 0}
    assert (nics[0]["outbound"], nics[1]["inbound"]) == (None, None)
    wrong = f"{VM}\nNIC=[NETWORK=a,OUTBOUND_AVG_BW=fast]"
    text = realm.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, wrong, True))
    assert "OUTBOUND_AVG_BW of a NIC must be a whole number of kilobytes, not 'fast'" in text


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
