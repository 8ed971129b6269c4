"""The verbs of each kind of object that are one call of the API."""

from __future__ import annotations

from collections.abc import Iterator

from innkeeper.cli.verbs import ID, Arg, Choice, Flag, Literal, Opt, Verb


def _action(name: str, help_text: str, *, hard: str = "") -> Verb:
    """A VM action; `hard` says what the `-hard` form does, if there is one."""
    if not hard:
        return Verb(
            name, "vm.action", help_text, (Literal(name), ID), section="Life cycle", scheduled=(name,)
        )  # fmt: skip
    return Verb(
        name,
        "vm.action",
        help_text,
        ("hard", ID),
        (Flag("--hard", hard, (name, f"{name}-hard")),),
        section="Life cycle",
        examples=(
            f"inn vm {name} web",
            f"inn vm {name} 4,7..9 --hard",
            f"inn vm {name} web --schedule '2026-12-01 22:00'",
        ),
        scheduled=("hard",),
    )


_ENFORCE = Flag("--enforce", "Refuse when the host has not the capacity for it.")
_DATASTORE = Opt(("-d", "--datastore"), "System datastore to use.", "datastore", default=-1)

_STOPPED_BY = Choice(
    "type",
    {
        "poff": (1, "Stop it by its power button, and boot it there."),
        "poff-hard": (2, "Cut its power, and boot it there."),
    },
    default=0,
)

_RECOVER = Choice(
    "operation",
    {
        "success": (1, "Take the pending operation as done."),
        "failure": (0, "Take the pending operation as failed."),
        "retry": (2, "Try the pending operation again."),
        "delete": (3, "Free everything and end the VM."),
        "recreate": (4, "Clean up and start over as pending."),
        "delete-db": (5, "End the VM in the records only; nothing is cleaned up on the host."),
    },
)


_DISK = Arg("disk", number=True)
_SNAPSHOT = Arg("snapshot", number=True)

