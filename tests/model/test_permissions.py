"""The compiled decision is what a slow, literal reading of the rules says; and what is shown of it is true."""

import random
from typing import Any

import pytest

from innkeeper.model import acl, implied
from innkeeper.model.acl import Rule
from innkeeper.model.errors import BadValue
from innkeeper.model.objects import (
    ALL_OF_ZONE,
    Cluster,
    Datastore,
    Group,
    Host,
    Image,
    Network,
    Record,
    User,
    Vdc,
    Vm,
    VmTemplate,
)
from innkeeper.model.permissions import Caller, Right, may, may_create, reasons
from innkeeper.model.world import Transaction, World

CASES, WORLDS = 100_000, 400
UIDS, GIDS, CLUSTERS, IDS = range(1, 6), (0, 1, 100, 101, 102), range(3), range(4)
NAMED = {
    Vm: "VM", Image: "IMAGE", Network: "NET", Datastore: "DATASTORE", VmTemplate: "TEMPLATE", Host: "HOST",
    Cluster: "CLUSTER", User: "USER", Group: "GROUP", Vdc: "VDC",
}  # fmt: skip


class Written:
    """A rule as it is written: `@1 HOST+NET/%0 USE+MANAGE #0`, taken apart by its own words."""

    def __init__(self, text: str) -> None:
        self.user, resource, rights, self.zone = text.split()
        kinds, self.which = resource.split("/")
        self.kinds = kinds.split("+")
        self.rights = set(rights.split("+"))


def literally(rules: list[Written], caller: Caller, wanted: set[str], record: Any) -> bool:
    """Section 2 of the contract, sentence by sentence."""
    if caller.uid == 0 or 0 in caller.groups:
        return True
    if any(wanted <= held for held in implicit(caller, record)):
        return True
    subjects = {"*", f"#{caller.uid}", *(f"@{gid}" for gid in caller.groups)}
    return any(
        rule.user in subjects
        and rule.zone in ("*", "#0")
        and NAMED[type(record)] in rule.kinds
        and wanted <= rule.rights
        and rule.which in described(record)
        for rule in rules
    )


def implicit(caller: Caller, record: Any) -> list[set[str]]:
    """The three rules of the permission bits; what users and groups are to themselves."""
    held: list[set[str]] = []
    if hasattr(record, "permissions"):
        bits = f"{record.permissions:09b}"
        mine = record.uid == caller.uid, record.gid in caller.groups, True
        for at, concerned in zip((0, 3, 6), mine, strict=True):
            names = zip(("USE", "MANAGE", "ADMIN"), bits[at : at + 3], strict=True)
            if concerned:
                held.append({right for right, bit in names if bit == "1"})
    if isinstance(record, User) and record.id == caller.uid:
        held.append({"USE", "MANAGE"})
    if isinstance(record, Group) and record.id in caller.groups:
        held.append({"USE"})
    return held


def described(record: Any) -> set[str]:
    """All that a rule can say to mean this object. Reservations ignore rules for all networks and for clusters."""
    words = {f"#{record.id}"}
    if hasattr(record, "gid"):
        words.add(f"@{record.gid}")
    if not (isinstance(record, Network) and record.parent_id >= 0):
        words |= {"*", *(f"%{cluster}" for cluster in clusters_of(record))}
    return words


def clusters_of(record: Any) -> tuple[int, ...]:
    if isinstance(record, Host):
        return (record.cluster_id,)
    return record.clusters if isinstance(record, Network | Datastore) else ()


def create_literally(rules: list[Written], caller: Caller, name: str) -> bool:
    if caller.admin:
        return True
    subjects = {"*", f"#{caller.uid}", *(f"@{gid}" for gid in caller.groups)}
    return any(
        rule.user in subjects
        and rule.zone in ("*", "#0")
        and name in rule.kinds
        and "CREATE" in rule.rights
        and rule.which in ("*", f"@{caller.gid}")
        for rule in rules
    )


