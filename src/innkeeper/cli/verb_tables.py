"""The verbs of each kind of object that are one call of the API."""

from __future__ import annotations

from innkeeper.cli.verbs import Arg, Choice, Flag, Opt, Verb


def _action(name: str, help_text: str, *, hard: str = "") -> Verb:
    """A VM action; `hard` says what the `-hard` form does, if there is one."""
    told = (
        f"inn vm {name} web",
        f"inn vm {name} 4,7..9 --hard",
        f"inn vm {name} web --schedule '2026-12-01 22:00'",
    )
    return Verb(
        name, name, help_text, section="Life cycle", examples=told if hard else (), hard=hard, scheduled=(name,)
    )  # fmt: skip


_ENFORCE = Flag("--enforce", "Refuse when the host has not the capacity for it.")
_DATASTORE = Opt(("-d", "--datastore"), "System datastore to use.", "datastore", default=-1)

_STOPPED_BY = Choice(
    "how",
    {
        "poff": ("poweroff", "Stop it by its power button, and boot it there."),
        "poff-hard": ("poweroff-hard", "Cut its power, and boot it there."),
    },
    default="save",
)

_RECOVER = Choice(
    "operation",
    {
        "success": ("success", "Take the pending operation as done."),
        "failure": ("failure", "Take the pending operation as failed."),
        "retry": ("retry", "Try the pending operation again."),
        "delete": ("delete", "Free everything and end the VM."),
        "recreate": ("recreate", "Clean up and start over as pending."),
        "delete-db": (
            "delete-db",
            "End the VM in the records only; nothing is cleaned up on the host.",
        ),
    },
)


_DISK = Arg("disk", number=True, field="disk_id")
_SNAPSHOT = Arg("snapshot", snapshot=True, field="snapshot_id")
_NIC = Arg("nic", number=True, field="nic_id")
_RANGE = Arg("range", number=True, field="range_id")
_ROLE = Arg("role", number=True, field="role_id")
_RUN = Arg("schedule", number=True, field="number")
_TEXT = Arg("text", field="template")

