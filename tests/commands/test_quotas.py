"""Quotas: nobody takes more than he may, and what is taken is what the records say."""

import random
from typing import Any

import pytest

from innkeeper.commands import (
    clusters,
    common,
    disks,
    hosts,
    images,
    nics,
    quotas,
    reservations,
    scheduling,
    users,
    vms,
)
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import Datastore, Image, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.quotas import MILLION, Usage, charges
from innkeeper.placement.decide import place
from tests.commands.realm import ADMIN, ALICE, BOB, IMAGE, NETWORK, VM, Realm


def limit(realm: Realm, text: str, uid: int = ALICE.uid) -> None:
    """Sets limits of a user."""
    realm.do(lambda tx: quotas.set_user(tx, ADMIN, uid, text))


def used(realm: Realm, kind: str, which: str, metric: str, holder: Any = ("user", 2)) -> int:
    return realm.world.usage.of(holder).get((kind, which, metric), 0)


def refused(realm: Realm, change: Any, code: Code = Code.AUTHORIZATION) -> str:
    return realm.refused(code, change)


def allocate(caller: Caller = ALICE, text: str = VM) -> Any:
    return lambda tx: vms.allocate(tx, caller, text, True)


@pytest.mark.parametrize(
    ("quota", "metric", "limit_text"),
    [
        ("VMS=1", "VMS", "1"),
        ("CPU=1.5", "CPU", "1.50"),
        ("MEMORY=200", "MEMORY", "200"),
        ("RUNNING_VMS=1", "RUNNING_VMS", "1"),
        ("RUNNING_CPU=1", "RUNNING_CPU", "1"),
        ("RUNNING_MEMORY=255", "RUNNING_MEMORY", "255"),
        ("SYSTEM_DISK_SIZE=9", "SYSTEM_DISK_SIZE", "9"),
    ],
)
def test_limits_of_vms(realm: Realm, quota: str, metric: str, limit_text: str) -> None:
    machine = f"{VM}\nDISK=[TYPE=fs,SIZE=5]"
    limit(realm, f"VM=[{quota}]")
    first = realm.do(allocate(text=machine))
    told = refused(realm, allocate(text=machine))
    assert told == f"user [2] limit of {limit_text} reached for {metric} quota in VM."
    realm.do(allocate(BOB, machine))
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", first))
    realm.do(allocate(text=machine))


def test_limits_of_groups(realm: Realm) -> None:
    realm.do(lambda tx: quotas.set_group(tx, ADMIN, 1, "VM=[VMS=2]"))
    realm.do(allocate())
    realm.do(allocate(BOB))
    assert "group [1] limit of 2 reached for VMS" in refused(realm, allocate(BOB))
    realm.do(allocate(ADMIN))


def test_default_limits(realm: Realm) -> None:
    """They hold for those that have none of their own; -2 is a limit of one's own: none."""
    realm.do(lambda tx: quotas.set_default(tx, ADMIN, "user", "VM=[VMS=0]"))
    refused(realm, allocate())
    limit(realm, "VM=[VMS=-2]")
    realm.do(allocate())
    limit(realm, "VM=[VMS=-1]")
    assert realm.world.users[ALICE.uid].quotas == ()
    refused(realm, allocate())
    realm.do(lambda tx: quotas.set_default(tx, ADMIN, "user", "VM=[VMS=-2]"))
    realm.do(allocate())
    realm.do(lambda tx: quotas.set_default(tx, ADMIN, "group", "VM=[VMS=0]"))
    assert "group [1] limit of 0" in refused(realm, allocate())


def test_administrators_have_none(realm: Realm) -> None:
    realm.do(lambda tx: quotas.set_default(tx, ADMIN, "user", "VM=[VMS=0]"))
    realm.do(lambda tx: quotas.set_default(tx, ADMIN, "group", "VM=[VMS=0]"))
    realm.do(allocate(ADMIN))
    refused(realm, lambda tx: quotas.set_user(tx, ADMIN, 0, "VM=[VMS=1]"), Code.ACTION)
    refused(realm, lambda tx: quotas.set_group(tx, ADMIN, 0, "VM=[VMS=1]"), Code.ACTION)