VM = (
    Verb(
        "deploy", "vm.deploy", "Start a waiting VM on a host of your choice.",
        (ID, "host", "enforce", "datastore", Literal("")),
        (Arg("host", "host"), _ENFORCE, _DATASTORE),
        section="Life cycle", examples=("inn vm deploy web node1",),
    ),
    _action("hold", "Keep a pending VM from being placed."),
    _action("release", "Let a held VM be placed."),
    _action("terminate", "End VMs for good and free all they have.",
            hard="Without asking the guest to shut down."),
    _action("poweroff", "Shut the guest down; it keeps its place on the host.",
            hard="Cut the power."),
    _action("resume", "Go on after poweroff, suspend, stop or undeploy."),
    _action("reboot", "Restart the guest.", hard="Reset it."),
    _action("suspend", "Save the memory on the host and stop the guest."),
    Verb(
        "backup", "vm.backup", "Copy the VM's disks into a backup datastore.",
        (ID, "datastore", "reset"),
        (Opt(("-d", "--datastore"), "Where to (the last one).", "datastore", default=-1),
         Flag("--reset", "Begin a new chain with a full copy.")),
        section="Life cycle", scheduled=("backup", "datastore", "reset"),
        examples=("inn vm backup web -d backups", "inn vm backup web --schedule '2026-12-01 02:00' --hourly 24"),
    ),
    Verb("backup-cancel", "vm.backupcancel", "Give up a backup that is being made.", (ID,),
         section="Life cycle"),
    Verb(
        "restore", "vm.restore", "Put a powered-off VM's disks back to what they were in a backup.",
        (ID, "image", "increment", "disk"),
        (Arg("image", "image"),
         Opt(("--increment",), "Which point of the chain (the last).", number=True, default=-1),
         Opt(("--disk",), "Only this disk.", number=True, default=-1)),
        section="Life cycle", examples=("inn vm restore web '7 28-Nov 08.00.00' --increment 3",),
    ),
    Verb(
        "migrate", "vm.migrate",
        "Take a VM to another host: as it runs, or stopped on the way (then it goes on there as it was).",
        (ID, "host", "live", "enforce", "datastore", "type"),
        (Arg("host", "host"), Flag("--live", "Let the guest run on; it hardly notices."), _ENFORCE,
         _DATASTORE, _STOPPED_BY),
        section="Life cycle", examples=("inn vm migrate web node2 --live", "inn vm migrate web node2"),
    ),
    _action("stop", "Save the memory and give the place up; resume places it anew."),
    _action("undeploy", "Shut the guest down and give the place up; resume places it anew.",
            hard="Cut the power."),
    _action("resched", "Let placement find another host, and take the VM there."),
    _action("unresched", "Leave the VM where it is after all."),
    Verb(
        "recover", "vm.recover", "Help a VM out of a state in which it is stuck.",
        (ID, "operation"), (_RECOVER,), section="Life cycle",
        examples=("inn vm recover web --retry", "inn vm recover 12 --recreate"),
    ),
    Verb("disk-detach", "vm.detach", "Take a disk from a VM; what is not an image's own is lost.",
         (ID, "disk"), (_DISK,), section="Devices", examples=("inn vm disk-detach web 2",)),
    Verb("disk-resize", "vm.diskresize", "Make a disk larger, in the eyes of a running guest too.",
         (ID, "disk", "size"), (_DISK, Arg("size")), section="Devices",
         examples=("inn vm disk-resize web 0 20480",)),
    Verb("disk-saveas", "vm.disksaveas", "Make an image of a disk, as it is or as it was at a snapshot.",
         (ID, "disk", "name", "type", "snapshot"),
         (_DISK, Arg("name"), Opt(("-t", "--type"), "OS or DATABLOCK; else the same."),
          Opt(("-s", "--snapshot"), "Of this snapshot.", number=True, default=-1)), "ID", section="Devices",
         examples=("inn vm disk-saveas web 0 golden",)),
    Verb("disk-snapshot-create", "vm.disksnapshotcreate", "Take a snapshot of a disk.",
         (ID, "disk", "name"), (_DISK, Arg("name", default="")), "ID",
         section="Snapshots", scheduled=("disk-snapshot-create", "disk", "name"),
         examples=("inn vm disk-snapshot-create web 0 before-upgrade",)),
    Verb("disk-snapshot-delete", "vm.disksnapshotdelete", "Remove a snapshot of a disk; the disk stays as it is.",
         (ID, "disk", "snapshot"), (_DISK, _SNAPSHOT),
         section="Snapshots", scheduled=("disk-snapshot-delete", "disk", "snapshot")),
    Verb("disk-snapshot-revert", "vm.disksnapshotrevert", "Bring a disk back to a snapshot, while the VM is off.",
         (ID, "disk", "snapshot"), (_DISK, _SNAPSHOT),
         section="Snapshots", scheduled=("disk-snapshot-revert", "disk", "snapshot")),
    Verb("disk-snapshot-rename", "vm.disksnapshotrename", "Give a snapshot of a disk another name.",
         (ID, "disk", "snapshot", "name"), (_DISK, _SNAPSHOT, Arg("name")), section="Snapshots"),
    Verb("snapshot-create", "vm.snapshotcreate", "Take a snapshot of a running guest, with its memory.",
         (ID, "name"), (Arg("name", default=""),), "ID",
         section="Snapshots", scheduled=("snapshot-create", "name"),
         examples=("inn vm snapshot-create web before-upgrade",)),
    Verb("snapshot-delete", "vm.snapshotdelete", "Remove a snapshot of a guest; the guest stays as it is.",
         (ID, "snapshot"), (_SNAPSHOT,),
         section="Snapshots", scheduled=("snapshot-delete", "snapshot")),
    Verb("snapshot-revert", "vm.snapshotrevert", "Bring a running guest back to a snapshot.",
         (ID, "snapshot"), (_SNAPSHOT,),
         section="Snapshots", scheduled=("snapshot-revert", "snapshot")),
    Verb("exec-retry", "vm.retryexec", "Have the guest carry out its last command of the API once more.", (ID,)),
    Verb("exec-cancel", "vm.cancelexec", "Give up the command of the API that a guest carries out.", (ID,)),
    Verb("vmgroup-add", "vm.vmgroupadd", "Let a VM belong to a role of a VM group.",
         (ID, "group", "role"), (Arg("group", "vmgroup"), Arg("role")), section="Members",
         examples=("inn vm vmgroup-add web site frontend",)),
    Verb("vmgroup-del", "vm.vmgroupdel", "Take a VM out of its VM group.", (ID,), section="Members"),
    Verb("nic-detach", "vm.detachnic", "Take a NIC with its aliases, or one alias, from a VM.",
         (ID, "nic"), (Arg("nic", number=True),), section="Devices"),
    Verb("sg-attach", "vm.attachsg", "Put a NIC under one more security group, while its guest runs too.",
         (ID, "nic", "group"), (Arg("nic", number=True), Arg("group", "secgroup")), section="Devices",
         examples=("inn vm sg-attach web 0 web-servers",)),
    Verb("sg-detach", "vm.detachsg", "Take a NIC out of a security group, while its guest runs too.",
         (ID, "nic", "group"), (Arg("nic", number=True), Arg("group", "secgroup")), section="Devices"),
)  # fmt: skip