VM = (
    Verb(
        "deploy", "deploy", "Start a waiting VM on a host of your choice.",
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
        "backup", "backup", "Copy the VM's disks into a backup datastore.",
        (Opt(("-d", "--datastore"), "Where to (the last one).", "datastore", default=-1),
         Flag("--reset", "Begin a new chain with a full copy.")),
        section="Life cycle", scheduled=("backup", "datastore", "reset"),
        examples=("inn vm backup web -d backups", "inn vm backup web --schedule '2026-12-01 02:00' --hourly 24"),
    ),
    Verb("backup-cancel", "cancel_backup", "Give up a backup that is being made.",
         section="Life cycle"),
    Verb(
        "restore", "restore", "Put a powered-off VM's disks back to what they were in a backup.",
        (Arg("image", "image"),
         Opt(("--increment",), "Which point of the chain (the last).", number=True, default=-1),
         Opt(("--disk",), "Only this disk.", number=True, default=-1)),
        section="Life cycle", examples=("inn vm restore web '7 28-Nov 08.00.00' --increment 3",),
    ),
    Verb(
        "migrate", "migrate",
        "Take a VM to another host: as it runs, or stopped on the way (then it goes on there as it was).",
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
        "recover", "recover", "Help a VM out of a state in which it is stuck.", (_RECOVER,), section="Life cycle",
        examples=("inn vm recover web --retry", "inn vm recover 12 --recreate"),
    ),
    Verb("disk-detach", "detach_disk", "Take a disk from a VM; what is not an image's own is lost.",
         (_DISK,), section="Devices", examples=("inn vm disk-detach web 2",)),
    Verb("disk-resize", "resize_disk", "Make a disk larger, in the eyes of a running guest too.",
         (_DISK, Arg("size", size=True)), section="Devices",
         examples=("inn vm disk-resize web 0 20g", "inn vm disk-resize web 0 20480")),
    Verb("disk-saveas", "save_disk", "Make an image of a disk, as it is or as it was at a snapshot.",
         (_DISK, Arg("name"), Opt(("-t", "--type"), "OS or DATABLOCK; else the same."),
          Opt(("-s", "--snapshot"), "Of this snapshot.", number=True, default=-1, field="snapshot_id")),
         "ID", section="Devices",
         examples=("inn vm disk-saveas web 0 golden",)),
    Verb("disk-snapshot-create", "create_disk_snapshot", "Take a snapshot of a disk.",
         (_DISK, Arg("name", default="")), "ID",
         section="Snapshots", scheduled=("disk-snapshot-create", "disk", "name"),
         examples=("inn vm disk-snapshot-create web 0 before-upgrade",)),
    Verb("disk-snapshot-delete", "delete_disk_snapshot", "Remove a snapshot of a disk; the disk stays as it is.",
         (_DISK, _SNAPSHOT),
         section="Snapshots", scheduled=("disk-snapshot-delete", "disk", "snapshot")),
    Verb("disk-snapshot-revert", "revert_disk", "Bring a disk back to a snapshot, while the VM is off.",
         (_DISK, _SNAPSHOT),
         section="Snapshots", scheduled=("disk-snapshot-revert", "disk", "snapshot"),
         examples=("inn vm disk-snapshot-revert web 0 before-upgrade",)),
    Verb("disk-snapshot-rename", "rename_disk_snapshot", "Give a snapshot of a disk another name.",
         (_DISK, _SNAPSHOT, Arg("name")), section="Snapshots"),
    Verb("snapshot-create", "create_snapshot", "Take a snapshot of a running guest, with its memory.",
         (Arg("name", default=""),), "ID",
         section="Snapshots", scheduled=("snapshot-create", "name"),
         examples=("inn vm snapshot-create web before-upgrade",)),
    Verb("snapshot-delete", "delete_snapshot", "Remove a snapshot of a guest; the guest stays as it is.", (_SNAPSHOT,),
         section="Snapshots", scheduled=("snapshot-delete", "snapshot")),
    Verb("snapshot-revert", "revert_snapshot", "Bring a running guest back to a snapshot.", (_SNAPSHOT,),
         section="Snapshots", scheduled=("snapshot-revert", "snapshot"),
         examples=("inn vm snapshot-revert web before-upgrade", "inn vm snapshot-revert web 0")),
    Verb("exec-retry", "retry_execute", "Have the guest carry out its last command of the API once more."),
    Verb("exec-cancel", "cancel_execute", "Give up the command of the API that a guest carries out."),
    Verb("vmgroup-add", "join_group", "Let a VM belong to a role of a VM group.",
         (Arg("group", "vmgroup"), Arg("role")), section="Members",
         examples=("inn vm vmgroup-add web site frontend",)),
    Verb("vmgroup-del", "leave_group", "Take a VM out of its VM group.", section="Members"),
    Verb("nic-detach", "detach_nic", "Take a NIC with its aliases, or one alias, from a VM.",
         (_NIC,), section="Devices"),
    Verb("sg-attach", "attach_security_group", "Put a NIC under one more security group, while its guest runs too.",
         (_NIC, Arg("group", "secgroup")), section="Devices",
         examples=("inn vm sg-attach web 0 web-servers",)),
    Verb("sg-detach", "detach_security_group", "Take a NIC out of a security group, while its guest runs too.",
         (_NIC, Arg("group", "secgroup")), section="Devices"),
)  # fmt: skip

HOST = (
    Verb("enable", "enable", "Let VMs be placed here."),
    Verb("disable", "disable", "Place no more VMs here; the running ones stay."),
    Verb("offline", "offline", "Leave the host alone altogether."),
)  # fmt: skip

IMAGE = (
    Verb("enable", "update", "Let images be used.", given={"enabled": True}),
    Verb("disable", "update", "Let images not be used by new VMs.", given={"enabled": False}),
    Verb("persistent", "update", "Keep what a VM writes; one VM at a time.", given={"persistent": True}),
    Verb("nonpersistent", "update", "Give each VM a copy of its own.", given={"persistent": False}),
    Verb("chtype", "update", "Change the type.", (Arg("type"),)),
    Verb("clone", "clone", "Copy an image.",
         (Arg("name"), Opt(("-d", "--datastore"), "Where to.", "datastore", default=-1)), "ID"),
    Verb("delete", "delete", "Delete images.",
         (Flag("--force", "Even one that is being made."),)),
)  # fmt: skip

