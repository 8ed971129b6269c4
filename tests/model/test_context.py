"""What guests are told: the text of context.sh as a shell reads it, and network variables."""

import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.model.context import (
    context_sh,
    network_context,
    pci_context,
)


def test_lines_are_sorted_assignments_behind_a_comment() -> None:
    lines = context_sh({"TARGET": "hda", "DISK_ID": "1", "EMPTY": ""}).splitlines()
    assert lines[0].startswith("#")
    assert lines[1:] == ["DISK_ID='1'", "EMPTY=''", "TARGET='hda'"]


def test_single_quotes_leave_the_quotes() -> None:
    assert "MOTD='it'\\''s'\n" in context_sh({"MOTD": "it's"})


@pytest.mark.parametrize("name", ["", "A-B", "A B", "1A", "A=1;B"])
def test_names_that_a_shell_cannot_assign_to_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="shell variable"):
        context_sh({name: "x"})


values = st.text(
    st.sampled_from("'\"\\$`!#; \n\tab")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(values, min_size=1, max_size=8))
def test_a_shell_reads_back_every_value(texts: list[str]) -> None:
    context = {f"V{index}": text for index, text in enumerate(texts)}
    script = (
        context_sh(context) + "printf '%s\\0' " + " ".join(f'"$V{n}"' for n in range(len(texts)))
    )
    result = subprocess.run(["/bin/sh", "-s"], input=script.encode(), capture_output=True)
    assert result.stderr == b""
    assert result.stdout.decode().split("\0")[:-1] == texts


NIC = {"NIC_ID": "0", "IP": "10.0.0.5", "MAC": "02:00:0a:00:00:05", "NETWORK_ID": "4"}
RANGE = {"GATEWAY": "10.0.0.1", "IP": "10.0.0.2", "MAC": "02:00:0a:00:00:02", "METRIC": "7"}
NETWORK = {
    "NETWORK_ADDRESS": "10.0.0.0",
    "NETWORK_MASK": "255.255.255.0",
    "GATEWAY": "10.0.0.254",
    "GATEWAY6": "fd00::1",
    "DNS": "9.9.9.9",
    "SEARCH_DOMAIN": "example.org",
    "GUEST_MTU": "1400",
    "MTU": "9000",
    "METHOD": "static",
    "IP6_METHOD": "static",
    "IP6_METRIC": "3",
    "VLAN_ID": "12",
    "ROUTES": "10.9.0.0/16 via 10.0.0.9",
}


def told(
    *nics: Mapping[str, str],
    ar: Mapping[str, str] = RANGE,
    vnet: Mapping[str, str] = NETWORK,
) -> dict[str, str]:
    return network_context(nics, lambda nic: ar, lambda nic: vnet)


def test_a_nic_is_told_its_network() -> None:
    assert told(NIC) == {
        "ETH0_IP": "10.0.0.5",
        "ETH0_MAC": "02:00:0a:00:00:05",
        "ETH0_MASK": "255.255.255.0",
        "ETH0_NETWORK": "10.0.0.0",
        "ETH0_GATEWAY": "10.0.0.1",
        "ETH0_DNS": "9.9.9.9",
        "ETH0_SEARCH_DOMAIN": "example.org",
        "ETH0_METRIC": "7",
        "ETH0_METHOD": "static",
        "ETH0_VLAN_ID": "12",
        "ETH0_ROUTES": "10.9.0.0/16 via 10.0.0.9",
        "ETH0_MTU": "1400",
    }


def test_the_nic_wins_over_the_range_and_the_range_over_the_network() -> None:
    assert told(NIC)["ETH0_GATEWAY"] == "10.0.0.1"
    assert told({**NIC, "GATEWAY": "10.0.0.77"})["ETH0_GATEWAY"] == "10.0.0.77"
    assert told({**NIC, "GATEWAY": ""}, ar={"GATEWAY": ""})["ETH0_GATEWAY"] == "10.0.0.254"


