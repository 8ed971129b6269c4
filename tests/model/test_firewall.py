"""Rules of security groups: what is refused, and what hosts are told."""

import pytest

from innkeeper.model import addresses, firewall
from innkeeper.model.errors import BadValue
from innkeeper.model.objects import AddressRange
from innkeeper.model.template import Template


def rules(text: str) -> tuple[dict[str, str], ...]:
    return firewall.checked(Template.parse(text)).vectors("RULE")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("PROTOCOL=SCTP,RULE_TYPE=INBOUND", "PROTOCOL of a RULE must be one of TCP"),
        ("PROTOCOL=TCP", "RULE_TYPE of a RULE must be one of INBOUND, OUTBOUND"),
        ("PROTOCOL=ICMP,RULE_TYPE=INBOUND,RANGE=1", "RANGE is for TCP and UDP, not for ICMP"),
        ("PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=90:80", "RANGE must be ports like 22,80:90"),
        ("PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=70000", "from 0 to 65535"),
        ("PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=\"1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16\"", "more than 15"),
        ("PROTOCOL=TCP,RULE_TYPE=INBOUND,ICMP_TYPE=8", "ICMP_TYPE is for ICMP, not for TCP"),
        ("PROTOCOL=ICMP,RULE_TYPE=INBOUND,ICMP_TYPE=x", "ICMP_TYPE of a RULE must be a whole number"),
        ("PROTOCOL=ALL,RULE_TYPE=INBOUND,IP=10.0.0.1", "SIZE of a RULE is missing: a whole number"),
        ("PROTOCOL=ALL,RULE_TYPE=INBOUND,IP=here,SIZE=2", "IP of a RULE must be an address, not 'here'"),
        ("PROTOCOL=ALL,RULE_TYPE=INBOUND,IP=255.255.255.255,SIZE=2", "leads past the last address"),
        ("PROTOCOL=ALL,RULE_TYPE=INBOUND,NETWORK_ID=x", "NETWORK_ID of a RULE"),
    ],
)  # fmt: skip
def test_what_is_no_rule(rule: str, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        rules(f"RULE=[{rule}]")


def test_a_rule_is_kept_once_and_in_capitals() -> None:
    text = "RULE=[PROTOCOL=tcp,RULE_TYPE=inbound,RANGE=22]\n"
    assert rules(text * 2) == ({"PROTOCOL": "TCP", "RULE_TYPE": "INBOUND", "RANGE": "22"},)


def test_what_a_host_is_told() -> None:
    found = rules(
        'RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE="22,80:90",IP=10.0.0.8,SIZE=4]\n'
        "RULE=[PROTOCOL=ICMPV6,RULE_TYPE=OUTBOUND,ICMPV6_TYPE=128]\n"
        "RULE=[PROTOCOL=ALL,RULE_TYPE=OUTBOUND,NETWORK_ID=3]\nRULE=[PROTOCOL=ALL,RULE_TYPE=INBOUND,NETWORK_ID=4]"
    )
    told = firewall.described(found, lambda number: [("::1", "::9")] if number == 3 else None)
    assert told == [
        {"direction": "inbound", "protocol": "tcp", "ports": [[22, 22], [80, 90]], "type": None,
         "peers": [["10.0.0.8", "10.0.0.11"]]},
        {"direction": "outbound", "protocol": "icmpv6", "ports": None, "type": 128, "peers": None},
        {"direction": "outbound", "protocol": "all", "ports": None, "type": None, "peers": [["::1", "::9"]]},
    ]  # fmt: skip


def test_rules_that_allow_everything_are_none() -> None:
    free = "RULE=[PROTOCOL=ALL,RULE_TYPE=INBOUND]\nRULE=[PROTOCOL=ALL,RULE_TYPE=OUTBOUND]"
    assert firewall.described(rules(free), lambda _: None) is None
    assert firewall.described(rules(free)[:1], lambda _: None) is not None
    assert firewall.described((), lambda _: None) == []


def test_the_addresses_of_a_range_are_few_spans_also_where_macs_carry_over() -> None:
    ar = addresses.normalized(
        {"TYPE": "IP4_6", "IP": "10.0.0.1", "SIZE": "4", "MAC": "02:00:00:ff:ff:fe", "ULA_PREFIX": "fd00::"}, 0
    )  # fmt: skip
    spans = addresses.spans(AddressRange(0, ar))
    assert spans[0] == ("10.0.0.1", "10.0.0.2")
    assert ("10.0.0.3", "10.0.0.4") in spans
    assert ("fd00::ff:feff:fffe", "fd00::ff:feff:ffff") in spans
    assert ("fd00::1ff:fe00:0", "fd00::1ff:fe00:1") in spans
    large = addresses.normalized({"TYPE": "IP4", "IP": "10.0.0.0", "SIZE": str(2**24)}, 0)
    assert addresses.spans(AddressRange(0, large)) == [("10.0.0.0", "10.255.255.255")]