HOST = (
    Verb("enable", "host.status", "Let VMs be placed here.", (ID, Literal(0))),
    Verb("disable", "host.status", "Place no more VMs here; the running ones stay.",
         (ID, Literal(1))),
    Verb("offline", "host.status", "Leave the host alone altogether.", (ID, Literal(2))),
)  # fmt: skip

IMAGE = (
    Verb("enable", "image.enable", "Let images be used.", (ID, Literal(True))),
    Verb("disable", "image.enable", "Let images not be used by new VMs.", (ID, Literal(False))),
    Verb("persistent", "image.persistent", "Keep what a VM writes; one VM at a time.",
         (ID, Literal(True))),
    Verb("nonpersistent", "image.persistent", "Give each VM a copy of its own.",
         (ID, Literal(False))),
    Verb("chtype", "image.chtype", "Change the type.", (ID, "type"), (Arg("type"),)),
    Verb("clone", "image.clone", "Copy an image.", (ID, "name", "datastore"),
         (Arg("name"), Opt(("-d", "--datastore"), "Where to.", "datastore", default=-1)), "ID"),
    Verb("delete", "image.delete", "Delete images.", (ID, "force"),
         (Flag("--force", "Even one that is being made."),)),
)  # fmt: skip

NETWORK = (
    Verb("rm-range", "vn.rm_ar", "Take an address range away.", (ID, "range", "force"),
         (Arg("range", number=True), Flag("--force", "Even when addresses of it are in use.")),
         section="Addresses"),
    Verb("free-range", "vn.free_ar", "Give a range of a reservation back.", (ID, "range"),
         (Arg("range", number=True),), section="Addresses"),
    Verb("recover", "vn.recover", "Help a network out of an error.", (ID, "operation"),
         (Choice("operation", {"failure": (0, "Take it as failed."), "success": (1, "Take it as well."),
                               "delete": (2, "Delete it."), "retry": (3, "Try again.")}),)),
)  # fmt: skip

SECURITY_GROUP = (
    Verb("clone", "secgroup.clone", "Copy a security group.", (ID, "name"), (Arg("name"),), "ID"),
    Verb("commit", "secgroup.commit", "Give its VMs the rules again.", (ID, "recover"),
         (Flag("--recover", "Only those that have not got them."),)),
)  # fmt: skip

DATASTORE = (
    Verb("enable", "datastore.enable", "Let VMs be placed here.", (ID, Literal(True))),
    Verb("disable", "datastore.enable", "Place no more VMs here.", (ID, Literal(False))),
)

TEMPLATE = (
    Verb("delete", "template.delete", "Delete templates.", (ID, "recursive"),
         (Flag("--recursive", "And their images."),)),
    Verb("clone", "template.clone", "Copy a template.", (ID, "name", "recursive"),
         (Arg("name"), Flag("--recursive", "And its images.")), "ID"),
)  # fmt: skip