def test_what_nobody_defines_is_absent() -> None:
    assert told({"NIC_ID": "0", "MAC": "02:00:00:00:00:01"}, ar=RANGE, vnet={}) == {
        "ETH0_MAC": "02:00:00:00:00:01",
        "ETH0_GATEWAY": "10.0.0.1",
        "ETH0_METRIC": "7",
    }


def test_addresses_come_from_the_nic_alone() -> None:
    assert "ETH0_IP" not in told({"NIC_ID": "0"})
    assert "ETH0_MAC" not in told({"NIC_ID": "0"})


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ({"IP6": "fd00::5"}, {"ETH0_IP6": "fd00::5"}),
        ({"IP6": "fd00::5", "IP6_GLOBAL": "2001:db8::5"}, {"ETH0_IP6": "2001:db8::5"}),
        ({"IP6_ULA": "fd00::6"}, {"ETH0_IP6_ULA": "fd00::6"}),
        ({"IP6_LINK": "fe80::5"}, {}),
    ],
)
def test_version_6_where_the_nic_has_it(addresses: dict, expected: dict) -> None:
    nic = {"NIC_ID": "0", **addresses}
    got = {k: v for k, v in told(nic, ar={"PREFIX_LENGTH": "64"}).items() if "IP6" in k}
    assert got == expected | {
        "ETH0_IP6_GATEWAY": "fd00::1",
        "ETH0_IP6_METRIC": "3",
        "ETH0_IP6_METHOD": "static",
        "ETH0_IP6_PREFIX_LENGTH": "64",
    }


def test_router_addresses_and_external() -> None:
    nic = {"NIC_ID": "2", "VROUTER_IP": "10.0.0.3", "VROUTER_IP6": "fd00::3", "EXTERNAL": "YES"}
    nic["VROUTER_MANAGEMENT"] = "YES"
    assert told(nic, ar={}, vnet={}) == {
        "ETH2_VROUTER_IP": "10.0.0.3",
        "ETH2_VROUTER_IP6": "fd00::3",
        "ETH2_VROUTER_MANAGEMENT": "YES",
        "ETH2_EXTERNAL": "YES",
    }
    nic["VROUTER_IP6_GLOBAL"] = "2001:db8::3"
    assert told(nic, ar={}, vnet={})["ETH2_VROUTER_IP6"] == "2001:db8::3"


def test_aliases_stand_under_their_parent() -> None:
    alias = {"NIC_ID": "3", "PARENT_ID": "1", "ALIAS_ID": "0", "IP": "10.0.0.9"}
    assert told({"NIC_ID": "1", "IP": "10.0.0.8"}, alias, ar={}, vnet={}) == {
        "ETH1_IP": "10.0.0.8",
        "ETH1_ALIAS0_IP": "10.0.0.9",
    }


def test_each_nic_asks_for_its_own_range_and_network() -> None:
    networks = {"4": {"DNS": "4.4.4.4"}, "5": {"DNS": "5.5.5.5"}}
    nics = [{"NIC_ID": "0", "NETWORK_ID": "4"}, {"NIC_ID": "1", "NETWORK_ID": "5"}]
    variables = network_context(nics, lambda nic: {}, lambda nic: networks[nic["NETWORK_ID"]])
    assert variables == {"ETH0_DNS": "4.4.4.4", "ETH1_DNS": "5.5.5.5"}


def test_passed_through_nics_also_tell_where_they_stand() -> None:
    nic = {"NIC_ID": "1", "PCI_ID": "0", "TYPE": "NIC", "VM_ADDRESS": "01:00.0", "IP": "10.0.0.4"}
    assert told(nic, ar={}, vnet={}) == {"ETH1_IP": "10.0.0.4", "PCI0_ADDRESS": "01:00.0"}


def test_devices_without_a_place_in_the_guest_are_left_out() -> None:
    devices = [{"PCI_ID": "0"}, {"PCI_ID": "1", "VM_ADDRESS": "01:01.0"}]
    assert pci_context(devices) == {"PCI1_ADDRESS": "01:01.0"}
