"""The verbs of each kind of object that are one call of the API."""

from __future__ import annotations

from innkeeper.cli.verbs import ID, Arg, Choice, Flag, Literal, Opt, Verb


def _action(name: str, help_text: str, *, hard: str = "", section: str = "Life cycle") -> Verb:
    """A VM action; `hard` says what the `-hard` form does, if there is one."""
    if not hard:
        return Verb(name, "vm.action", help_text, (Literal(name), ID), section=section)
    return Verb(
        name,
        "vm.action",
        help_text,
        ("hard", ID),
        (Flag("--hard", hard, (name, f"{name}-hard")),),
        section=section,
        examples=(f"inn vm {name} web", f"inn vm {name} 4,7..9 --hard"),
    )


_DISK = Arg("disk", number=True)
_SNAPSHOT = Arg("snapshot", number=True)
_ENFORCE = Flag("--enforce", "Refuse when the host has not the capacity for it.")
_DATASTORE = Opt(("-d", "--datastore"), "System datastore to use.", "datastore", default=-1)

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
    _action("stop", "Save memory and disks, and leave the host."),
    _action("undeploy", "Shut down, save the disks, and leave the host.",
            hard="Without asking the guest to shut down."),
    Verb(
        "migrate", "vm.migrate", "Move a VM to another host.",
        (ID, "host", "live", "enforce", "datastore", "poff"),
        (Arg("host", "host"), Flag("--live", "While it runs."), _ENFORCE, _DATASTORE,
         Flag("--poff", "By powering it off, instead of saving its memory.", (0, 1))),
        section="Life cycle", examples=("inn vm migrate web node2 --live",),
    ),
    _action("resched", "Ask for a better host.", section="Life cycle"),
    _action("unresched", "Take that back.", section="Life cycle"),
    Verb(
        "recover", "vm.recover", "Help a VM out of a state in which it is stuck.",
        (ID, "operation"), (_RECOVER,), section="Life cycle",
        examples=("inn vm recover web --retry", "inn vm recover 12 --recreate"),
    ),
    Verb("disk-detach", "vm.detach", "Take a disk away.", (ID, "disk"), (_DISK,),
         section="Devices"),
    Verb("disk-resize", "vm.diskresize", "Let a disk grow to SIZE MiB.", (ID, "disk", "size"),
         (_DISK, Arg("size")), section="Devices"),
    Verb("disk-saveas", "vm.disksaveas", "Save a disk as a new image.",
         (ID, "disk", "name", "type", "snapshot"),
         (_DISK, Arg("name"), Opt(("-t", "--type"), "Type of the image (the same)."),
          Opt(("-s", "--snapshot"), "Disk snapshot to save.", number=True, default=-1)),
         "image", section="Devices"),
    Verb("nic-detach", "vm.detachnic", "Take an interface away.", (ID, "nic"),
         (Arg("nic", number=True),), section="Devices"),
    Verb("sg-attach", "vm.attachsg", "Add a security group to an interface.",
         (ID, "nic", "secgroup"), (Arg("nic", number=True), Arg("secgroup", "secgroup")),
         section="Devices"),
    Verb("sg-detach", "vm.detachsg", "Take a security group from an interface.",
         (ID, "nic", "secgroup"), (Arg("nic", number=True), Arg("secgroup", "secgroup")),
         section="Devices"),
    Verb("snapshot-create", "vm.snapshotcreate", "Take a snapshot of memory and disks.",
         (ID, "name"), (Arg("name", default=""),), "snapshot", section="Snapshots and backups"),
    Verb("snapshot-revert", "vm.snapshotrevert", "Go back to a snapshot.", (ID, "snapshot"),
         (_SNAPSHOT,), section="Snapshots and backups"),
    Verb("snapshot-delete", "vm.snapshotdelete", "Delete a snapshot.", (ID, "snapshot"),
         (_SNAPSHOT,), section="Snapshots and backups"),
    Verb("disk-snapshot-create", "vm.disksnapshotcreate", "Take a snapshot of a disk.",
         (ID, "disk", "name"), (_DISK, Arg("name")), "snapshot", section="Snapshots and backups"),
    Verb("disk-snapshot-revert", "vm.disksnapshotrevert", "Set a disk back to a snapshot.",
         (ID, "disk", "snapshot"), (_DISK, _SNAPSHOT), section="Snapshots and backups"),
    Verb("disk-snapshot-delete", "vm.disksnapshotdelete", "Delete a disk snapshot.",
         (ID, "disk", "snapshot"), (_DISK, _SNAPSHOT), section="Snapshots and backups"),
    Verb("disk-snapshot-rename", "vm.disksnapshotrename", "Rename a disk snapshot.",
         (ID, "disk", "snapshot", "name"), (_DISK, _SNAPSHOT, Arg("name")),
         section="Snapshots and backups"),
    Verb("backup", "vm.backup", "Back a VM up.", (ID, "datastore", "reset"),
         (Opt(("-d", "--datastore"), "Backup datastore.", "datastore", default=-1),
          Flag("--reset", "Begin a new chain with a full backup.")),
         section="Snapshots and backups"),
    Verb("backup-cancel", "vm.backupcancel", "Stop a running backup.",
         section="Snapshots and backups"),
    Verb("restore", "vm.restore", "Set the disks back from a backup image.",
         (ID, "image", "increment", "disk_id"),
         (Arg("image", "image"), Opt(("--increment",), "Which one.", number=True, default=-1),
          Opt(("--disk-id",), "Only this disk.", number=True, default=-1)),
         section="Snapshots and backups"),
    Verb("exec", "vm.exec", "Run a command in the guest through its agent.",
         (ID, "command", "stdin"), (Arg("command"), Opt(("--stdin",), "Text for its input.")),
         section="Look inside"),
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
    Verb("snapshot-revert", "image.snapshotrevert", "Set the image back to a snapshot.",
         (ID, "snapshot"), (_SNAPSHOT,)),
    Verb("snapshot-delete", "image.snapshotdelete", "Delete a snapshot.", (ID, "snapshot"),
         (_SNAPSHOT,)),
    Verb("snapshot-flatten", "image.snapshotflatten", "Keep only this snapshot.",
         (ID, "snapshot"), (_SNAPSHOT,)),
)  # fmt: skip

