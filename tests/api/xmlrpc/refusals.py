"""How methods are refused: those that are never carried out, by whom others may not be called, in which states."""

from typing import Any

from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import Cloud
from tests.api.xmlrpc.examples import (
    APP,
    EXAMPLES,
    SCHEDULED,
    Make,
    backup_job,
    held,
    in_group,
    just,
    market_app,
    network,
    on,
    running_job,
    vdc,
    with_image,
    with_nic,
)

_ALONE = Code.ACTION
#: Methods that are always refused here, and how: by those who know best.
REFUSED: dict[str, tuple[Code, list[Any] | Make]] = {
    "one.zone.allocate": (Code.ALLOCATE, ["NAME=other"]),
    "one.zone.delete": (_ALONE, [0]),
    "one.zone.addserver": (_ALONE, [0, "SERVER=[NAME=b]"]),
    "one.zone.delserver": (_ALONE, [0, 1]),
    "one.zone.resetserver": (_ALONE, [0, 1]),
    "one.zone.replicate": (_ALONE, [0, 0, 0, 0, 0, 0, 0, 0, ""]),
    "one.zone.voterequest": (_ALONE, [0, 0, 0, 0]),
    "one.zone.fedreplicate": (_ALONE, [0, 0, ""]),
    "one.zone.updatedb": (_ALONE, [0, "<ZONE/>"]),
    "one.market.allocatedb": (_ALONE, [-1, "<MARKETPLACE/>"]),
    "one.market.updatedb": (_ALONE, [0, "<MARKETPLACE/>"]),
    "one.marketapp.allocatedb": (_ALONE, [-1, "<MARKETPLACEAPP/>"]),
    "one.marketapp.updatedb": (_ALONE, [0, "<MARKETPLACEAPP/>"]),
    "one.marketapp.dropdb": (_ALONE, [0]),
    "one.cluster.optimize": (Code.ACTION, [0]),
    "one.cluster.planexecute": (Code.ACTION, [0]),
    "one.cluster.plandelete": (Code.ACTION, [0]),
    "one.image.snapshotdelete": (Code.ACTION, on(Cloud.add_image, 0)),
    "one.image.snapshotrevert": (Code.ACTION, on(Cloud.add_image, 0)),
    "one.image.snapshotflatten": (Code.ACTION, on(Cloud.add_image, 0)),
    "one.vm.attachpci": (Code.ACTION, on(Cloud.add_vm, "PCI=[VENDOR=8086]")),
    "one.vm.detachpci": (Code.ACTION, on(Cloud.add_vm, 0)),
    "one.system.sql": (Code.INTERNAL, ["SELECT 1", False]),
    "one.system.sqlquery": (Code.INTERNAL, ["SELECT 1"]),
}


def params_of(cloud: Cloud, name: str) -> list[Any]:
    """Parameters that are right, whether the method is ever carried out or not."""
    if name in EXAMPLES:
        return EXAMPLES[name](cloud)
    params = REFUSED[name][1]
    return list(params) if isinstance(params, list) else params(cloud)


#: What every user may do to objects of others (or at all): it needs no right, or USE.
FOR_ALL = frozenset({
    "one.image.allocate", "one.template.allocate", "one.vm.allocate", "one.user.info", "one.user.update",
    "one.user.passwd", "one.user.login", "one.group.info", "one.host.info", "one.host.monitoring", "one.vn.info",
    "one.datastore.info", "one.secgroup.allocate", "one.secgroup.clone",
    "one.vn.reserve", "one.zone.info", "one.market.info", "one.marketapp.info",
    "one.document.allocate", "one.backupjob.allocate", "one.vmgroup.allocate",
})  # fmt: skip
#: What a member of `users` may not do.
FORBIDDEN = sorted(
    name
    for name in (*EXAMPLES, *REFUSED)
    if name not in FOR_ALL
    and "pool." not in name
    and ".system." not in name
    and "quota.info" not in name
)


def done(cloud: Cloud) -> int:
    """A VM that has ended."""
    number = cloud.add_vm()
    cloud.do("one.vm.action", "terminate-hard", number)
    return number


def _of_done() -> dict[str, tuple[Code, Make]]:
    """What a VM that has ended is refused, with parameters that would do otherwise."""
    more: dict[str, list[Any]] = {
        "one.vm.attach": ["DISK=[TYPE=fs,SIZE=5]"],
        "one.vm.detach": [0], "one.vm.attachnic": ["NIC=[NETWORK=net]"], "one.vm.detachnic": [0],
        "one.vm.updatenic": [0, "NIC=[METRIC=7]"], "one.vm.diskresize": [0, "9"], "one.vm.resize": ["CPU=0.5"],
        "one.vm.disksnapshotcreate": [0, "s"], "one.vm.disksnapshotdelete": [0, 0],
        "one.vm.disksnapshotrevert": [0, 0], "one.vm.snapshotcreate": ["s"], "one.vm.snapshotrevert": [0],
        "one.vm.snapshotdelete": [0], "one.vm.chown": [2, 1], "one.vm.vmgroupdel": [],
    }  # fmt: skip
    odd: dict[str, list[Any]] = {
        "one.vm.updateconf": ["GRAPHICS=[TYPE=vnc]", 1], "one.vm.schedadd": [SCHEDULED],
        "one.vm.backupcancel": [],
    }  # fmt: skip
    found = {name: (Code.ACTION, on(done, *given)) for name, given in more.items()}
    return found | {name: (Code.INTERNAL, on(done, *given)) for name, given in odd.items()}


