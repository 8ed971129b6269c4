"""Networks as the front end describes them. What becomes of them: test_real_networks.py."""

from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import BadArgsError
from innkeeper.host.networks.firewall import nat_chain
from innkeeper.host.networks.registry import Network, wanted


def test_a_description_is_read() -> None:
    described = {"network": 7, "bridge": "br0", "address": "10.0.0.1/24", "nat": True, "mtu": 1450}
    assert wanted(Arguments(described)) == Network(
        network=7, bridge="br0", address="10.0.0.1/24", nat=True, mtu=1450
    )
    assert wanted(Arguments({"network": 7, "bridge": "br0"})) == Network(7, "br0")


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"network": None}, "network"),
        ({"bridge": "a name that is too long"}, "bridge"),
        ({"address": "10.0.0.300/24"}, "address"),
        ({"address": "10.0.0.1/24; reboot"}, "address"),
        ({"nat": True}, "address"),
        ({"nat": "YES"}, "nat"),
        ({"mtu": 0}, "mtu"),
        ({"phydev": "eth 0"}, "phydev"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], argument: str) -> None:
    with pytest.raises(BadArgsError) as caught:
        wanted(Arguments({"network": 7, "bridge": "br0", **more}))
    assert caught.value.argument == argument


def test_chains_are_told_apart_by_network_and_bridge() -> None:
    assert len({nat_chain(1, "br0"), nat_chain(2, "br0"), nat_chain(1, "br1")}) == 3
