"""The first cloud's network: where it goes, and what is told to the guests."""

from ipaddress import IPv4Network

from innkeeper.cli.local.objects import network_template, routed_networks

# /proc/net/route of a machine with a default route, 10.111.0.0/24 and 172.16.0.0/12.
TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br0\t00006F0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
vpn0\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
"""


def test_routes_are_read_from_the_kernels_table() -> None:
    assert routed_networks(TABLE) == [IPv4Network("10.111.0.0/24"), IPv4Network("172.16.0.0/12")]


def test_the_network_gives_its_first_address_to_the_machine_and_200_to_guests() -> None:
    lines = network_template(IPv4Network("10.112.0.0/24"), ["9.9.9.9", "1.1.1.1"]).splitlines()
    assert 'GATEWAY="10.112.0.1"' in lines
    assert 'NETWORK_ADDRESS="10.112.0.0"' in lines
    assert 'AR=[TYPE="IP4", IP="10.112.0.10", SIZE="200"]' in lines
    assert 'DNS="9.9.9.9 1.1.1.1"' in lines


def test_a_machine_without_a_name_server_of_use_gives_none() -> None:
    assert "DNS" not in network_template(IPv4Network("10.112.0.0/24"), [])