def test_limits_of_datastores(realm: Realm) -> None:
    limit(realm, "DATASTORE=[ID=1,IMAGES=2,SIZE=20]")
    image = realm.image("NAME=a\nSIZE=9\nTYPE=DATABLOCK", ALICE)
    told = refused(
        realm,
        lambda tx: images.allocate(tx, ALICE, "NAME=b\nSIZE=12\nTYPE=DATABLOCK", 1, False, ()),
    )
    assert told == "user [2] limit of 20 reached for SIZE quota in Datastore with ID: 1."
    realm.image("NAME=b\nSIZE=9\nTYPE=DATABLOCK", ALICE)
    assert "IMAGES" in refused(
        realm, lambda tx: images.allocate(tx, ALICE, "NAME=c\nSIZE=1\nTYPE=DATABLOCK", 1, False, ())
    )
    realm.do(lambda tx: images.delete(tx, ALICE, image.id, False))
    realm.finish()
    assert used(realm, "DATASTORE", "1", "IMAGES") == 1


def test_limits_of_networks(realm: Realm) -> None:
    realm.network(NETWORK)
    limit(realm, "NETWORK=[ID=0,LEASES=2]")
    machine = f"{VM}\nNIC=[NETWORK_ID=0]"
    realm.do(allocate(text=machine))
    told = refused(realm, allocate(text=f"{machine}\nNIC=[NETWORK_ID=0]"))
    assert told == "user [2] limit of 2 reached for LEASES quota in Network with ID: 0."
    refused(realm, lambda tx: reservations.reserve(tx, ALICE, 0, "NAME=mine\nSIZE=2"))
    realm.do(lambda tx: reservations.reserve(tx, ALICE, 0, "NAME=mine\nSIZE=1"))
    refused(realm, allocate(text=machine))


def test_limits_of_images(realm: Realm) -> None:
    image = realm.image(IMAGE)
    realm.do(lambda tx: common.chmod(tx, ADMIN, Image, image.id, (1, 1, 0, 0, 0, 0, 1, 0, 0)))
    limit(realm, f"IMAGE=[ID={image.id},RVMS=1]")
    machine = f"{VM}\nDISK=[IMAGE_ID={image.id}]"
    realm.do(allocate(text=machine))
    assert "RVMS quota in Image with ID: 0" in refused(realm, allocate(text=machine))


def test_what_is_plugged_in_counts(realm: Realm) -> None:
    realm.network(NETWORK)
    vm = realm.running(caller=ALICE)
    limit(realm, "NETWORK=[ID=0,LEASES=0]\nVM=[SYSTEM_DISK_SIZE=4]")
    refused(realm, lambda tx: nics.attach(tx, ALICE, vm.id, "NIC=[NETWORK_ID=0]"))
    refused(realm, lambda tx: disks.attach(tx, ALICE, vm.id, "DISK=[TYPE=fs,SIZE=5]"))
    realm.do(lambda tx: disks.attach(tx, ALICE, vm.id, "DISK=[TYPE=fs,SIZE=4]"))
    realm.finish()
    refused(realm, lambda tx: disks.resize(tx, ALICE, vm.id, 0, "5"))


def test_what_is_given_away_counts_for_its_new_owner(realm: Realm) -> None:
    vm = realm.vm(caller=ALICE)
    limit(realm, "VM=[VMS=0]", BOB.uid)
    assert "user [3] limit of 0" in refused(
        realm, lambda tx: vms.chown(tx, ADMIN, vm.id, BOB.uid, -1)
    )
    limit(realm, "VM=[VMS=1]", BOB.uid)
    realm.do(lambda tx: vms.chown(tx, ADMIN, vm.id, BOB.uid, -1))
    assert (used(realm, "VM", "", "VMS"), used(realm, "VM", "", "VMS", ("user", 3))) == (0, 1)


def test_who_rests_does_not_run(realm: Realm) -> None:
    """Resuming takes what running takes; its refusal is an error of the action, as the contract has it."""
    vm = realm.running(caller=ALICE)
    realm.do(lambda tx: vms.act(tx, ALICE, "poweroff", vm.id))
    realm.finish()
    assert used(realm, "VM", "", "RUNNING_VMS") == 0
    assert used(realm, "VM", "", "VMS") == 1
    limit(realm, "VM=[RUNNING_VMS=0]")
    refused(realm, lambda tx: vms.act(tx, ALICE, "resume", vm.id), Code.ACTION)
    limit(realm, "VM=[RUNNING_VMS=1]")
    realm.do(lambda tx: vms.act(tx, ALICE, "resume", vm.id))
    realm.finish()
    assert used(realm, "VM", "", "RUNNING_MEMORY") == 128