NETWORK = (
    Verb("rm-range", "vn.rm_ar", "Take an address range away.", (ID, "range", "force"),
         (Arg("range", number=True), Flag("--force", "Even when addresses of it are in use.")),
         section="Addresses"),
    Verb("free", "vn.free_ar", "Give a reserved range back.", (ID, "range"),
         (Arg("range", number=True),), section="Addresses"),
    Verb("recover", "vn.recover", "Help a network out of a state in which it is stuck.",
         (ID, "operation"), (Choice("operation", {
             "success": (1, "Take the pending operation as done."),
             "failure": (0, "Take the pending operation as failed."),
             "delete": (2, "Delete the network."),
             "retry": (3, "Try again."),
         }),)),
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
    Verb("enable", "user.enable", "Let users in.", (ID, Literal(True))),
    Verb("disable", "user.enable", "Lock users out.", (ID, Literal(False))),
    Verb("chgrp", "user.chgrp", "Change the primary group.", (ID, "group"),
         (Arg("group", "group"),), section="Groups"),
    Verb("addgroup", "user.addgroup", "Add to a group.", (ID, "group"), (Arg("group", "group"),),
         section="Groups"),
    Verb("delgroup", "user.delgroup", "Take out of a group.", (ID, "group"),
         (Arg("group", "group"),), section="Groups"),
    Verb("chauth", "user.chauth", "Change how users prove who they are.",
         (ID, "driver", "secret"), (Arg("driver"), Arg("secret", default=""))),
)  # fmt: skip

GROUP = (
    Verb("addadmin", "group.addadmin", "Make a member an administrator of the group.",
         (ID, "user"), (Arg("user", "user"),)),
    Verb("deladmin", "group.deladmin", "Take that back.", (ID, "user"), (Arg("user", "user"),)),
)  # fmt: skip


def _membership(method: str, verb: str, words: str, kind: str) -> Verb:
    return Verb(verb, method, f"{words} a {kind}.", (ID, kind), (Arg(kind, kind),),
                section="Members")  # fmt: skip


CLUSTER = (
    *(
        _membership(f"cluster.{short}{api}", f"{short}{name}", words, kind)
        for name, api, kind in (("host", "host", "host"), ("datastore", "datastore", "datastore"),
                                ("vnet", "vnet", "network"))
        for short, words in (("add", "Add"), ("del", "Take away"))
    ),
    Verb("optimize", "cluster.optimize", "Ask for a plan that spreads the VMs better.",
         section="Balance"),
    Verb("planexecute", "cluster.planexecute", "Carry the plan out.", section="Balance"),
    Verb("plandelete", "cluster.plandelete", "Throw the plan away.", section="Balance"),
)  # fmt: skip

SECGROUP = (
    Verb("clone", "secgroup.clone", "Copy a security group.", (ID, "name"), (Arg("name"),), "ID"),
    Verb("commit", "secgroup.commit", "Send the rules to the VMs again.", (ID, "recover"),
         (Flag("--recover", "Only to those that have not got them."),)),
)  # fmt: skip

TABLES: dict[str, tuple[Verb, ...]] = {
    "vm": VM,
    "host": HOST,
    "image": IMAGE,
    "network": NETWORK,
    "datastore": DATASTORE,
    "template": TEMPLATE,
    "user": USER,
    "group": GROUP,
    "cluster": CLUSTER,
    "secgroup": SECGROUP,
}