NETWORK = (
    Verb("rm-range", "remove_range", "Take an address range away.",
         (_RANGE, Flag("--force", "Even when addresses of it are in use.")),
         section="Addresses"),
    Verb("free-range", "free_range", "Give a range of a reservation back.",
         (_RANGE,), section="Addresses"),
    Verb("recover", "recover", "Help a network out of an error.",
         (Choice("operation", {"failure": ("failure", "Take it as failed."), "success": ("success", "Take it as well."),
                               "delete": ("delete", "Delete it."), "retry": ("retry", "Try again.")}),)),
)  # fmt: skip

SECURITY_GROUP = (
    Verb("clone", "clone", "Copy a security group.", (Arg("name"),), "ID"),
    Verb("commit", "commit", "Give its VMs the rules again.",
         (Flag("--recover", "Only those that have not got them.", "only_outdated"),)),
)  # fmt: skip

DATASTORE = (
    Verb("enable", "update", "Let VMs be placed here.", given={"enabled": True}),
    Verb("disable", "update", "Place no more VMs here.", given={"enabled": False}),
)

TEMPLATE = (
    Verb("delete", "delete", "Delete templates.",
         (Flag("--recursive", "And their images."),)),
    Verb("clone", "clone", "Copy a template.",
         (Arg("name"), Flag("--recursive", "And its images.")), "ID"),
)  # fmt: skip

USER = (
    Verb("enable", "update", "Let a user in again.", given={"enabled": True}),
    Verb("disable", "update", "Keep a user out, with all tokens.", given={"enabled": False}),
    Verb("addgroup", "add_group", "Put a user into one more group.", (Arg("group", "group"),),
         section="Members"),
    Verb("delgroup", "remove_group", "Take a user out of a group.", (Arg("group", "group"),),
         section="Members"),
    Verb("chauth", "chauth",
         "Change how a user is authenticated: core, public, ssh, x509, ldap, server_cipher, server_x509.",
         (Arg("driver"), Arg("secret", default="", field="password")),
         examples=("inn user chauth ann ldap", "inn user chauth ann core new-password")),
    Verb("chgrp", "update", "Change the primary group.", (Arg("group", "group", field="gid"),)),
)  # fmt: skip


def _membership(
    nouns: tuple[tuple[str, str], ...], adding: str, removing: str, end: str = "", everything: int | None = None,
    more: tuple[Opt, ...] = (),
) -> tuple[Verb, ...]:  # fmt: skip
    """`add` and `del` of each kind of member: what the verb and what the kind are called."""
    return tuple(
        Verb(f"{short}{noun}", f"{method}_{kind}", f"{words} a {kind}{end}.",
             (Arg(kind, kind, everything=everything), *more), section="Members")
        for noun, kind in nouns
        for short, method, words in (("add", "add", adding), ("del", "remove", removing))
    )  # fmt: skip


_PLACES = (("host", "host"), ("datastore", "datastore"), ("vnet", "network"))
CLUSTER = _membership(_PLACES, "Add", "Take away")


GROUP = (
    Verb("addadmin", "add_admin", "Let a member handle the group's users and objects.",
         (Arg("user", "user"),), section="Members"),
    Verb("vlan", "set_vlan_rules", "Say which VLANs its members may ask for, in place of what was said.",
         (Arg("rules", field="template"),), examples=("inn group vlan lab 'RULE=[ID=\"100-199\",SCOPE=VLAN_ID]'",)),
    Verb("deladmin", "remove_admin", "Take that office away.", (Arg("user", "user"),),
         section="Members"),
)  # fmt: skip


