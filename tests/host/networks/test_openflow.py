"""OpenFlow rules that follow from NICs: which matches, in which tables; what they do: test_real_openvswitch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.host.networks import openflow
from innkeeper.host.networks.guard_rules import Nic
from tests.host.stand_ins import rule


def nic(vm: int, *rules: dict[str, object], **more: bool) -> Nic:
    listed = list(rules) or None
    return Nic(
        1, f"one-{vm}-0", "b", f"02:00:00:00:00:0{vm}", [f"10.0.0.{vm}"], rules=listed, **more
    )


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_ports_with_masks_are_exactly_those_of_the_span(one: int, other: int) -> None:
    first, last = sorted((one, other))
    blocks = [
        tuple(int(part, 16) for part in text.split("/")) for text in openflow.ports(first, last)
    ]
    assert len(blocks) <= 30
    covered = [(value, value + 0x10000 - mask) for value, mask in blocks]
    assert all(value & mask == value for value, mask in blocks)
    assert [covered[0][0], *(end for _, end in covered)] == [
        *(begin for begin, _ in covered),
        last + 1,
    ]
    assert covered[0][0] == first


def test_where_nobody_is_guarded_there_are_no_rules() -> None:
    assert openflow.flows({1: nic(1), 2: nic(2)}) == []


def test_who_is_checked_alone_needs_no_other_tables() -> None:
    flows = openflow.flows({1: nic(1, filter_mac=True, filter_ip=True), 2: nic(2)})
    assert flows and all(flow.startswith("table=0,in_port=1,") for flow in flows)
    assert {flow.rpartition("actions=")[2] for flow in flows} == {"normal", "drop"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule("inbound", "tcp", ports=[[80, 81]]), {"tcp,tp_dst=0x50/0xfffe", "tcp6,tp_dst=0x50/0xfffe"}),
        (rule("inbound", "udp"), {"udp", "udp6"}),
        (rule("inbound", "icmp", type=8), {"icmp,icmp_type=8"}),
        (rule("inbound", "icmpv6"), {"icmp6"}),
        (rule("inbound", "ipsec"), {f"{f},nw_proto={n}" for f in ("ip", "ipv6") for n in (50, 51)}),
        (rule("inbound", "all"), {"ip", "ipv6"}),
        (
            rule("inbound", "tcp", peers=[["10.0.0.1", "10.0.0.3"], ["fd00::", "fd00::ff"]]),
            {"tcp,nw_src=10.0.0.1/32", "tcp,nw_src=10.0.0.2/31", "tcp6,ipv6_src=fd00::/120"},
        ),
        (rule("outbound", "tcp"), set()),
    ],
)  # fmt: skip
def test_what_a_rule_lets_in(given: dict[str, object], expected: set[str]) -> None:
    flows = openflow.flows({7: nic(2, given)})
    head, tail = "table=4,priority=200,dl_dst=02:00:00:00:00:02,", ",ct_state=+new-inv,actions="
    assert {
        f.removeprefix(head).partition(tail)[0] for f in flows if f.startswith(head)
    } == expected


def test_what_goes_to_all_is_copied_to_each_that_has_rules() -> None:
    flows = openflow.flows(
        {1: nic(1, rule("inbound", "udp")), 2: nic(2, rule("inbound", "tcp")), 3: nic(3)}
    )
    [many] = [flow for flow in flows if "01:00:00:00:00:00" in flow]
    assert many.count("clone(") == 2 and many.endswith(",normal")
    assert "table=0,priority=1,actions=resubmit(,3)" in flows, "whoever sends"


def test_each_nic_is_a_zone_of_its_own() -> None:
    zones = {
        openflow.zone(Nic(1, f"one-{vm}-{n}", "b", "", [], nic=n))
        for vm in range(3)
        for n in range(4)
    }
    assert len(zones) == 12 and all(0 < zone < 65536 for zone in zones)