USER = (
    Verb("enable", "user.enable", "Let a user in again.", (ID, Literal(True))),
    Verb("disable", "user.enable", "Keep a user out, with all tokens.", (ID, Literal(False))),
    Verb("addgroup", "user.addgroup", "Put a user into one more group.", (ID, "group"), (Arg("group", "group"),),
         section="Members"),
    Verb("delgroup", "user.delgroup", "Take a user out of a group.", (ID, "group"), (Arg("group", "group"),),
         section="Members"),
    Verb("chauth", "user.chauth",
         "Change how a user is authenticated: core, public, ssh, x509, ldap, server_cipher, server_x509.",
         (ID, "driver", "secret"), (Arg("driver"), Arg("secret", default="")),
         examples=("inn user chauth ann ldap", "inn user chauth ann core new-password")),
    Verb("chgrp", "user.chgrp", "Change the primary group.", (ID, "group"),
         (Arg("group", "group"),)),
)  # fmt: skip


def _membership(verb: str, words: str, kind: str) -> Verb:
    return Verb(verb, f"cluster.{verb}", f"{words} a {kind}.", (ID, kind), (Arg(kind, kind),),
                section="Members")  # fmt: skip


CLUSTER = tuple(
    _membership(f"{short}{noun}", words, kind)
    for noun, kind in (("host", "host"), ("datastore", "datastore"), ("vnet", "network"))
    for short, words in (("add", "Add"), ("del", "Take away"))
)


GROUP = (
    Verb("addadmin", "group.addadmin", "Let a member handle the group's users and objects.", (ID, "user"),
         (Arg("user", "user"),), section="Members"),
    Verb("vlan", "group.vlan", "Say which VLANs its members may ask for, in place of what was said.", (ID, "rules"),
         (Arg("rules"),), examples=("inn group vlan lab 'RULE=[ID=\"100-199\",SCOPE=VLAN_ID]'",)),
    Verb("deladmin", "group.deladmin", "Take that office away.", (ID, "user"), (Arg("user", "user"),),
         section="Members"),
)  # fmt: skip


def _vdc_verbs() -> Iterator[Verb]:
    yield Verb("addgroup", "vdc.addgroup", "Let a group use it.", (ID, "group"), (Arg("group", "group"),),
               section="Members")  # fmt: skip
    yield Verb("delgroup", "vdc.delgroup", "Take a group out.", (ID, "group"), (Arg("group", "group"),),
               section="Members")  # fmt: skip
    zone = Opt(("-z", "--zone"), "Zone of the resource (0).", number=True, default=0)
    for noun, kind in (
        ("cluster", "cluster"),
        ("host", "host"),
        ("datastore", "datastore"),
        ("vnet", "network"),
    ):
        for short, words in (("add", "Put into it: a"), ("del", "Take out of it: a")):
            yield Verb(f"{short}{noun}", f"vdc.{short}{noun}", f"{words} {kind}; ALL means all of the zone.",
                       (ID, "zone", kind), (Arg(kind, kind, everything=-10), zone), section="Members")  # fmt: skip


VDC = tuple(_vdc_verbs())
ACL = (Verb("delete", "acl.delrule", "Delete rules.", (ID,), section="Objects"),)
VNTEMPLATE = (
    Verb("clone", "vntemplate.clone", "Copy a network template.", (ID, "name"), (Arg("name"),), "ID"),
    Verb("instantiate", "vntemplate.instantiate", "Make a virtual network from it.", (ID, "name", "extra"),
         (Opt(("--name",), "Its name."), Opt(("--extra",), "Attributes that are merged over the template.")), "ID",
         examples=("inn vntemplate instantiate lan --name mine --extra 'AR=[TYPE=IP4,IP=10.0.5.1,SIZE=20]'",)),
)  # fmt: skip

_ROLE = Arg("role", number=True)
VM_GROUP = (
    Verb("role-add", "vmgroup.roleadd", "Add a role.", (ID, "text"), (Arg("text"),), section="Members",
         examples=("inn vmgroup role-add site 'ROLE=[NAME=cache,POLICY=ANTI_AFFINED]'",)),
    Verb("role-update", "vmgroup.roleupdate", "Change the policy or the hosts of a role.", (ID, "role", "text"),
         (_ROLE, Arg("text")), section="Members", examples=("inn vmgroup role-update site 0 'HOST_AFFINED=1'",)),
    Verb("role-delete", "vmgroup.roledelete", "Take a role away that no VM has.", (ID, "role"), (_ROLE,),
         section="Members"),
)  # fmt: skip