# ---- random zones -----------------------------------------------------------------------------


def some(chance: random.Random, values: Any, least: int = 0) -> tuple[Any, ...]:
    values = list(values)
    return tuple(chance.sample(values, chance.randint(least, len(values))))


def random_rule(chance: random.Random) -> Rule:
    """One that can be; most that are drawn cannot."""
    while True:
        types = sum(acl.TYPES[name] for name in some(chance, NAMED.values(), 1)[:3])
        flag = chance.choice((acl.INDIVIDUAL, acl.GROUP, acl.ALL, acl.CLUSTER))
        number = {acl.INDIVIDUAL: IDS, acl.GROUP: GIDS, acl.CLUSTER: CLUSTERS, acl.ALL: (0,)}[flag]
        who = chance.choice((
            acl.ALL, acl.INDIVIDUAL | chance.choice(UIDS), acl.GROUP | chance.choice(GIDS),
        ))  # fmt: skip
        zone = chance.choice((acl.ALL, acl.HERE, acl.HERE, acl.INDIVIDUAL | 7))
        try:
            return acl.checked(
                Rule(who, types | flag | chance.choice(number), chance.randint(1, 15), zone)
            )
        except BadValue:
            continue


def random_record(chance: random.Random, kind: type[Record], number: int) -> Record:
    owned = {
        "uid": chance.choice(UIDS), "gid": chance.choice(GIDS),
        "permissions": chance.choice((0, 0o600, 0o640, chance.randrange(512))),
    }  # fmt: skip
    fields: dict[Any, dict[str, Any]] = {
        Host: {"im_mad": "kvm", "vm_mad": "kvm", "cluster_id": chance.choice(CLUSTERS)},
        Cluster: {}, Group: {}, Vdc: {},
        User: {"gid": chance.choice(GIDS)},
        Datastore: {**owned, "ds_mad": "", "tm_mad": "", "base_path": "", "clusters": some(chance, CLUSTERS)},
        Network: {**owned, "vn_mad": "", "clusters": some(chance, CLUSTERS), "parent_id": chance.choice((-1, -1, 3))},
    }  # fmt: skip
    return kind(id=number, name=f"{kind.KIND}{number}", **fields.get(kind, owned))


def random_world(chance: random.Random) -> World:
    """Objects of all kinds; rules by hand; VDCs and groups' administrators, from which more rules follow."""
    world = World()
    tx = Transaction(world, 0.0)
    for gid in GIDS:
        tx.put(Group(id=gid, name=f"g{gid}", admins=some(chance, UIDS)[:1]))
    for number in range(chance.randint(0, 2)):
        tx.put(
            Vdc(
                id=number,
                name=f"v{number}",
                groups=some(chance, GIDS)[:2],
                clusters=tuple((0, c) for c in some(chance, (*CLUSTERS, ALL_OF_ZONE))[:2]),
                hosts=tuple((0, h) for h in some(chance, IDS)[:1]),
                networks=tuple((chance.choice((0, 7)), n) for n in some(chance, IDS)[:1]),
                datastores=tuple((0, d) for d in some(chance, (*IDS, ALL_OF_ZONE))[:1]),
            )
        )
    for _ in range(chance.randint(0, 12)):
        rule = random_rule(chance)
        if world.access.saying(rule) is None:
            implied.add(tx, rule)
    implied.settle(tx)
    return world


