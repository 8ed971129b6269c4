"""For every method a call that succeeds: what it needs is made first. Tests go over this table and the methods' own."""

from collections.abc import Callable
from typing import Any

import msgspec

from innkeeper.commands import backupjobs, hooks
from innkeeper.commands import executing as guest_commands
from innkeeper.model.states import NetworkState
from tests.api.xmlrpc.cloud import NETWORK, VM, Cloud

Make = Callable[[Cloud], list[Any]]


def network(cloud: Cloud) -> int:
    """A network that is free."""
    number: int = cloud.do("one.vn.allocate", NETWORK, -1)
    return number


def template(cloud: Cloud) -> int:
    """A VM template."""
    number: int = cloud.do("one.template.allocate", VM)
    return number


def datastore(cloud: Cloud) -> int:
    """An image datastore without images."""
    text = "NAME = more\nTYPE = IMAGE_DS\nDS_MAD = dummy\nTM_MAD = dummy"
    number: int = cloud.do("one.datastore.allocate", text, -1)
    return number


def cluster(cloud: Cloud) -> int:
    """An empty cluster."""
    number: int = cloud.do("one.cluster.allocate", "east")
    return number


def held(cloud: Cloud) -> int:
    """A network with 10.0.0.5 on hold."""
    number = network(cloud)
    cloud.do("one.vn.hold", number, "LEASES=[IP=10.0.0.5]")
    return number


def locked(what: str, make: Callable[[Cloud], int]) -> Callable[[Cloud], int]:
    """An object with a lock on it."""

    def made(cloud: Cloud) -> int:
        number = make(cloud)
        cloud.do(f"one.{what}.lock", number, 1, False)
        return number

    return made


def alice(_: Cloud) -> int:
    """A user."""
    return 2


def with_disk(cloud: Cloud) -> int:
    """A VM that runs and has a disk."""
    return cloud.add_running(f"{VM}\nDISK = [TYPE = fs, SIZE = 5]")


def with_nic(cloud: Cloud) -> int:
    """A VM that runs and has a NIC."""
    network(cloud)
    return cloud.add_running(f"{VM}\nNIC = [NETWORK = net]")


def with_groups(cloud: Cloud) -> int:
    """A VM that runs and has a NIC under two security groups, and a third one (102)."""
    for name in ("one", "two", "three"):
        cloud.do("one.secgroup.allocate", f"NAME={name}")
    network(cloud)
    return cloud.add_running(f'{VM}\nNIC = [NETWORK = net, SECURITY_GROUPS = "0,100"]')


def with_layer(cloud: Cloud) -> int:
    """A VM that runs and has a disk that can hold snapshots."""
    return cloud.add_running(f"{VM}\nDISK = [TYPE = fs, SIZE = 5, FORMAT = qcow2]")


def with_snapshot(cloud: Cloud) -> int:
    """A VM that runs, with a snapshot of its disk."""
    number = with_layer(cloud)
    cloud.do("one.vm.disksnapshotcreate", number, 0, "first")
    cloud.settle()
    return number


def off_with_snapshot(cloud: Cloud) -> int:
    """The same, powered off."""
    number = with_snapshot(cloud)
    cloud.do("one.vm.action", "poweroff-hard", number)
    cloud.settle()
    return number


def saved(cloud: Cloud) -> int:
    """A VM that runs, with a snapshot of its guest."""
    number = cloud.add_running()
    cloud.do("one.vm.snapshotcreate", number, "first")
    cloud.settle()
    return number


def with_image(cloud: Cloud) -> int:
    """A VM that runs and has the disk of an image."""
    image = cloud.add_image()
    return cloud.add_running(f"{VM}\nDISK = [IMAGE_ID = {image}]")


def spare_group(cloud: Cloud) -> int:
    """A group without users."""
    number: int = cloud.do("one.group.allocate", "spare")
    return number


def _in_a_group(cloud: Cloud) -> list[Any]:
    group = spare_group(cloud)
    cloud.do("one.user.addgroup", 2, group)
    return [2, group]


def _with_an_admin(cloud: Cloud) -> list[Any]:
    cloud.do("one.group.addadmin", 1, 2)
    return [1, 2]


def security_group(cloud: Cloud) -> int:
    """A security group that nothing uses."""
    number: int = cloud.do("one.secgroup.allocate", "NAME=ssh")
    return number


def reservation(cloud: Cloud) -> int:
    """A part of a network."""
    number: int = cloud.do("one.vn.reserve", network(cloud), "NAME=mine\nSIZE=2")
    return number