@pytest.mark.parametrize("action", ["terminate", "undeploy"])
def test_who_runs_too_many_may_still_end_what_does_not_run(realm: Realm, action: str) -> None:
    off = realm.running(VM, ALICE)
    realm.do(lambda tx: vms.act(tx, ALICE, "poweroff-hard", off.id))
    realm.finish()
    limit(realm, "VM=[RUNNING_VMS=0]")
    realm.do(lambda tx: vms.act(tx, ALICE, action, off.id))
    realm.finish()
    assert used(realm, "VM", "", "RUNNING_VMS") == 0


def test_what_is_over_a_lowered_limit_may_stay(realm: Realm) -> None:
    """And everything goes on that takes no more."""
    vm = realm.running(f"{VM}\nDISK=[TYPE=fs,SIZE=5]", ALICE)
    limit(realm, "VM=[VMS=0,CPU=0.5]")
    realm.do(lambda tx: vms.rename(tx, ALICE, vm.id, "renamed"))
    realm.do(lambda tx: vms.act(tx, ALICE, "poweroff", vm.id))
    realm.finish()
    realm.do(lambda tx: vms.act(tx, ALICE, "resume", vm.id))


def test_limits_of_clusters(realm: Realm) -> None:
    """A VM that would exceed one does not go there."""
    limit(realm, 'VM=[CLUSTER_IDS="0",VMS=1]\nVM=[VMS=5]')
    realm.running(caller=ALICE)
    assert used(realm, "VM", "%0", "VMS") == 1
    second = realm.vm(caller=ALICE)
    host = realm.host("more")
    told = refused(realm, lambda tx: vms.deploy_on(tx, ADMIN, second.id, host, False, -1))
    assert told == "user [2] limit of 1 reached for VMS quota in VM in cluster 0."


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("VM=[VMS=-3]", "VM/VMS must be -2 (unlimited)"),
        ("VM=[VMS=x]", "not 'x'"),
        ("VM=[VMS=1.5]", "not '1.5'"),
        ("VM=[CPU=1e999]", "VM/CPU"),
        ("VM=[CPU=nan]", "VM/CPU"),
        ("VM=[SPEED=1]", "VM/SPEED is no metric"),
        ("SHIP=[ID=1]", "SHIP is no kind of quota"),
        ("VM=3", "VM must be a vector"),
        ("DATASTORE=[SIZE=1]", "DATASTORE/ID must be the number"),
        ("NETWORK=[ID=x,LEASES=1]", "NETWORK/ID must be the number"),
        ('VM=[CLUSTER_IDS="0,1",VMS=1]\nVM=[CLUSTER_IDS="1,2",VMS=1]', "Cluster 1 is in another"),
    ],
)
def test_quotas_that_cannot_be(realm: Realm, text: str, what: str) -> None:
    assert what in refused(realm, lambda tx: quotas.set_user(tx, ADMIN, 2, text), Code.INTERNAL)


def test_who_sets_limits(realm: Realm) -> None:
    refused(realm, lambda tx: quotas.set_user(tx, ALICE, 2, "VM=[VMS=9]"))
    refused(realm, lambda tx: quotas.set_group(tx, ALICE, 1, "VM=[VMS=9]"))
    refused(realm, lambda tx: quotas.set_default(tx, ALICE, "user", "VM=[VMS=9]"))
    told = 'VM=[CLUSTER_IDS="0",VMS=1]'
    refused(realm, lambda tx: quotas.set_default(tx, ADMIN, "user", told), Code.INTERNAL)
    refused(realm, lambda tx: quotas.set_user(tx, ADMIN, 77, ""), Code.NO_EXISTS)


# ---- never drifting ---------------------------------------------------------------------------