def test_the_compiled_decision_is_the_literal_one() -> None:
    chance = random.Random(4)
    granted = created = 0
    for _ in range(WORLDS):
        world = random_world(chance)
        rules = [Written(acl.text(Rule(r.user, r.resource, r.rights, r.zone))) for r in world.acl]
        for _ in range(CASES // WORLDS):
            groups = some(chance, GIDS if chance.random() < 0.1 else GIDS[1:], 1)
            caller = Caller(chance.choice(UIDS), groups[0], "someone", groups)
            kind = chance.choice(list(NAMED))
            record = random_record(chance, kind, chance.choice(IDS))
            right = Right(chance.choice((1, 1, 2, 2, 4, 8, chance.randint(1, 15))))
            wanted = {name for name, bit in acl.RIGHTS.items() if right & bit}
            expected = literally(rules, caller, wanted, record)
            assert may(world, caller, right, record) is expected, (caller, right, record)
            found = reasons(world, caller, right, record)
            assert any(reason.grants for reason in found) is expected, (caller, right, record)
            granted += expected
            makes = create_literally(rules, caller, NAMED[kind])
            assert may_create(world, caller, kind) is makes
            created += makes
    assert CASES // 5 < granted < CASES * 4 // 5  # the cases are worth something
    assert created > CASES // 20


# ---- rules that cannot be ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ((0, 0x14_0000_0000, 1, acl.ALL), "user 0 must say exactly one"),
        ((acl.ALL | 3, 0x14_0000_0000, 1, acl.ALL), "means all and has a number"),
        ((acl.CLUSTER, 0x14_0000_0000, 1, acl.ALL), "user 800000000 has bits"),
        ((acl.ALL, acl.ALL, 1, acl.ALL), "names no kind"),
        ((acl.ALL, 0x14_0000_0000, 0, acl.ALL), "rights are missing"),
        ((acl.ALL, 0x14_0000_0000, 16, acl.ALL), "rights 10 has bits"),
        ((acl.ALL, 0x18_0000_0001, 1, acl.ALL), "VM cannot be chosen by cluster"),
        ((acl.ALL, 0x22_0000_0001, 1, acl.ALL), "HOST cannot be chosen by group"),
        ((acl.ALL, 0x11_0000_0001, 1, acl.ALL), "VM cannot be one object in all zones"),
        ((acl.ALL, 0x80_0004_0000_0000, 1, acl.ALL), "has bits"),
        ((acl.ALL, 0x14_0000_0000, 1, acl.GROUP | 1), "zone"),
    ],
)
def test_rules_that_cannot_be(rule: tuple[int, int, int, int], what: str) -> None:
    with pytest.raises(BadValue, match=what):
        acl.checked(Rule(*rule))


@pytest.mark.parametrize("text", ["", "x", "-1", "0x", "1" * 17, "8000000000000000", "1 2"])
def test_components_are_hexadecimal(text: str) -> None:
    with pytest.raises(BadValue, match="hexadecimal"):
        acl.number_of("user", text)
    assert acl.number_of("user", "0x1F") == acl.number_of("user", "1f") == 31


def test_what_is_deleted_is_named_no_more() -> None:
    world = World()
    tx = Transaction(world, 0.0)
    group = tx.put(Group(id=100, name="lab", admins=(2,)))
    user = tx.put(User(id=2, name="u", gid=100))
    host = tx.put(Host(id=5, name="h", im_mad="", vm_mad=""))
    cluster = tx.put(Cluster(id=1, name="c"))
    tx.put(
        Vdc(
            id=0,
            name="v",
            groups=(100,),
            clusters=((0, 1), (7, 1)),
            hosts=((0, 5),),
        )
    )
    both = implied.add(
        tx, Rule(acl.ALL, acl.TYPES["HOST"] | acl.TYPES["NET"] | acl.INDIVIDUAL | 5, 1, acl.HERE)
    )
    mine = implied.add(tx, Rule(acl.INDIVIDUAL | 2, acl.TYPES["VM"] | acl.ALL, 1, acl.HERE))
    implied.settle(tx)
    tx.delete(host)
    assert world.acl[both.id].resource == acl.TYPES["NET"] | acl.INDIVIDUAL | 5
    assert world.vdcs[0].hosts == ()
    tx.delete(cluster)
    assert world.vdcs[0].clusters == ((7, 1),)
    tx.delete(user)
    assert mine.id not in world.acl
    assert world.groups[100].admins == ()
    tx.delete(world.groups[group.id])
    assert world.vdcs[0].groups == ()
    assert [rule.id for rule in world.acl] == [both.id]
