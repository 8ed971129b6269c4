"""The table of resources: what there is, what can be asked of it, and which command carries that out.

Routes, checks of requests, the description of the API and the Python client follow from it. To add a resource is to
add an entry.
"""

from typing import Any, Final

from innkeeper.commands import (
    auth,
    backups,
    capacity,
    clusters,
    common,
    configuration,
    datastores,
    disks,
    documents,
    executing,
    hosts,
    images,
    migration,
    networks,
    nics,
    quotas,
    reservations,
    saving,
    schedules,
    secgroups,
    snapshots,
    template_images,
    templates,
    users,
    vdcs,
    vlan_rules,
    vmgroups,
    vms,
    vntemplates,
    vrouters,
)
from innkeeper.commands.common import check_create, need
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.model.nouns import Document, VmGroup, VnTemplate, VRouter
from innkeeper.model.objects import (
    Cluster,
    Datastore,
    Group,
    Host,
    Image,
    Network,
    Record,
    SecurityGroup,
    User,
    Vdc,
    Vm,
    VmTemplate,
)
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction

from . import services, views
from .entries import KEEP, action, bits, creation, resource
from .offers import APPS, BACKUP_JOBS, HOOKS, MARKETS, ZONES
from .requests import Command
from .table import Action, Desk

# ---- what is prepared -------------------------------------------------------------------------