def broken_network(cloud: Cloud) -> int:
    """A network in ERROR."""
    number = network(cloud)
    record = msgspec.structs.replace(cloud.world.networks[number], state=NetworkState.ERROR)
    cloud.world.replace("network", number, record)
    return number


def system_datastore(_: Cloud) -> int:
    """The system datastore."""
    return 0


def backing_up(cloud: Cloud) -> int:
    """A VM that runs, and can be backed up."""
    cloud.do("one.datastore.allocate", "NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=dummy", -1)
    image = cloud.add_image()
    return cloud.add_running(f"{VM}\nDISK=[IMAGE_ID={image}]\nBACKUP_CONFIG=[MODE=INCREMENT]")


def being_backed_up(cloud: Cloud) -> int:
    """A VM whose backup has not been answered yet."""
    number = backing_up(cloud)
    cloud.do("one.vm.backup", number)
    return number


def executing(cloud: Cloud) -> int:
    """A VM whose guest carries out a command."""
    number = cloud.add_running()
    cloud.do("one.vm.exec", number, "true", "")
    cloud.settle()
    return number


def executed(cloud: Cloud) -> int:
    """A VM whose guest has carried out a command."""
    number = executing(cloud)
    since = cloud.world.vms[number].executing
    end = {"code": 0, "stdout": "", "stderr": ""}
    cloud.core.transact(lambda tx: guest_commands.ended(tx, number, since, end))
    return number


def backed_up(cloud: Cloud) -> int:
    """The image of a VM's backup; the VM is powered off."""
    number = being_backed_up(cloud)
    cloud.settle()
    cloud.do("one.vm.action", "poweroff", number)
    cloud.settle()
    return cloud.world.vms[number].backups[0]


def _with_its_vm(cloud: Cloud) -> list[Any]:
    image = backed_up(cloud)
    return [cloud.world.images[image].vm_id, image]


def on(make: Callable[[Cloud], int], *more: Any) -> Make:
    """The number of what is made, and more parameters."""
    return lambda cloud: [make(cloud), *more]


def just(*params: Any) -> Make:
    """Parameters that need nothing."""
    return lambda _: list(params)


def everything(what: str, make: Callable[[Cloud], int]) -> dict[str, Make]:
    """What owned objects have in common."""
    return {
        f"one.{what}.info": on(make),
        f"one.{what}.update": on(make, "A = 1", 1),
        f"one.{what}.rename": on(make, "renamed"),
        f"one.{what}.chmod": on(make, 1, 1, 0, 1, 0, 0, -1, -1, -1),
        f"one.{what}.chown": on(make, 2, 1),
    }


def locking(what: str, make: Callable[[Cloud], int]) -> dict[str, Make]:
    """Lock and unlock."""
    return {
        f"one.{what}.lock": on(make, 2, False),
        f"one.{what}.unlock": on(locked(what, make)),
    }


def network_template(cloud: Cloud) -> int:
    """A network template."""
    number: int = cloud.do("one.vntemplate.allocate", NETWORK)
    return number


def document(cloud: Cloud) -> int:
    """A document."""
    number: int = cloud.do("one.document.allocate", "NAME=notes\nTEMPLATE=[BODY={}]", 200)
    return number


GROUP = (
    'NAME=site\nROLE=[NAME=front,POLICY=ANTI_AFFINED]\nROLE=[NAME=back]\nANTI_AFFINED="front,back"'
)


def vm_group(cloud: Cloud) -> int:
    """A VM group without VMs."""
    number: int = cloud.do("one.vmgroup.allocate", GROUP)
    return number


def loose_group(cloud: Cloud) -> int:
    """A VM group whose roles no rule names."""
    number: int = cloud.do("one.vmgroup.allocate", "NAME=loose\nROLE=[NAME=only]")
    return number


ROUTER = "NAME=edge\nNIC=[NETWORK=net,FLOATING_IP=YES]\nNIC=[NETWORK=net]"


def router(cloud: Cloud) -> int:
    """A virtual router without VMs."""
    network(cloud)
    number: int = cloud.do("one.vrouter.allocate", ROUTER)
    return number


def router_template(cloud: Cloud) -> int:
    """A template for VMs of virtual routers."""
    number: int = cloud.do("one.template.allocate", f"{VM}\nVROUTER=YES")
    return number


def wished_router(cloud: Cloud) -> list[Any]:
    """What a router is made of."""
    network(cloud)
    return [ROUTER]