#: Refused for what the object is like at that moment: how, and with which parameters.
STATES: dict[str, tuple[Code, Make]] = {
    **_of_done(),
    "one.vm.action": (Code.ACTION, lambda cloud: ["resume", cloud.add_vm()]),
    "one.vm.deploy": (Code.ACTION, lambda cloud: [done(cloud), cloud.add_host()]),
    "one.vm.migrate": (Code.ACTION, lambda cloud: [done(cloud), cloud.add_host(), False]),
    "one.host.delete": (Code.ACTION, lambda cloud: [_host_of(cloud, cloud.add_running())]),
    "one.cluster.delete": (Code.ACTION, just(0)),
    "one.datastore.delete": (Code.ACTION, lambda cloud: [1 + 0 * cloud.add_image()]),
    "one.user.delete": (Code.ACTION, just(0)),
    "one.group.delete": (Code.ACTION, just(1)),
    "one.group.addadmin": (Code.INTERNAL, just(1, 0)),
    "one.group.deladmin": (Code.INTERNAL, just(1, 2)),
    "one.group.quota": (Code.ACTION, just(0, "VM=[VMS=1]")),
    "one.group.vlan": (Code.INTERNAL, just(1, "RULE=[ID=x]")),
    "one.groupquota.update": (Code.INTERNAL, just("VM=[VMS=-3]")),
    "one.userquota.update": (Code.INTERNAL, just('VM=[CLUSTER_IDS="0",VMS=1]')),
    "one.user.quota": (Code.ACTION, just(0, "VM=[VMS=1]")),
    "one.user.enable": (Code.ACTION, just(0, False)),
    "one.user.chauth": (Code.INTERNAL, just(2, "magic", "")),
    "one.user.chgrp": (Code.INTERNAL, just(0, 1)),
    "one.user.addgroup": (Code.ACTION, just(2, 1)),
    "one.user.delgroup": (Code.ACTION, just(2, 1)),
    "one.user.allocate": (Code.INTERNAL, just("alice", "x", "core", [1])),
    "one.user.login": (Code.BAD_ARGUMENT, just("alice", "", 60, 0)),
    "one.acl.addrule": (Code.INTERNAL, just("200000001", "141000400000000", "0")),
    "one.acl.delrule": (Code.INTERNAL, just(3)),
    "one.vdc.delete": (Code.ACTION, just(0)),
    "one.vdc.allocate": (Code.ALLOCATE, just("NAME=default")),
    "one.vdc.rename": (Code.ACTION, lambda cloud: [vdc(cloud), "default"]),
    "one.vdc.addgroup": (Code.INTERNAL, just(0, 1)),
    "one.vdc.delgroup": (Code.INTERNAL, just(0, 0)),
    "one.vdc.addcluster": (Code.INTERNAL, just(0, 0, -10)),
    "one.vdc.delcluster": (Code.INTERNAL, just(0, 0, 0)),
    "one.vdc.adddatastore": (Code.NO_EXISTS, just(0, 7, 1)),
    "one.vdc.deldatastore": (Code.INTERNAL, just(0, 0, 1)),
    "one.vdc.addhost": (Code.NO_EXISTS, just(0, 7, -10)),
    "one.vdc.delhost": (Code.INTERNAL, just(0, 0, -10)),
    "one.vdc.addvnet": (Code.NO_EXISTS, just(0, 7, -10)),
    "one.vdc.delvnet": (Code.INTERNAL, just(0, 0, -10)),
    "one.image.delete": (Code.ACTION, lambda cloud: [with_image(cloud) * 0]),
    "one.vn.delete": (Code.ACTION, lambda cloud: [with_nic(cloud) * 0]),
    "one.vn.rm_ar": (Code.ACTION, lambda cloud: [with_nic(cloud) * 0, 0]),
    "one.vn.hold": (Code.ACTION, lambda cloud: [held(cloud), "LEASES=[IP=10.0.0.5]"]),
    "one.vn.release": (Code.ACTION, on(network, "LEASES=[IP=10.0.0.5]")),
    "one.vn.recover": (Code.INTERNAL, on(network, 1)),
    "one.secgroup.delete": (Code.ACTION, just(0)),
    "one.vmgroup.delete": (Code.ACTION, lambda cloud: [in_group(cloud) * 0]),
    "one.vmgroup.roledelete": (Code.ACTION, lambda cloud: [in_group(cloud) * 0, 1]),
    "one.zone.delete": (Code.ACTION, just(0)),
    "one.market.delete": (Code.ACTION, lambda cloud: [market_app(cloud) * 0 + 100]),
    "one.marketapp.allocate": (Code.ACTION, just(APP, 0)),
    "one.backupjob.backup": (Code.ACTION, on(running_job)),
    "one.backupjob.delete": (Code.ACTION, on(running_job)),
    "one.backupjob.cancel": (Code.ACTION, on(backup_job)),
    "one.backupjob.retry": (Code.ACTION, on(backup_job)),
    "one.vm.backup": (Code.INTERNAL, lambda cloud: [backup_job(cloud) * 0]),
}


def _host_of(cloud: Cloud, vm: int) -> int:
    return cloud.world.vms[vm].history[-1].host_id