VDC = (
    Verb("addgroup", "add_group", "Let a group use it.", (Arg("group", "group"),), section="Members"),
    Verb("delgroup", "remove_group", "Take a group out.", (Arg("group", "group"),), section="Members"),
    *_membership(
        (("cluster", "cluster"), *_PLACES), "Put into it:", "Take out of it:", "; ALL means all of the zone", -10,
        (Opt(("-z", "--zone"), "Zone of the resource (0).", number=True, default=0),),
    ),
)  # fmt: skip
ACL = (Verb("delete", "delete", "Delete rules.", section="Objects"),)
VNTEMPLATE = (
    Verb("clone", "clone", "Copy a network template.", (Arg("name"),), "ID"),
    Verb("instantiate", "instantiate", "Make a virtual network from it.",
         (Opt(("--name",), "Its name."),
          Opt(("--extra",), "Attributes that are merged over the template.", field="template")), "ID",
         examples=("inn vntemplate instantiate lan --name mine --extra 'AR=[TYPE=IP4,IP=10.0.5.1,SIZE=20]'",)),
)  # fmt: skip

VM_GROUP = (
    Verb("role-add", "add_role", "Add a role.", (_TEXT,), section="Members",
         examples=("inn vmgroup role-add site 'ROLE=[NAME=cache,POLICY=ANTI_AFFINED]'",)),
    Verb("role-update", "update_role", "Change the policy or the hosts of a role.",
         (_ROLE, _TEXT), section="Members", examples=("inn vmgroup role-update site 0 'HOST_AFFINED=1'",)),
    Verb("role-delete", "delete_role", "Take a role away that no VM has.", (_ROLE,),
         section="Members"),
)  # fmt: skip

HOOK = (
    Verb("retry", "retry", "Do an execution again.", (Arg("execution", number=True),),
         examples=("inn hook retry tell-the-pager 12",)),
)  # fmt: skip


def _switch(on: str, off: str) -> tuple[Verb, Verb]:
    return (
        Verb("enable", "update", on, given={"enabled": True}),
        Verb("disable", "update", off, given={"enabled": False}),
    )


ZONE = (
    *_switch("Let the zone take changes again.", "Let the zone be looked at only."),
    Verb("server-add", "add_server", "Add a server (refused where front ends share a database).",
         (Arg("text", field="server"),)),
    Verb("server-del", "delete_server", "Delete a server.", (Arg("server"),)),
    Verb("server-reset", "reset_server", "Let a server begin anew.",
         (Arg("server"),)),
)  # fmt: skip
MARKET = _switch("Let marketplaces offer apps.", "Let marketplaces offer nothing.")
MARKET_APP = _switch("Let apps be had.", "Let apps not be had.")

BACKUP_JOB = (
    Verb("backup", "backup", "Begin to back up all its VMs."),
    Verb("cancel", "cancel", "Give a run up."),
    Verb("retry", "retry", "Back up again what could not be."),
    Verb("priority", "update", "Set whose turn is first, 0 to 99.",
         (Arg("priority", number=True),)),
    Verb("sched-add", "schedule", "Let it run at a time, SCHED_ACTION=[TIME=...].",
         (_TEXT,), "SCHEDULE", section="Schedule",
         examples=("inn backupjob sched-add nightly 'SCHED_ACTION=[TIME=1764540000,REPEAT=3,DAYS=24]'",)),
    Verb("sched-update", "update_schedule", "Change a scheduled run.",
         (_RUN, _TEXT), section="Schedule"),
    Verb("sched-delete", "delete_schedule", "Take a scheduled run away.", (_RUN,),
         section="Schedule"),
)  # fmt: skip

DOCUMENT = (
    Verb("clone", "clone", "Copy a document.", (Arg("name"),), "ID"),
)  # fmt: skip

V_ROUTER = (
    Verb(
        "instantiate", "instantiate", "Make VMs of a router from a template with VROUTER=YES.",
        (Arg("template", "template"), Opt(("-m", "--multiple"), "How many (1).", number=True, default=1, field="count"),
         Opt(("--name",), "Their names; %i counts."), Flag("--hold", "Do not let them be placed yet."),
         Opt(("--extra",), "More for the template: attributes as in a file.", field="template")),
        examples=("inn vrouter instantiate edge router -m 2",),
    ),
    Verb("nic-detach", "detach_nic", "Take a NIC from a router and its VMs.",
         (_NIC,), section="Devices"),
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