def in_group(cloud: Cloud) -> int:
    """A VM that belongs to a VM group."""
    return cloud.add_vm(f"{VM}\nVMGROUP=[VMGROUP_ID={vm_group(cloud)},ROLE=back]")


HOOK = 'NAME=gone\nTYPE=state\nRESOURCE=VM\nON=DONE\nCOMMAND=gone.sh\nARGUMENTS="-t $TEMPLATE"'


def hook(cloud: Cloud) -> int:
    """A state hook."""
    number: int = cloud.do("one.hook.allocate", HOOK)
    return number


def hook_executed(cloud: Cloud) -> list[Any]:
    """A hook and an execution of it."""
    number = hook(cloud)
    cloud.do("one.vm.action", "terminate-hard", cloud.add_vm())
    run = max(cloud.world.tables["hookrun"].rows)
    cloud.core.transact(lambda tx: hooks.begin(tx, run))
    cloud.core.transact(lambda tx: hooks.finish(tx, run, 3, "", hooks.encoded("no")))
    return [number, run]


MARKET = 'NAME=shop\nMARKET_MAD=http\nBASE_URL="http://127.0.0.1/"\nPUBLIC_DIR="/srv"'
APP = 'NAME=wiki\nTYPE=VMTEMPLATE\nORIGIN_ID=-1\nAPPTEMPLATE64="Q1BVPTE="'


def market(cloud: Cloud) -> int:
    """A marketplace without apps."""
    number: int = cloud.do("one.market.allocate", MARKET)
    return number


def market_app(cloud: Cloud) -> int:
    """An app."""
    number: int = cloud.do("one.marketapp.allocate", APP, market(cloud))
    return number


def backup_job(cloud: Cloud) -> int:
    """A job for a VM that runs."""
    vm = backing_up(cloud)
    number: int = cloud.do("one.backupjob.allocate", f"NAME=nightly\nBACKUP_VMS={vm}")
    return number


def running_job(cloud: Cloud) -> int:
    """The same, while it runs."""
    number = backup_job(cloud)
    cloud.do("one.backupjob.backup", number)
    return number


def failed_job(cloud: Cloud) -> int:
    """A job of which a VM could not be backed up."""
    number = running_job(cloud)
    cloud.core.transact(lambda tx: backupjobs.give_up(tx, number, 0, "no"))
    return number


RUN = "SCHED_ACTION = [ TIME = 1800000000 ]"


def scheduled_job(cloud: Cloud) -> list[Any]:
    """A job and its scheduled run."""
    number = backup_job(cloud)
    return [number, cloud.do("one.backupjob.schedadd", number, RUN)]


SCHEDULED = "SCHED_ACTION = [ ACTION = hold, TIME = +86400 ]"


def scheduled(cloud: Cloud) -> list[Any]:
    """A VM and its scheduled action."""
    vm = cloud.add_vm()
    return [vm, cloud.do("one.vm.schedadd", vm, SCHEDULED)]


def rule(cloud: Cloud) -> int:
    """A rule that somebody has added: alice may use image 5."""
    number: int = cloud.do("one.acl.addrule", "100000002", "8100000005", "1")
    return number


def vdc(cloud: Cloud) -> int:
    """A VDC with nothing in it."""
    number: int = cloud.do("one.vdc.allocate", "NAME=lab")
    return number


def full_vdc(cloud: Cloud) -> int:
    """A VDC with all of the zone's clusters, a host, datastore 1 and a network in it, and group 1."""
    number = vdc(cloud)
    cloud.do("one.vdc.addgroup", number, 1)
    cloud.do("one.vdc.addcluster", number, 0, -10)
    cloud.do("one.vdc.addhost", number, 0, cloud.add_host())
    cloud.do("one.vdc.adddatastore", number, 0, 1)
    cloud.do("one.vdc.addvnet", number, 0, network(cloud))
    return number