def recounted(realm: Realm) -> dict[Any, dict[Any, int]]:
    """What everybody takes, counted from the records."""
    found: dict[Any, dict[Any, int]] = {}
    for record in (*realm.world.vms, *realm.world.images, *realm.world.networks):
        for key, amount in charges(record):
            for holder in (("user", record.uid), ("group", record.gid)):
                mine = found.setdefault(holder, {})
                mine[key] = mine.get(key, 0) + amount
    return {
        holder: {key: amount for key, amount in mine.items() if amount}
        for holder, mine in found.items()
        if any(mine.values())
    }


def kept(usage: Usage) -> dict[Any, dict[Any, int]]:
    return {holder: mine for holder, mine in usage._used.items() if mine}


def test_usage_is_what_the_records_say(realm: Realm) -> None:
    """After each of many random requests, refused ones included; and no limit is exceeded that holds."""
    chance = random.Random(7)
    realm.network(NETWORK)
    image = realm.image(IMAGE)
    realm.do(lambda tx: common.chmod(tx, ADMIN, Image, image.id, (1, 1, 0, 1, 0, 0, 1, 0, 0)))
    for uid in (2, 3):
        limit(
            realm,
            "VM=[VMS=6,CPU=2.7,MEMORY=1500,SYSTEM_DISK_SIZE=60]\nNETWORK=[ID=0,LEASES=4]",
            uid,
        )
    realm.do(lambda tx: quotas.set_group(tx, ADMIN, 1, "VM=[VMS=8,CPU=4.1]\nIMAGE=[ID=0,RVMS=6]"))
    refusals = 0
    for _ in range(600):
        caller = chance.choice((ADMIN, ALICE, BOB))
        mine = [vm.id for vm in realm.world.vms if vm.state.name != "DONE"]
        target = chance.choice(mine) if mine else 0
        disk = chance.choice(
            ("", "\nDISK=[IMAGE_ID=0]", f"\nDISK=[TYPE=fs,SIZE={chance.randint(1, 20)}]")
        )
        nic = chance.choice(("", "\nNIC=[NETWORK_ID=0]"))
        text = f"CPU={chance.choice((0.1, 0.3, 0.7, 1))}\nMEMORY={chance.choice((64, 128, 300))}{disk}{nic}"
        request: Any = chance.choice((
            allocate(caller, text), allocate(caller, text),
            lambda tx, c=caller, t=target: vms.act(tx, c, chance.choice(("terminate", "release", "hold")), t),
            lambda tx, t=target: vms.chown(tx, ADMIN, t, chance.choice((0, 2, 3)), chance.choice((-1, 0, 1))),
            lambda tx, c=caller: reservations.reserve(tx, c, 0, f"NAME=r{chance.random()}\nSIZE=1"),
        ))  # fmt: skip
        try:
            realm.do(request)
        except Refusal:
            refusals += 1
        realm.finish()
        assert kept(realm.world.usage) == recounted(realm)
        for uid in (2, 3):
            taken = realm.world.usage.of(("user", uid))
            assert taken.get(("VM", "", "VMS"), 0) <= 6
            assert taken.get(("VM", "", "CPU"), 0) <= 2.7 * MILLION
            assert taken.get(("NETWORK", "0", "LEASES"), 0) <= 4
        assert realm.world.usage.of(("group", 1)).get(("VM", "", "VMS"), 0) <= 8
    assert 100 < refusals < 500


def test_concurrent_requests_cannot_exceed_a_limit(realm: Realm) -> None:
    """None waits for durability before the next one asks."""
    limit(realm, "VM=[VMS=3]")
    done = 0
    for _ in range(20):
        try:
            realm.core.transact(allocate())
            done += 1
        except Refusal:
            pass
    assert done == 3


def test_a_deleted_user_is_limited_no_more(realm: Realm) -> None:
    vm: Vm = realm.vm(caller=ALICE)
    realm.do(lambda tx: users.delete(tx, ADMIN, ALICE.uid))
    assert used(realm, "VM", "", "VMS") == 1
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    assert used(realm, "VM", "", "VMS") == 0


def placed(realm: Realm) -> None:
    """A pass of placement."""
    decisions = place(realm.world, realm.clock.now)
    realm.core.transact(lambda tx: scheduling.carry_out(tx, decisions), limited=False)


