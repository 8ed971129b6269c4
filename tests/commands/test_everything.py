"""Any commands in any order, by anybody: each is done whole or refused without a trace, and indexes tell what is."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innkeeper.commands import (
    auth,
    backupjobs,
    clusters,
    common,
    datastores,
    documents,
    hooks,
    hosts,
    images,
    locks,
    markets,
    networks,
    reservations,
    schedules,
    secgroups,
    template_images,
    templates,
    users,
    vmgroups,
    vms,
    vntemplates,
    zones,
)
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.lifecycle.messages import HostDown, HostUp, Sampled
from innkeeper.model.catalogue import Market, MarketApp
from innkeeper.model.errors import Refusal
from innkeeper.model.jobs import BackupJob
from innkeeper.model.nouns import Document, Hook, VmGroup, VnTemplate
from innkeeper.model.objects import (
    Cluster,
    Datastore,
    Image,
    Network,
    SecurityGroup,
    Vm,
    VmTemplate,
)
from innkeeper.model.world import Transaction, World
from innkeeper.sim.invariants import contents
from tests.commands.realm import ADMIN, ALICE, BOB, FACTS, NETWORK, VM, Realm

callers = st.sampled_from((ADMIN, ADMIN, ADMIN, ALICE, BOB))
ids = st.sampled_from((0, 0, 0, 1, 1, 1, 2, 3, 100, -1, 7))
flags = st.booleans()
names = st.sampled_from(("a", "b", "net", "img", "alice", "north", "", "x" * 129, "a;b"))
owned = st.sampled_from((
    Vm, Image, Network, VmTemplate, Datastore, SecurityGroup, VnTemplate, VmGroup, Document, Market, MarketApp,
    BackupJob,
))  # fmt: skip
lockable = st.sampled_from(
    (Vm, Image, Network, VmTemplate, VnTemplate, VmGroup, Document, Hook, MarketApp, BackupJob)
)
appends = st.sampled_from((0, 1, 1, 2))
numbers = st.sampled_from(
    ("1", "2", "9", "0", "-1", "+3", "nan", "inf", "1e999", "\u0663", "1_0", "9" * 30, "9" * 5000, "", "x")
)  # fmt: skip
addresses = st.sampled_from(
    ("10.0.0.1", "10.0.0.3", "10.0.0.9", "::a00:2", "fe80::1%x", "02:00:0a:00:00:03", "0x1", "", "255.255.255.255")
)  # fmt: skip
parts = st.sampled_from(
    ("IMAGE", "IMAGE_ID", "NETWORK", "NETWORK_ID", "AR_ID", "NIC_ID", "DISK_ID", "IP", "IP6", "MAC", "SIZE", "TYPE",
     "TARGET", "ORDER", "CLONE", "DEV_PREFIX", "BOOT", "UUID", "NETWORK_UID", "IMAGE_UNAME", "PREFIX_LENGTH", "A")
)  # fmt: skip
values = numbers | addresses | st.sampled_from(("fs", "swap", "img", "net", "IP4", "IP6", "ETHER", "IP4_6_STATIC",
                                                "disk0,nic0", "$TEMPLATE", "$NIC[IP]", "vda", "YES"))  # fmt: skip
vectors = st.dictionaries(parts, values, max_size=4).map(
    lambda items: ",".join(f'{key}="{value}"' for key, value in items.items())
)
singles = st.sampled_from(
    ("CPU", "MEMORY", "VCPU", "NAME", "SIZE", "PATH", "SOURCE", "FORMAT", "PERSISTENT", "VN_MAD", "BRIDGE", "GATEWAY",
     "NAT", "MTU", "UMASK", "SAFE_DIRS", "SUBMIT_ON_HOLD", "SCHED_REQUIREMENTS", "SECURITY_GROUPS", "TYPE", "DS_MAD")
)  # fmt: skip
lines = st.one_of(
    st.tuples(singles, values).map(lambda pair: f'{pair[0]}="{pair[1]}"'),
    st.tuples(
        st.sampled_from(
            ("DISK", "NIC", "AR", "CONTEXT", "OS", "LEASES", "NIC_DEFAULT", "GRAPHICS")
        ),
        vectors,
    ).map(lambda pair: f"{pair[0]}=[{pair[1]}]"),
)
wild = st.lists(lines, max_size=4).map("\n".join)


def texts(*right: str) -> st.SearchStrategy[str]:
    """Mostly right templates, some of them with something wild in them, some of them all wild."""
    good = st.sampled_from(right)
    return st.one_of(good, good, good, st.tuples(good, lines).map("\n".join), wild)


of_vms = texts(
    VM, f"{VM}\nDISK=[IMAGE_ID=0]\nDISK=[TYPE=fs,SIZE=1]", f"{VM}\nDISK=[IMAGE_ID=1]\nCONTEXT=[NETWORK=YES]",
    f"{VM}\nNIC=[NETWORK_ID=0]\nNIC=[NETWORK_ID=0,IP=10.0.0.3]", f"{VM}\nNIC=[NETWORK_ID=0]\nOS=[BOOT=nic0]",
)  # fmt: skip
of_templates = of_vms.flatmap(lambda text: names.map(lambda name: f'NAME="{name}"\n{text}'))
of_images = texts("NAME=a\nSIZE=9", "NAME=b\nSIZE=9\nPERSISTENT=YES", "NAME=c\nPATH=/images/x")
of_networks = texts(NETWORK, "NAME=a\nVN_MAD=bridge", "NAME=b\nVN_MAD=dummy\nBRIDGE=br0")
of_ranges = texts(
    "AR=[TYPE=IP4,IP=10.0.0.1,SIZE=9]", "AR=[TYPE=IP4,IP=10.0.1.1,SIZE=3]", "AR=[TYPE=ETHER,SIZE=2]",
    "AR=[AR_ID=0,SIZE=5]", "AR=[AR_ID=1,SIZE=4]", "AR=[TYPE=IP6,SIZE=3,GLOBAL_PREFIX=\"2001:db8::\"]",
)  # fmt: skip
of_leases = texts(
    "LEASES=[IP=10.0.0.3]", "LEASES=[IP=10.0.0.4]", 'LEASES=[MAC="02:00:0a:00:00:05"]'
)
of_reservations = texts(
    "NAME=a\nSIZE=2",
    "NAME=b\nSIZE=1\nIP=10.0.0.4",
    "NETWORK_ID=1\nSIZE=1",
    "NETWORK_ID=2\nSIZE=3\nAR_ID=0",
)
of_groups = texts(
    "NAME=a\nRULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=22]", "NAME=b\nRULE=[PROTOCOL=ALL,RULE_TYPE=OUTBOUND]",
    "NAME=c\nRULE=[PROTOCOL=ICMP,RULE_TYPE=INBOUND,NETWORK_ID=0]",
    "NAME=d\nRULE=[PROTOCOL=UDP,RULE_TYPE=INBOUND,IP=::1,SIZE=4]",
)  # fmt: skip
of_stores = texts("NAME=a\nDS_MAD=dummy\nTM_MAD=dummy", "NAME=b\nTYPE=SYSTEM_DS\nTM_MAD=dummy")
of_any = texts("A=1", "B=[C=2]", "GATEWAY=10.0.0.254", "UMASK=137")
of_vm_groups = texts(
    'NAME=a\nROLE=[NAME=a,POLICY=ANTI_AFFINED]\nROLE=[NAME=b]\nANTI_AFFINED="a,b"',
    'NAME=b\nROLE=[NAME=a]\nROLE=[NAME=b]\nAFFINED="a,b"',
    "NAME=c\nROLE=[NAME=a,HOST_AFFINED=0]",
)
of_roles = texts("ROLE=[NAME=x]", "POLICY=AFFINED", "ROLE=[NAME=a,HOST_ANTI_AFFINED=1]")
CHANGES = frozenset({"one.vm.allocate"})
of_hooks = texts(
    "NAME=a\nTYPE=state\nRESOURCE=VM\nON=RUNNING\nCOMMAND=x", "NAME=b\nTYPE=api\nCALL=one.vm.allocate\nCOMMAND=x",
    "NAME=c\nTYPE=state\nRESOURCE=IMAGE\nSTATE=USED\nCOMMAND=x\nREMOTE=yes", "ON=DONE",
)  # fmt: skip
of_markets = texts("NAME=a\nMARKET_MAD=http\nBASE_URL=x\nPUBLIC_DIR=y", "NAME=b\nMARKET_MAD=one")
of_apps = texts("NAME=a\nORIGIN_ID=0", "NAME=b\nORIGIN_ID=-1\nTYPE=VMTEMPLATE")
of_jobs = texts('NAME=a\nBACKUP_VMS="0,1"', "NAME=b\nBACKUP_VMS=2\nEXECUTION=PARALLEL", "NAME=c")
of_runs = texts("SCHED_ACTION=[TIME=1800000000]", "SCHED_ACTION=[TIME=1,REPEAT=3,DAYS=2]")
kinds_and_bits = st.tuples(*[st.sampled_from((-1, -1, 0, 1, 2))] * 9)

COMMANDS: tuple[tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]], ...] = (
    (vms.allocate, (of_vms, flags)),
    (vms.allocate, (of_vms, flags)),
    (vms.act, (st.sampled_from(sorted(ACTIONS)), ids)),
    (vms.recover, (ids, st.sampled_from((0, 1, 2, 3, 4, 5, 6)))),
    (vms.deploy_on, (ids, ids, flags, ids)),
    (vms.update, (ids, of_any, appends)),
    (vms.chown, (ids, ids, ids)),
    (images.allocate, (of_images, st.just(1), flags, st.just(("/images",)))),
    (images.delete, (ids, flags)),
    (images.clone, (ids, names, ids)),
    (images.update_image, (ids, of_any, appends)),
    (images.enable, (ids, flags)),
    (images.persistent, (ids, flags)),
    (images.chtype, (ids, st.sampled_from(("CDROM", "OS", "KERNEL", "x")))),
    (networks.allocate, (of_networks, ids)),
    (networks.delete, (ids,)),
    (networks.update, (ids, of_any, appends)),
    (networks.add_range, (ids, of_ranges)),
    (networks.remove_range, (ids, ids, flags)),
    (networks.update_range, (ids, of_ranges)),
    (networks.hold, (ids, of_leases)),
    (networks.release, (ids, of_leases)),
    (reservations.reserve, (ids, of_reservations)),
    (reservations.free_range, (ids, ids)),
    (networks.recover, (ids, ids)),
    (secgroups.allocate, (of_groups,)),
    (secgroups.update, (ids, of_groups, appends)),
    (secgroups.commit, (ids, flags)),
    (secgroups.clone, (ids, names)),
    (secgroups.delete, (ids,)),
    (templates.allocate, (of_templates,)),
    (common.update, (st.just(VmTemplate), ids, of_vms, appends)),
    (template_images.clone, (ids, names, flags)),
    (template_images.delete, (ids, flags)),
    (template_images.instantiate, (ids, names, flags, of_any, flags)),
    (hosts.allocate, (names, st.just("dummy"), st.just("dummy"), ids)),
    (hosts.delete, (ids,)),
    (hosts.rename_host, (ids, names)),
    (hosts.status, (ids, st.integers(-1, 3))),
    (hosts.update_host, (ids, of_any, appends)),
    (hosts.move, (ids, ids)),
    (clusters.allocate, (names,)),
    (clusters.delete, (ids,)),
    (datastores.allocate, (of_stores, ids, st.just("/ds"))),
    (datastores.delete, (ids,)),
    (datastores.update_datastore, (ids, of_any, appends)),
    (datastores.enable, (ids, flags)),
    (users.allocate, (names, st.just("hash"), st.just("core"), st.lists(ids, max_size=3))),
    (users.delete, (ids,)),
    (users.update_user, (ids, of_any, appends)),
    (users.chgrp, (ids, ids)),
    (users.allocate_group, (names,)),
    (users.delete_group, (ids,)),
    (auth.login, (names, names, ids, ids)),
    (common.rename, (owned, ids, names)),
    (common.chown, (owned, ids, ids, ids)),
    (common.chmod, (owned, ids, kinds_and_bits)),
    (clusters.add, (st.sampled_from((Datastore, Network)), ids, ids)),
    (clusters.remove, (st.sampled_from((Datastore, Network)), ids, ids)),
    (common.rename, (st.just(Cluster), ids, names)),
    (locks.lock, (lockable, ids, st.integers(0, 5), flags)),
    (locks.unlock, (lockable, ids)),
)  # fmt: skip
COMMANDS += (
    (vntemplates.allocate, (of_networks,)),
    (vntemplates.clone, (ids, names)),
    (vntemplates.instantiate, (ids, names, of_ranges)),
    (documents.allocate, (of_groups, ids)),
    (documents.clone, (ids, names)),
    (vmgroups.allocate, (of_vm_groups,)),
    (vmgroups.update, (ids, of_vm_groups, appends)),
    (vmgroups.add_role, (ids, of_roles)),
    (vmgroups.update_role, (ids, ids, of_roles)),
    (vmgroups.delete_role, (ids, ids)),
    (vmgroups.add_vm, (ids, ids, st.sampled_from(("a", "b", "x")))),
    (vmgroups.remove_vm, (ids,)),
    (vmgroups.delete, (ids,)),
    (hooks.allocate, (of_hooks, st.just(CHANGES))),
    (hooks.update, (ids, of_hooks, appends, st.just(CHANGES))),
    (hooks.retry, (ids, ids)),
    (hooks.delete, (ids,)),
    (zones.update, (ids, of_any, appends)),
    (markets.allocate, (of_markets,)),
    (markets.enable, (ids, flags)),
    (markets.delete, (ids,)),
    (markets.allocate_app, (of_apps, st.sampled_from((0, 100, 101)))),
    (markets.enable_app, (ids, flags)),
    (markets.delete_app, (ids,)),
    (backupjobs.allocate, (of_jobs,)),
    (backupjobs.update, (ids, of_jobs, appends)),
    (backupjobs.backup, (ids,)),
    (backupjobs.retry, (ids,)),
    (backupjobs.cancel, (ids,)),
    (backupjobs.set_priority, (ids, ids)),
    (backupjobs.delete, (ids,)),
    (schedules.add_to, (st.just(BackupJob), ids, of_runs)),
    (schedules.update_of, (st.just(BackupJob), ids, ids, of_runs)),
    (schedules.delete_of, (st.just(BackupJob), ids, ids)),
)
commands = st.one_of([
    st.tuples(st.just(work), callers, st.tuples(*arguments)) for work, arguments in COMMANDS
])  # fmt: skip
#: What agents say: an answer to the oldest question, or something of their own accord.
answers = st.sampled_from(("", "", "", "", "refused", "failed", "unreachable"))
guests = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(("running", "off", "saved", "paused"))),
    max_size=3,
)  # fmt: skip
said = st.one_of(
    st.builds(lambda host, found: Sampled(host, tuple(found)), st.integers(0, 2), guests),
    st.builds(lambda host: HostDown(host, "away"), st.integers(0, 2)),
    st.builds(lambda host, found: HostUp(host, FACTS, _inventory(found)), st.integers(0, 2), guests),
)  # fmt: skip


def _inventory(found: list[tuple[int, int, str]]) -> dict[str, Any]:
    return {"vms": [{"vm": vm, "generation": g, "state": s, "folder": True} for vm, g, s in found]}


def rebuilt(world: World) -> World:
    """A world from the records alone."""
    again = World()
    for kind, table in world.tables.items():
        for record in table:
            again.load(kind, record)
    return again


def furnished() -> Realm:
    realm = Realm()
    realm.core.watchers.append(lambda tx: hooks.notice(tx, lambda record: record.name))
    realm.host()
    realm.network()
    realm.image()
    realm.image("NAME=p\nSIZE=9\nPERSISTENT=YES")
    for text in (f"{VM}\nNIC=[NETWORK_ID=0]\nDISK=[IMAGE_ID=0]", VM):
        realm.running(text)
    realm.vm(f"{VM}\nNIC=[NETWORK_ID=0]")
    realm.do(lambda tx: templates.allocate(tx, ADMIN, f"{VM}\nNAME=t\nDISK=[IMAGE_ID=0]"))
    return realm


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(commands, commands, commands, answers, said), min_size=10, max_size=60))
def test_all_of_it(steps: list[Any]) -> None:
    realm = furnished()
    for step in steps:
        if isinstance(step, str):
            if realm.asked:
                realm.answer(step)
        elif isinstance(step, tuple):
            attempt(realm, *step)
        else:
            realm.clock.now += 40
            realm.take(step)
    assert contents(realm.world) == contents(rebuilt(realm.world))
    assert addresses_are_apart(realm.world)


def attempt(
    realm: Realm, work: Callable[..., Any], caller: Any, arguments: tuple[Any, ...]
) -> None:
    """A command: done, or refused without a trace."""
    before = realm.state()

    def change(tx: Transaction) -> Any:
        return work(tx, caller, *arguments)

    try:
        realm.do(change)
    except Refusal:
        assert realm.state() == before


def addresses_are_apart(world: World) -> bool:
    """No two NICs have one address."""
    found = [
        (nic.get("PARENT_NETWORK_ID", nic["NETWORK_ID"]), nic["MAC"], nic.get("IP"))
        for vm in world.vms
        if vm.state.name != "DONE"
        for nic in vm.nics
    ]
    return len({mac for _, mac, _ in found}) == len(found)
