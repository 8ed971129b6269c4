"""Which VLANs the members of a group may ask for."""

import pytest

from innkeeper.commands import bootstrap, networks, vlan_rules, vntemplates
from innkeeper.model import acl, implied
from innkeeper.model.errors import Code
from tests.commands.realm import ADMIN, ALICE, Realm

VLAN = "VN_MAD=802.1Q\nPHYDEV=eth0"


@pytest.fixture(autouse=True)
def _makers(realm: Realm) -> None:
    """Members of `users` may make networks with physical devices of an administrator's template."""
    realm.do(lambda tx: implied.add(tx, bootstrap.creation_rule(1, ("NET", "VNTEMPLATE"))))
    text = f"NAME=vlan\n{VLAN}\nAR=[TYPE=ETHER,SIZE=2]"
    number = realm.do(lambda tx: vntemplates.allocate(tx, ADMIN, text))
    use = acl.Rule(acl.GROUP | 1, acl.TYPES["VNTEMPLATE"] | acl.INDIVIDUAL | number, 1, acl.HERE)
    realm.do(lambda tx: implied.add(tx, use))


def says(realm: Realm, rules: str) -> None:
    realm.do(lambda tx: vlan_rules.set_rules(tx, ADMIN, 1, rules))


def asks(realm: Realm, vlan: str, name: str = "n") -> int:
    return realm.do(lambda tx: vntemplates.instantiate(tx, ALICE, 0, name, f"VLAN_ID={vlan}"))


def refused(realm: Realm, vlan: str) -> None:
    told = realm.refused(
        Code.AUTHORIZATION,
        lambda tx: vntemplates.instantiate(tx, ALICE, 0, "x", f"VLAN_ID={vlan}"),
    )
    assert told == f"User [2] : VLAN_ID {vlan} is not allowed for group 1."


def test_members_ask_for_what_they_may(realm: Realm) -> None:
    asks(realm, "7", "before")
    says(realm, 'RULE=[ID="100-199,300",SCOPE=VLAN_ID]\nRULE=[ID="7",SCOPE=OUTER_VLAN_ID]')
    refused(realm, "7")
    refused(realm, "200")
    asks(realm, "150", "a")
    asks(realm, "300", "b")
    says(realm, "")
    asks(realm, "200", "c")


def test_rules_for_the_networks_of_templates(realm: Realm) -> None:
    says(realm, 'RULE=[ID="9",VNTEMPLATE="1-5"]')
    refused(realm, "9")
    says(realm, 'RULE=[ID="9",VNTEMPLATE="0-5"]')
    asks(realm, "9")


def test_administrators_ask_for_any(realm: Realm) -> None:
    says(realm, 'RULE=[ID="9"]')
    text = f"NAME=n\n{VLAN}\nVLAN_ID=77\nAR=[TYPE=ETHER,SIZE=2]"
    realm.do(lambda tx: networks.allocate(tx, ADMIN, text, -1))


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ("RULE=7", "RULE must be a vector"),
        ("RULE=[SCOPE=ANY]", "ID of a RULE"),
        ('RULE=[ID="1-x"]', "ID of a RULE"),
        ('RULE=[ID="1",SCOPE=SPEED]', "SCOPE of a RULE"),
        ('RULE=[ID="1",VNTEMPLATE=x]', "VNTEMPLATE of a RULE"),
    ],
)
def test_rules_that_cannot_be(realm: Realm, rules: str, what: str) -> None:
    told = realm.refused(Code.INTERNAL, lambda tx: vlan_rules.set_rules(tx, ADMIN, 1, rules))
    assert what in told
    realm.refused(Code.AUTHORIZATION, lambda tx: vlan_rules.set_rules(tx, ALICE, 1, rules))
