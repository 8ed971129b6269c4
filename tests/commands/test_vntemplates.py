"""Network templates, and networks made from them."""

from innkeeper.commands import common, networks, vntemplates
from innkeeper.model.errors import Code
from innkeeper.model.nouns import VnTemplate
from tests.commands.realm import ADMIN, ALICE, NETWORK, Realm


def template(realm: Realm, text: str = NETWORK) -> int:
    number = realm.do(lambda tx: vntemplates.allocate(tx, ADMIN, text))
    bits = (1, 1, 0, 0, 0, 0, 1, 0, 0)
    realm.do(lambda tx: common.chmod(tx, ADMIN, VnTemplate, number, bits))
    return number


def test_users_may_not_write_templates_but_make_networks_of_them(realm: Realm) -> None:
    number = template(realm)
    realm.refused(Code.AUTHORIZATION, lambda tx: vntemplates.allocate(tx, ALICE, NETWORK))
    realm.refused(Code.AUTHORIZATION, lambda tx: networks.allocate(tx, ALICE, NETWORK, -1))
    extra = "AR=[TYPE=IP4,IP=10.5.0.1,SIZE=3]\nDNS=10.5.0.9"
    made = realm.do(lambda tx: vntemplates.instantiate(tx, ALICE, number, "mine", extra))
    network = realm.world.networks[made]
    assert (network.uid, network.name, network.template_id) == (2, "mine", number)
    assert [ar.template["IP"] for ar in network.ranges] == ["10.0.0.1", "10.5.0.1"]
    assert network.template.get("DNS") == "10.5.0.9"


def test_the_owner_of_such_a_network_may_change_its_ranges(realm: Realm) -> None:
    number = template(realm)
    made = realm.do(lambda tx: vntemplates.instantiate(tx, ALICE, number, "", ""))
    assert realm.world.networks[made].name == f"net-{made}"
    realm.do(lambda tx: networks.add_range(tx, ALICE, made, "AR=[TYPE=IP4,IP=10.6.0.1,SIZE=3]"))
    realm.do(lambda tx: networks.remove_range(tx, ALICE, made, 1, False))


def test_what_only_administrators_may_set_stays_as_the_template_has_it(realm: Realm) -> None:
    number = template(realm)
    for extra in ("VN_MAD=802.1Q", "BRIDGE=br9", "AR=[TYPE=IP4,IP=10.5.0.1,SIZE=3,BRIDGE=br9]"):
        realm.refused(
            Code.AUTHORIZATION,
            lambda tx, e=extra: vntemplates.instantiate(tx, ALICE, number, "x", e),
        )


def test_clusters(realm: Realm) -> None:
    number = template(realm, f'{NETWORK}\nCLUSTER_IDS="0"')
    made = realm.do(lambda tx: vntemplates.instantiate(tx, ADMIN, number, "", ""))
    assert realm.world.networks[made].clusters == (0,)
    assert "CLUSTER_IDS" not in realm.world.networks[made].template
    for wrong, code in (("x", Code.INTERNAL), ("77", Code.NO_EXISTS)):
        text = f"CLUSTER_IDS={wrong}"
        realm.refused(
            code, lambda tx, t=text: vntemplates.instantiate(tx, ADMIN, number, "again", t)
        )


def test_a_network_may_be_made_for_another(realm: Realm) -> None:
    number = template(realm)
    made = realm.do(lambda tx: vntemplates.instantiate(tx, ADMIN, number, "theirs", "AS_UID=2"))
    network = realm.world.networks[made]
    assert (network.uid, network.gid, "AS_UID" in network.template) == (2, 1, False)
    for extra in ("AS_UID=3", "AS_GID=0"):
        realm.refused(
            Code.AUTHORIZATION,
            lambda tx, e=extra: vntemplates.instantiate(tx, ALICE, number, "x", e),
        )