def test_placement_keeps_to_the_quotas_of_clusters(realm: Realm) -> None:
    """Two wait, and there is room for one: the other goes to another cluster, or waits and is told why."""
    limit(realm, 'VM=[CLUSTER_IDS="0",VMS=1]')
    realm.host()
    first, second = (realm.vm(caller=ALICE, hold=False).id for _ in range(2))
    for _ in range(2):  # what the first pass has placed it does not see itself
        placed(realm)
    assert realm.world.vms[first].place is not None
    assert realm.world.vms[second].place is None
    told = realm.world.vms[second].user_template.get("SCHED_MESSAGE")
    assert told is not None and "in a cluster where its owner's quota is used up" in told
    east = realm.do(lambda tx: clusters.allocate(tx, ADMIN, "east"))
    host = realm.host("east1")
    realm.do(lambda tx: hosts.move(tx, ADMIN, east, host))
    realm.do(lambda tx: clusters.add(tx, ADMIN, Datastore, east, 0))
    realm.core.transact(lambda tx: scheduling.carry_out(tx, place(tx.world, tx.now)), limited=False)
    there = realm.world.vms[second].place
    assert there is not None and there.host_id == host


def test_vms_count_where_their_host_goes(realm: Realm) -> None:
    """A host takes its VMs along to another cluster, unless a quota has no room for them there."""
    vm = realm.running(caller=ALICE)
    east = realm.do(lambda tx: clusters.allocate(tx, ADMIN, "east"))
    assert vm.place is not None
    host = vm.place.host_id
    limit(realm, f'VM=[CLUSTER_IDS="{east}",CPU=0.5]')
    refused(realm, lambda tx: hosts.move(tx, ADMIN, east, host))
    limit(realm, f'VM=[CLUSTER_IDS="{east}",CPU=1]')
    realm.do(lambda tx: hosts.move(tx, ADMIN, east, host))
    assert (used(realm, "VM", "%0", "VMS"), used(realm, "VM", f"%{east}", "VMS")) == (0, 1)
    moved = realm.world.vms[vm.id].place
    assert moved is not None and moved.cluster_id == east


def test_persistent_images_grow_within_limits(realm: Realm) -> None:
    image = realm.image("NAME=p\nSIZE=9\nTYPE=DATABLOCK\nPERSISTENT=YES", ALICE)
    vm = realm.running(f"{VM}\nDISK=[IMAGE_ID={image.id}]", ALICE)
    limit(realm, "DATASTORE=[ID=1,SIZE=20]")
    told = refused(realm, lambda tx: disks.resize(tx, ALICE, vm.id, 0, "21"))
    assert told == "User [2] : user [2] limit of 20 reached for SIZE quota in Datastore with ID: 1."
    realm.do(lambda tx: disks.resize(tx, ALICE, vm.id, 0, "20"))
    realm.finish()
    assert used(realm, "DATASTORE", "1", "SIZE") == 20


@pytest.mark.parametrize("rest", ["poweroff", "suspend", "stop", "undeploy"])
@pytest.mark.parametrize("end", ["terminate", "terminate-hard", "recover"])
def test_nothing_keeps_a_vm_from_ending(realm: Realm, rest: str, end: str) -> None:
    """Not even a limit of what may run that was lowered: what ends does not run."""
    vm = realm.running(caller=ALICE)
    realm.do(lambda tx: vms.act(tx, ALICE, rest, vm.id))
    realm.finish()
    limit(realm, "VM=[RUNNING_VMS=0,RUNNING_CPU=0,RUNNING_MEMORY=0]")
    if end == "recover":
        realm.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 3))
    else:
        realm.do(lambda tx: vms.act(tx, ALICE, end, vm.id))
    realm.finish()
    assert realm.world.vms[vm.id].state.name == "DONE"
    assert used(realm, "VM", "", "VMS") == 0


def test_a_suspended_vm_may_give_its_place_up(realm: Realm) -> None:
    vm = realm.running(caller=ALICE)
    realm.do(lambda tx: vms.act(tx, ALICE, "suspend", vm.id))
    realm.finish()
    limit(realm, "VM=[RUNNING_VMS=0]")
    realm.do(lambda tx: vms.act(tx, ALICE, "stop", vm.id))
    realm.finish()
    assert realm.world.vms[vm.id].state.name == "STOPPED"