HOOK = (
    Verb("retry", "hook.retry", "Do an execution again.", (ID, "execution"), (Arg("execution", number=True),),
         examples=("inn hook retry tell-the-pager 12",)),
)  # fmt: skip


def _switch(api: str, on: str, off: str) -> tuple[Verb, Verb]:
    return (
        Verb("enable", f"{api}.enable", on, (ID, Literal(True))),
        Verb("disable", f"{api}.enable", off, (ID, Literal(False))),
    )


ZONE = (
    *_switch("zone", "Let the zone take changes again.", "Let the zone be looked at only."),
    Verb("raft-status", "zone.raftstatus", "Show how this front end stands among others.", (), (), "RAFT"),
    Verb("server-add", "zone.addserver", "Add a server (refused where front ends share a database).",
         (ID, "text"), (Arg("text"),)),
    Verb("server-del", "zone.delserver", "Delete a server.", (ID, "server"), (Arg("server", number=True),)),
    Verb("server-reset", "zone.resetserver", "Let a server begin anew.", (ID, "server"),
         (Arg("server", number=True),)),
)  # fmt: skip
MARKET = _switch("market", "Let marketplaces offer apps.", "Let marketplaces offer nothing.")
MARKET_APP = _switch("marketapp", "Let apps be had.", "Let apps not be had.")

_RUN = Arg("schedule", number=True)
BACKUP_JOB = (
    Verb("backup", "backupjob.backup", "Begin to back up all its VMs.", (ID,)),
    Verb("cancel", "backupjob.cancel", "Give a run up.", (ID,)),
    Verb("retry", "backupjob.retry", "Back up again what could not be.", (ID,)),
    Verb("priority", "backupjob.priority", "Set whose turn is first, 0 to 99.", (ID, "priority"),
         (Arg("priority", number=True),)),
    Verb("sched-add", "backupjob.schedadd", "Let it run at a time, SCHED_ACTION=[TIME=...].", (ID, "text"),
         (Arg("text"),), "SCHEDULE", section="Schedule",
         examples=("inn backupjob sched-add nightly 'SCHED_ACTION=[TIME=1764540000,REPEAT=3,DAYS=24]'",)),
    Verb("sched-update", "backupjob.schedupdate", "Change a scheduled run.", (ID, "schedule", "text"),
         (_RUN, Arg("text")), section="Schedule"),
    Verb("sched-delete", "backupjob.scheddelete", "Take a scheduled run away.", (ID, "schedule"), (_RUN,),
         section="Schedule"),
)  # fmt: skip

DOCUMENT = (
    Verb("clone", "document.clone", "Copy a document.", (ID, "name"), (Arg("name"),), "ID"),
)  # fmt: skip

V_ROUTER = (
    Verb(
        "instantiate", "vrouter.instantiate", "Make VMs of a router from a template with VROUTER=YES.",
        (ID, "multiple", "template", "name", "hold", "extra"),
        (Arg("template", "template"), Opt(("-m", "--multiple"), "How many (1).", number=True, default=1),
         Opt(("--name",), "Their names; %i counts."), Flag("--hold", "Do not let them be placed yet."),
         Opt(("--extra",), "More for the template: attributes as in a file.")),
        examples=("inn vrouter instantiate edge router -m 2",),
    ),
    Verb("nic-detach", "vrouter.detachnic", "Take a NIC from a router and its VMs.", (ID, "nic"),
         (Arg("nic", number=True),), section="Devices"),
)  # fmt: skip

TABLES: dict[str, tuple[Verb, ...]] = {
    "vm": VM,
    "host": HOST,
    "image": IMAGE,
    "network": NETWORK,
    "secgroup": SECURITY_GROUP,
    "datastore": DATASTORE,
    "template": TEMPLATE,
    "user": USER,
    "group": GROUP,
    "cluster": CLUSTER,
    "vdc": VDC,
    "acl": ACL,
    "vntemplate": VNTEMPLATE,
    "vmgroup": VM_GROUP,
    "vrouter": V_ROUTER,
    "document": DOCUMENT,
    "hook": HOOK,
    "zone": ZONE,
    "market": MARKET,
    "marketapp": MARKET_APP,
    "backupjob": BACKUP_JOB,
}