async def _stored_of_new(desk: Desk, caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    check_create(desk.world, caller, User)
    return await _stored(desk, arguments["driver"], "password_hash", arguments)


async def _stored_of_another(
    desk: Desk, caller: Caller, arguments: dict[str, Any]
) -> dict[str, Any]:
    user = need(desk.world, User, arguments["user_id"], caller, Right.MANAGE)
    return await _stored(desk, user.driver, "password_hash", arguments)


async def _stored_otherwise(
    desk: Desk, caller: Caller, arguments: dict[str, Any]
) -> dict[str, Any]:
    need(desk.world, User, arguments["user_id"], caller, Right.ADMIN)
    return await _stored(desk, arguments["driver"], "stored", arguments)


async def _stored(desk: Desk, driver: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, name: await desk.authenticator.stored(driver, arguments[name])}


async def _root(desk: Desk, _: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "root": desk.settings.datastore_root}


async def _networks(desk: Desk, _: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "networks": desk.settings.image_networks}


async def _reach(desk: Desk, caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _networks(desk, caller, {**arguments, "safe": desk.settings.image_folders})


# ---- VMs --------------------------------------------------------------------------------------


def _terminate(tx: Transaction, caller: Caller, vm_id: int, hard: bool = False) -> int:
    """Terminates a VM."""
    return vms.act(tx, caller, "terminate-hard" if hard else "terminate", vm_id)


RECOVERIES = {
    "failure": 0, "success": 1, "retry": 2, "delete": 3, "recreate": 4, "delete-db": 5,
}  # fmt: skip
NETWORK_RECOVERIES = {"failure": 0, "success": 1, "delete": 2, "retry": 3}
MIGRATIONS = {"save": 0, "poweroff": 1, "poweroff-hard": 2}

VMS = resource(
    "vms", Vm,
    creation(vms.allocate, defaults={"hold": False}),
    action("rename", vms.rename), action("update", vms.update), action("chown", vms.chown, defaults=KEEP),
    delete=action("delete", _terminate),
    actions=(
        *(action(name, vms.act, given={"action": name}, help=f"Action {name}.") for name in ACTIONS),
        action("deploy", vms.deploy_on, defaults={"enforce": False, "datastore_id": -1}),
        action("migrate", migration.migrate, names={"lively": "live"}, words={"how": MIGRATIONS},
               defaults={"lively": True, "enforce": False, "datastore_id": -1, "how": "save"}),
        action("recover", vms.recover, names={"how": "operation"}, words={"how": RECOVERIES},
               given={"networks": None}, prepare=_networks,
               help="Helps a VM on: takes what is under way for failed or done, tries again, deletes, recreates."),
        action("backup", backups.backup, defaults={"datastore_id": -1, "reset": False}),
        action("cancel-backup", backups.cancel),
        action("restore", backups.restore_vm, defaults={"increment": -1, "disk": -1}),
        action("attach-disk", disks.attach),
        action("detach-disk", disks.detach),
        action("resize-disk", disks.resize),
        action("save-disk", saving.save_as, names={"kind": "type"}, defaults={"kind": "", "snapshot_id": -1}),
        action("attach-nic", nics.attach),
        action("detach-nic", nics.detach),
        action("update-nic", nics.update),
        action("resize", capacity.resize, defaults={"enforce": True}),
        action("update-configuration", configuration.update),
        action("create-disk-snapshot", snapshots.take_of_disk),
        action("delete-disk-snapshot", snapshots.drop_of_disk),
        action("revert-disk", snapshots.revert_disk),
        action("rename-disk-snapshot", snapshots.rename_of_disk),
        action("create-snapshot", snapshots.take),
        action("revert-snapshot", snapshots.revert),
        action("delete-snapshot", snapshots.drop),
        action("attach-security-group", nics.attach_group),
        action("detach-security-group", nics.detach_group),
        action("execute", executing.execute, defaults={"stdin": ""}),
        action("retry-execute", executing.retry),
        action("cancel-execute", executing.cancel),
        action("join-group", vmgroups.add_vm),
        action("leave-group", vmgroups.remove_vm),
        action("schedule", schedules.add),
        action("update-schedule", schedules.update),
        action("delete-schedule", schedules.delete),
    ),
    extra=views.VM, discreet=views.vm, states=views.vm_states,
)  # fmt: skip


# ---- places -----------------------------------------------------------------------------------


def _host_status(name: str, wanted: int, text: str) -> Action:
    return action(name, hosts.status, given={"wanted": wanted}, help=text)


def _move_host(tx: Transaction, caller: Caller, host_id: int, cluster_id: int) -> int:
    """Puts a host into a cluster."""
    return hosts.move(tx, caller, cluster_id, host_id)


HOSTS = resource(
    "hosts", Host,
    creation(hosts.allocate, defaults={"im_mad": "kvm", "vm_mad": "kvm", "cluster_id": -1}),
    action("rename", hosts.rename_host), action("update", hosts.update_host), action("move", _move_host),
    delete=action("delete", hosts.delete),
    actions=(
        _host_status("enable", 0, "Lets VMs come to a host."),
        _host_status("disable", 1, "Lets no new VMs come to a host."),
        _host_status("offline", 2, "Takes a host out; it is not even monitored."),
    ),
    extra=views.HOST, states=views.state,
)  # fmt: skip


def _member(name: str, command: Command, kind: type[Record]) -> Action:
    return action(name, command, given={"kind": kind}, names={"member_id": f"{kind.KIND}_id"})


CLUSTERS = resource(
    "clusters", Cluster,
    creation(clusters.allocate),
    action("rename", clusters.rename_cluster), action("update", clusters.update_cluster),
    delete=action("delete", clusters.delete),
    actions=(
        action("add-host", hosts.move), action("remove-host", hosts.take_out),
        _member("add-datastore", clusters.add, Datastore),
        _member("remove-datastore", clusters.remove, Datastore),
        _member("add-network", clusters.add, Network),
        _member("remove-network", clusters.remove, Network),
    ),
    extra=views.CLUSTER,
)  # fmt: skip

DATASTORES = resource(
    "datastores", Datastore,
    creation(datastores.allocate, given={"root": None}, prepare=_root, defaults={"cluster_id": -1}),
    action("update", datastores.update_datastore), action("enable", datastores.enable, names={"wanted": "enabled"}),
    delete=action("delete", datastores.delete),
    extra=views.DATASTORE, discreet=views.datastore,
)  # fmt: skip


# ---- what VMs are made of ---------------------------------------------------------------------

IMAGES = resource(
    "images", Image,
    creation(
        images.allocate, given={"safe": None, "networks": None}, prepare=_reach,
        defaults={"datastore_id": 1, "no_check_capacity": False},
    ),
    action("update", images.update_image),
    action("enable", images.enable, names={"wanted": "enabled"}),
    action("persistent", images.persistent, names={"wanted": "persistent"}),
    action("chtype", images.chtype, names={"text": "type"}),
    delete=action("delete", images.delete, defaults={"force": False}),
    actions=(
        action("clone", images.clone, defaults={"datastore_id": -1}),
        action("restore", backups.restore_image, defaults={"text": ""}, names={"text": "options"}),
    ),
    extra=views.IMAGE, discreet=views.image, states=views.image_states,
)  # fmt: skip

NETWORKS = resource(
    "networks", Network,
    creation(networks.allocate, defaults={"cluster_id": -1}),
    action("update", networks.update),
    delete=action("delete", networks.delete),
    actions=(
        action("add-range", networks.add_range),
        action("update-range", networks.update_range),
        action("remove-range", networks.remove_range, defaults={"force": False}),
        action("hold", networks.hold),
        action("release", networks.release),
        action("reserve", reservations.reserve),
        action("free-range", reservations.free_range),
        action("recover", networks.recover, names={"how": "operation"}, words={"how": NETWORK_RECOVERIES}),
    ),
    extra=views.NETWORK, states=views.state,
)  # fmt: skip


def _chmod_template(
    tx: Transaction, caller: Caller, template_id: int, permissions: str, recursive: bool = False
) -> int:
    """Sets the permission bits, three octal digits, also of its images."""
    return template_images.chmod(tx, caller, template_id, bits(permissions), recursive)


TEMPLATES = resource(
    "templates", VmTemplate,
    creation(templates.allocate),
    action("chmod", _chmod_template),
    delete=action("delete", template_images.delete, defaults={"recursive": False}),
    actions=(
        action("clone", template_images.clone, defaults={"recursive": False}),
        action("instantiate", template_images.instantiate,
               defaults={"name": "", "hold": False, "persistent": False}),
    ),
)  # fmt: skip

SECURITY_GROUPS = resource(
    "security-groups", SecurityGroup,
    creation(secgroups.allocate),
    action("update", secgroups.update),
    delete=action("delete", secgroups.delete),
    actions=(
        action("clone", secgroups.clone),
        action("commit", secgroups.commit, defaults={"only_outdated": False}),
    ),
    extra=views.SECURITY_GROUP,
)  # fmt: skip

NETWORK_TEMPLATES = resource(
    "network-templates", VnTemplate,
    creation(vntemplates.allocate),
    actions=(
        action("clone", vntemplates.clone),
        action("instantiate", vntemplates.instantiate, defaults={"name": ""}),
    ),
)  # fmt: skip

VM_GROUPS = resource(
    "vm-groups", VmGroup,
    creation(vmgroups.allocate),
    action("update", vmgroups.update),
    delete=action("delete", vmgroups.delete),
    actions=(
        action("add-role", vmgroups.add_role),
        action("delete-role", vmgroups.delete_role),
        action("update-role", vmgroups.update_role),
    ),
)  # fmt: skip

VIRTUAL_ROUTERS = resource(
    "virtual-routers", VRouter,
    creation(vrouters.allocate),
    action("update", vrouters.update), action("chown", vrouters.chown, defaults=KEEP),
    delete=action("delete", vrouters.delete),
    actions=(
        action("instantiate", vrouters.instantiate,
               defaults={"count": 1, "template_id": -1, "name": "", "hold": False, "extra": ""}),
        action("attach-nic", vrouters.attach_nic),
        action("detach-nic", vrouters.detach_nic),
    ),
    extra=views.VIRTUAL_ROUTER,
)  # fmt: skip

DOCUMENTS = resource(
    "documents", Document,
    creation(documents.allocate, names={"number": "type"}),
    actions=(action("clone", documents.clone),),
)  # fmt: skip


# ---- people -----------------------------------------------------------------------------------


def _login(
    tx: Transaction, caller: Caller, user_id: int, token: str = "", valid: int = 36_000, egid: int = -1
) -> str:  # fmt: skip
    """Makes a login token for seconds (-1: for ever), or ends it (0)."""
    return auth.login(tx, caller, tx.world.users[user_id].name, token, valid, egid)


_PASSWORD = {"password_hash": "password"}

USERS = resource(
    "users", User,
    creation(users.allocate, prepare=_stored_of_new, secret=True, names={**_PASSWORD, "gids": "groups"},
             defaults={"driver": "core", "gids": []}),
    action("chgrp", users.chgrp, names={"group_id": "gid"}), action("enable", users.enable),
    delete=action("delete", users.delete),
    actions=(
        action("passwd", users.passwd, prepare=_stored_of_another, secret=True, names=_PASSWORD),
        action("chauth", users.chauth, prepare=_stored_otherwise, secret=True, names={"stored": "password"},
               defaults={"stored": ""}),
        action("add-group", users.add_group),
        action("remove-group", users.delete_from_group),
        action("login", _login, secret=True),
        action("set-quota", quotas.set_user),
    ),
    hidden=frozenset({"password", "tokens"}), discreet=views.user, extra=views.USER, without=("rename",),
)  # fmt: skip

GROUPS = resource(
    "groups", Group,
    creation(users.allocate_group),
    action("update", common.update, given={"kind": Group, "right": Right.ADMIN}),
    delete=action("delete", users.delete_group),
    actions=(action("add-admin", users.add_admin), action("remove-admin", users.delete_admin),
             action("set-quota", quotas.set_group), action("set-vlan-rules", vlan_rules.set_rules)),
    extra=views.GROUP, without=("rename",),
)  # fmt: skip


def _of_vdc(name: str, kind: type[Record]) -> tuple[Action, Action]:
    more: dict[str, Any] = {"names": {"number": f"{name}_id"}, "defaults": {"zone": 0}}
    return (
        action(f"add-{name}", vdcs.adding(kind), help=f"Puts a {kind.LABEL} into a VDC (-10: all).", **more),
        action(f"remove-{name}", vdcs.removing(kind), help=f"Takes a {kind.LABEL} out of a VDC.", **more),
    )  # fmt: skip


VDCS = resource(
    "vdcs", Vdc,
    creation(vdcs.allocate),
    delete=action("delete", vdcs.delete),
    actions=(
        action("add-group", vdcs.add_group), action("remove-group", vdcs.delete_group),
        *_of_vdc("cluster", Cluster), *_of_vdc("host", Host), *_of_vdc("datastore", Datastore),
        *_of_vdc("network", Network),
    ),
)  # fmt: skip

RESOURCES: Final = (
    VMS, HOSTS, CLUSTERS, IMAGES, DATASTORES, NETWORKS, TEMPLATES, SECURITY_GROUPS, NETWORK_TEMPLATES,
    VM_GROUPS, VIRTUAL_ROUTERS, DOCUMENTS, HOOKS, BACKUP_JOBS, ZONES, MARKETS, APPS, USERS, GROUPS, VDCS,
    *services.RESOURCES,
)  # fmt: skip