EXAMPLES: dict[str, Make] = {
    "one.acl.addrule": just("100000002", "10100000003", "3", "400000000"),
    "one.acl.delrule": on(rule),
    "one.acl.info": just(),
    "one.vdc.allocate": just("NAME=lab\nA=1"),
    "one.vdc.delete": on(vdc),
    "one.vdc.info": on(full_vdc),
    "one.vdc.update": on(vdc, "A=1", 1),
    "one.vdc.rename": on(vdc, "renamed"),
    "one.vdc.addgroup": on(vdc, 1),
    "one.vdc.delgroup": on(full_vdc, 1),
    "one.vdc.addcluster": on(vdc, 0, 0),
    "one.vdc.delcluster": on(full_vdc, 0, -10),
    "one.vdc.addhost": lambda cloud: [vdc(cloud), 0, cloud.add_host()],
    "one.vdc.delhost": on(full_vdc, 0, 0),
    "one.vdc.adddatastore": on(vdc, 0, 1),
    "one.vdc.deldatastore": on(full_vdc, 0, 1),
    "one.vdc.addvnet": lambda cloud: [vdc(cloud), 0, network(cloud)],
    "one.vdc.delvnet": on(full_vdc, 0, 0),
    "one.vdcpool.info": just(),
    "one.cluster.allocate": just("west"),
    "one.cluster.delete": on(cluster),
    "one.cluster.info": on(cluster),
    "one.cluster.update": on(cluster, "A = 1", 0),
    "one.cluster.rename": on(cluster, "renamed"),
    "one.cluster.addhost": lambda cloud: [cluster(cloud), cloud.add_host()],
    "one.cluster.delhost": lambda cloud: [0, cloud.add_host()],
    "one.cluster.adddatastore": on(cluster, 1),
    "one.cluster.deldatastore": just(0, 1),
    "one.cluster.addvnet": lambda cloud: [cluster(cloud), network(cloud)],
    "one.cluster.delvnet": lambda cloud: [0, network(cloud)],
    "one.clusterpool.info": just(),
    "one.datastore.allocate": just("NAME=ds\nDS_MAD=dummy\nTM_MAD=dummy", -1),
    "one.datastore.delete": on(datastore),
    "one.datastore.enable": just(0, False),
    **everything("datastore", datastore),
    "one.datastorepool.info": just(),
    "one.group.allocate": just("staff"),
    "one.group.addadmin": just(1, 2),
    "one.group.deladmin": _with_an_admin,
    "one.group.delete": on(spare_group),
    "one.group.info": just(1),
    "one.group.vlan": just(1, 'RULE=[ID="100-199,300",SCOPE=VLAN_ID]'),
    "one.group.update": just(1, "A = 1", 1),
    "one.grouppool.info": just(),
    "one.host.allocate": just("node", "kvm", "kvm", -1),
    "one.host.delete": on(Cloud.add_host),
    "one.host.info": on(Cloud.add_host),
    "one.host.update": on(Cloud.add_host, "A = 1", 1),
    "one.host.rename": on(Cloud.add_host, "renamed"),
    "one.host.status": on(Cloud.add_host, 1),
    "one.host.monitoring": on(Cloud.add_host),
    "one.hostpool.info": just(),
    "one.hostpool.monitoring": just(-1),
    "one.image.allocate": just("NAME=i\nTYPE=DATABLOCK\nSIZE=10", 1),
    "one.image.clone": on(Cloud.add_image, "copy"),
    "one.image.delete": on(Cloud.add_image),
    "one.image.enable": on(Cloud.add_image, False),
    "one.image.persistent": on(Cloud.add_image, True),
    "one.image.chtype": on(Cloud.add_image, "OS"),
    "one.image.restore": on(backed_up, 1, "NAME=again"),
    **everything("image", Cloud.add_image),
    **locking("image", Cloud.add_image),
    "one.imagepool.info": just(-2, -1, -1),
    "one.vn.allocate": just(NETWORK, -1),
    "one.vn.delete": on(network),
    "one.vn.add_ar": on(network, "AR=[TYPE=IP4,IP=10.9.0.1,SIZE=5]"),
    "one.vn.rm_ar": on(network, 1),
    "one.vn.update_ar": on(network, "AR=[AR_ID=0,SIZE=20]"),
    "one.vn.hold": on(network, "LEASES=[IP=10.0.0.5]"),
    "one.vn.release": on(held, "LEASES=[IP=10.0.0.5]"),
    "one.vn.reserve": on(network, "NAME=mine\nSIZE=2"),
    "one.vn.free_ar": on(reservation, 0),
    "one.vn.recover": on(broken_network, 1),
    **everything("vn", network),
    **locking("vn", network),
    "one.vnpool.info": just(-2, -1, -1),
    "one.secgroup.allocate": just("NAME=web\nRULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=80]"),
    "one.secgroup.clone": just(0, "copy"),
    "one.secgroup.delete": on(security_group),
    "one.secgroup.commit": just(0, False),
    **everything("secgroup", security_group),
    "one.secgrouppool.info": just(-2, -1, -1),
    "one.system.version": just(),
    "one.system.config": just(),
    "one.template.allocate": just(VM),
    "one.template.clone": on(template, "copy"),
    "one.template.delete": on(template),
    "one.template.instantiate": on(template, "made"),
    **everything("template", template),
    **locking("template", template),
    "one.templatepool.info": just(-2, -1, -1),
    "one.vntemplate.allocate": just(NETWORK),
    "one.vntemplate.clone": on(network_template, "copy"),
    "one.vntemplate.delete": on(network_template),
    "one.vntemplate.instantiate": on(network_template, "made", "AR=[TYPE=IP4,IP=10.9.0.1,SIZE=5]"),
    **everything("vntemplate", network_template),
    **locking("vntemplate", network_template),
    "one.vntemplatepool.info": just(-2, -1, -1),
    "one.document.allocate": just("NAME=notes", 100),
    "one.document.clone": on(document, "copy"),
    "one.document.delete": on(document),
    **everything("document", document),
    **locking("document", document),
    "one.documentpool.info": just(-2, -1, -1, 100),
    "one.vmgroup.allocate": just(GROUP),
    "one.vmgroup.delete": on(vm_group),
    "one.vmgroup.roleadd": on(vm_group, "ROLE=[NAME=cache]"),
    "one.vmgroup.roledelete": on(loose_group, 0),
    "one.vmgroup.roleupdate": on(vm_group, 0, "POLICY=NONE"),
    **everything("vmgroup", vm_group),
    **locking("vmgroup", vm_group),
    "one.vmgrouppool.info": just(-2, -1, -1),
    "one.vrouter.allocate": wished_router,
    "one.vrouter.instantiate": lambda cloud: [
        router(cloud),
        2,
        router_template(cloud),
        "",
        True,
        "",
    ],
    "one.vrouter.attachnic": on(router, "NIC=[NETWORK=net]"),
    "one.vrouter.detachnic": on(router, 1),
    "one.vrouter.delete": on(router),
    **everything("vrouter", router),
    **locking("vrouter", router),
    "one.vrouterpool.info": just(-2, -1, -1),
    "one.vm.vmgroupadd": lambda cloud: [cloud.add_vm(), vm_group(cloud), "back"],
    "one.vm.vmgroupdel": on(in_group),
    "one.hook.allocate": just(HOOK),
    "one.hook.info": lambda cloud: hook_executed(cloud)[:1],
    "one.hook.update": on(hook, HOOK, 1),
    "one.hook.rename": on(hook, "renamed"),
    "one.hook.delete": on(hook),
    "one.hook.retry": hook_executed,
    **locking("hook", hook),
    "one.hookpool.info": just(),
    "one.backupjob.allocate": just("NAME=nightly"),
    "one.backupjob.delete": on(backup_job),
    "one.backupjob.backup": on(backup_job),
    "one.backupjob.cancel": on(running_job),
    "one.backupjob.retry": on(failed_job),
    "one.backupjob.priority": on(backup_job, 10),
    "one.backupjob.schedadd": on(backup_job, RUN),
    "one.backupjob.schedupdate": lambda cloud: [*scheduled_job(cloud), RUN],
    "one.backupjob.scheddelete": scheduled_job,
    **everything("backupjob", backup_job),
    **locking("backupjob", backup_job),
    "one.backupjobpool.info": just(-2, -1, -1),
    "one.zone.info": just(0),
    "one.zone.update": just(0, 'ENDPOINT="http://there:2633/RPC2"', 1),
    "one.zone.rename": just(0, "here"),
    "one.zone.enable": just(0, True),
    "one.zone.raftstatus": just(),
    "one.zonepool.info": just(),
    "one.market.allocate": just(MARKET),
    "one.market.delete": on(market),
    "one.market.enable": on(market, False),
    **everything("market", market),
    "one.marketpool.info": just(),
    "one.marketapp.allocate": lambda cloud: [APP, market(cloud)],
    "one.marketapp.delete": on(market_app),
    "one.marketapp.enable": on(market_app, False),
    **everything("marketapp", market_app),
    **locking("marketapp", market_app),
    "one.marketapppool.info": just(-2, -1, -1),
    "one.hooklog.info": just(-1, -1, -1, 0),
    "one.user.allocate": just("carol", "secret", "core", [1]),
    "one.user.delete": on(alice),
    "one.user.info": on(alice),
    "one.user.update": on(alice, "A = 1", 1),
    "one.user.passwd": on(alice, "other"),
    "one.user.login": just("alice", "", 60),
    "one.user.quota": on(alice, "VM=[VMS=3,CPU=2.5]\nDATASTORE=[ID=1,SIZE=100]"),
    "one.group.quota": just(1, "NETWORK=[ID=0,LEASES=4]\nIMAGE=[ID=0,RVMS=-2]"),
    "one.userquota.info": just(),
    "one.userquota.update": just("VM=[VMS=3]"),
    "one.groupquota.info": just(),
    "one.groupquota.update": just("VM=[MEMORY=1024]"),
    "one.user.chauth": on(alice, "ssh", "AAAA"),
    "one.user.enable": on(alice, False),
    "one.user.addgroup": lambda cloud: [2, spare_group(cloud)],
    "one.user.delgroup": _in_a_group,
    "one.user.chgrp": lambda cloud: [2, spare_group(cloud)],
    "one.userpool.info": just(),
    "one.vm.allocate": just(VM),
    "one.vm.action": lambda cloud: ["hold", cloud.add_vm()],
    "one.vm.deploy": lambda cloud: [cloud.add_vm(), cloud.add_host()],
    "one.vm.migrate": lambda cloud: [cloud.add_running(), cloud.add_host("elsewhere"), True],
    "one.vm.recover": on(Cloud.add_vm, 3),
    "one.vm.attach": on(Cloud.add_running, "DISK=[TYPE=fs,SIZE=5]"),
    "one.vm.detach": on(with_disk, 0),
    "one.vm.attachnic": lambda cloud: [with_nic(cloud), "NIC=[NETWORK=net]"],
    "one.vm.detachnic": on(with_nic, 0),
    "one.vm.attachsg": on(with_groups, 0, 102),
    "one.vm.detachsg": on(with_groups, 0, 100),
    "one.vm.updatenic": on(with_nic, 0, "NIC=[METRIC=7]"),
    "one.vm.diskresize": on(with_disk, 0, "9"),
    "one.vm.resize": on(Cloud.add_running, "CPU=0.5"),
    "one.vm.updateconf": on(Cloud.add_running, "GRAPHICS=[TYPE=vnc]", 1),
    "one.vm.disksnapshotcreate": on(with_layer, 0, "first"),
    "one.vm.disksnapshotdelete": on(with_snapshot, 0, 0),
    "one.vm.disksnapshotrevert": on(off_with_snapshot, 0, 0),
    "one.vm.disksnapshotrename": on(with_snapshot, 0, 0, "other"),
    "one.vm.disksaveas": on(with_image, 0, "saved", "", -1),
    "one.vm.snapshotcreate": on(Cloud.add_running, "first"),
    "one.vm.snapshotrevert": on(saved, 0),
    "one.vm.snapshotdelete": on(saved, 0),
    "one.vm.exec": on(Cloud.add_running, "true", ""),
    "one.vm.retryexec": on(executed),
    "one.vm.cancelexec": on(executing),
    "one.vm.schedadd": on(Cloud.add_vm, SCHEDULED),
    "one.vm.schedupdate": lambda cloud: [*scheduled(cloud), SCHEDULED],
    "one.vm.scheddelete": lambda cloud: scheduled(cloud),
    "one.vm.backup": on(backing_up),
    "one.vm.backupcancel": on(being_backed_up),
    "one.vm.restore": _with_its_vm,
    "one.vm.monitoring": on(Cloud.add_vm),
    **everything("vm", Cloud.add_vm),
    **locking("vm", Cloud.add_vm),
    "one.vmpool.info": just(-2, -1, -1, -1),
    "one.vmpool.infoextended": just(-2, -1, -1, -1),
    "one.vmpool.infoset": just("0,1", True),
    "one.vmpool.monitoring": just(-2),
    "one.vmpool.accounting": just(-2, -1, -1),
    "one.vmpool.showback": just(-2, 11, 2023, -1, -1),
    "one.vmpool.calculateshowback": just(-1, -1, -1, -1),
}

#: Methods that answer a text or a document; all others answer a number.
ANSWERS_TEXT = frozenset(
    name for name in EXAMPLES if name == "one.image.restore" or "quota." in name or name.rpartition(".")[2] in
    ("info", "infoextended", "infoset", "monitoring", "version", "config", "login", "raftstatus", "accounting",
     "showback", "calculateshowback")
)  # fmt: skip
#: Methods whose answer is the number of something new.
ANSWERS_NEW = frozenset(
    name
    for name in EXAMPLES
    if name.rpartition(".")[2]
    in ("allocate", "clone", "instantiate", "disksaveas", "reserve", "addrule")
) - {"one.vrouter.instantiate"}
