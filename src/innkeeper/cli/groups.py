"""The command groups for kinds of object: generic verbs, one-call verbs and special ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import click

from innkeeper.cli.kinds import Kind
from innkeeper.cli.lazy import Entry, LazyGroup, examples, from_module, session_options
from innkeeper.cli.objects import KINDS

# Verbs that are more than one call: name -> (section, module, function, what help says).
_Special = tuple[str, str, str, str]

SPECIAL: dict[str, dict[str, _Special]] = {
    "vm": {
        "create": ("Life cycle", "create", "vm_create", "Make a VM."),
        "save": ("Life cycle", "save", "save", "Make a template of a VM and its disks."),
        "disk-attach": ("Devices", "devices", "disk_attach", "Give a VM one more disk."),
        "nic-attach": ("Devices", "devices", "nic_attach", "Give a VM one more NIC or address."),
        "nic-update": ("Devices", "devices", "nic_update", "Change attributes of a NIC."),
        "resize": ("Devices", "devices", "resize", "Change CPU, VCPU or memory."),
        "updateconf": ("Devices", "devices", "updateconf", "Change screen, context and the like."),
        "snapshot-list": ("Snapshots", "snapshots", "snapshot_list", "List those of a guest."),
        "disk-snapshot-list": (
            "Snapshots",
            "snapshots",
            "disk_snapshot_list",
            "List those of disks.",
        ),
        "wait": ("Look inside", "wait", "vm_wait", "Wait for a state or an address."),
        "console": ("Look inside", "console", "console", "Talk to the serial console."),
        "vnc": ("Look inside", "screens", "vnc", "Print the address of a page with its screen."),
        "screenshot": (
            "Look inside",
            "screens",
            "screenshot",
            "Write what its screen shows to a file.",
        ),
        "log": ("Look inside", "logs", "log", "Show what the guest or QEMU wrote."),
        "story": ("Look inside", "logs", "story", "Show all that happened to a VM."),
        "why": ("Look inside", "why", "why", "Say why it is where it is, or waits."),
        "redirect": (
            "Look inside",
            "redirects",
            "group",
            "Let ports of the front end lead to it.",
        ),
        "ssh": ("Look inside", "ssh", "ssh", "Log in over SSH."),
        "exec": ("Look inside", "execute", "execute", "Run a command in it, by its guest agent."),
        "monitoring": ("Look inside", "monitoring", "vm_monitoring", "Show what was measured."),
        "sched-add": ("Schedule", "schedules", "add", "Let an action happen at a time."),
        "sched-update": ("Schedule", "schedules", "update", "Change a scheduled action."),
        "sched-delete": ("Schedule", "schedules", "delete", "Take scheduled actions away."),
        "sched-list": ("Schedule", "schedules", "list_all", "List scheduled actions."),
    },
    "host": {
        "create": ("Objects", "create_resources", "host_create", "Add a host."),
        "flush": ("Actions", "flush", "flush", "Empty a host: its VMs go elsewhere."),
        "repair": ("Actions", "profiles", "repair", "Put right what is not as declared."),
        "profile-set": ("Actions", "profiles", "host_set", "Declare what it is to be like."),
        "profile-show": ("Look inside", "profiles", "host_show", "Show what is declared."),
        "drift": ("Look inside", "profiles", "drift", "Say where it is not as declared."),
        "wait": ("Actions", "wait", "host_wait", "Wait for a state."),
        "monitoring": ("Look inside", "monitoring", "host_monitoring", "Show what was measured."),
    },
    "image": {
        "create": ("Objects", "create_resources", "image_create", "Register an image."),
        "restore": ("Actions", "backups", "restore", "Make images of a backup again."),
        "verify": ("Look inside", "backups", "verify", "Go through a backup for damage."),
        "upload": ("Objects", "transfers", "upload", "Make an image of a file that is here."),
        "download": ("Objects", "transfers", "download", "Bring an image's content here."),
        "wait": ("Actions", "wait", "image_wait", "Wait for a state."),
    },
    "network": {
        "create": ("Objects", "create_resources", "network_create", "Make a network."),
        "add-range": ("Addresses", "network", "add_range", "Add an address range."),
        "hold": ("Addresses", "network", "hold", "Keep addresses from being given."),
        "reserve": ("Addresses", "network", "reserve", "Take addresses for a network of your own."),
        "release": ("Addresses", "network", "release", "Let held addresses be given."),
        "update-range": ("Addresses", "network", "update_range", "Change an address range."),
    },
    "secgroup": {
        "create": ("Objects", "secgroup", "secgroup_create", "Make a security group."),
    },
    "vrouter": {
        "nic-attach": ("Devices", "devices", "router_nic_attach", "Give it and its VMs a NIC."),
    },
    "datastore": {
        "create": ("Objects", "create_resources", "datastore_create", "Make a datastore.")
    },
    "template": {
        "create": ("Objects", "create", "template_create", "Register a template."),
        "instantiate": ("Actions", "create", "template_instantiate", "Make VMs from it."),
    },
    "hook": {
        "log": ("Look inside", "hooks", "log", "Show what was run, and how it ended."),
    },
    "user": {
        "create": ("Objects", "user", "create", "Add a user."),
        "quota": ("Quotas", "quotas", "user_quota", "Show or set limits."),
        "defaultquota": ("Quotas", "quotas", "user_defaults", "Show or set limits for all."),
        "umask": ("Actions", "user", "umask", "Show or set the permission bits new objects lack."),
        "login": ("Actions", "user", "login", "Get a token and keep it."),
        "passwd": ("Actions", "user", "passwd", "Change a password."),
    },
    "group": {
        "create": ("Objects", "create_resources", "group_create", "Add a group."),
        "quota": ("Quotas", "quotas", "group_quota", "Show or set limits."),
        "defaultquota": ("Quotas", "quotas", "group_defaults", "Show or set limits for all."),
    },
    "cluster": {
        "create": ("Objects", "create_resources", "cluster_create", "Make a cluster."),
        "profile-set": ("Actions", "profiles", "cluster_set", "Declare what its hosts are like."),
        "profile-show": ("Look inside", "profiles", "cluster_show", "Show what is declared."),
    },
    "zone": {"raft-status": ("Look inside", "misc", "raft_status", "How it stands among others.")},
    "vdc": {"create": ("Objects", "acl", "vdc_create", "Make a VDC.")},
    "acl": {
        "create": ("Objects", "acl", "create", "Add a rule."),
        "why": ("Look inside", "acl", "why", "Say whether a user may do something, and why."),
    },
}

_OBJECTS = "Objects"
_PERMISSIONS = "Permissions"
_SECTIONS = dict.fromkeys(("chmod", "chown", "chgrp", "lock", "unlock"), _PERMISSIONS)
_ORDER = (_OBJECTS, "Life cycle", "Devices", "Snapshots", "Actions", "Schedule", "Look inside", "Addresses", "Members",
          "Quotas", _PERMISSIONS)  # fmt: skip

# OpenNebula's names for what is called otherwise here.
ALIASES = {
    "addar": "add-range",
    "updatear": "update-range",
    "rmar": "rm-range",
    "attach-sg": "sg-attach",
    "detach-sg": "sg-detach",
}

_EXAMPLES = {
    "vm": (
        "inn vm create --name web --cpu 1 --memory 512 --disk debian --nic public",
        "inn vm list",
        "inn vm wait web --state running",
        "inn vm console web",
        "inn vm terminate web",
    ),
    "host": ("inn host create node1", "inn host list", "inn host disable node1"),
    "image": (
        "inn image create --name debian --path /var/tmp/debian.qcow2",
        "inn image list",
        "inn image persistent debian",
    ),
    "network": (
        "inn network create --name public --bridge br0 --ip 10.0.0.10 --size 50",
        "inn network add-range public --ip 10.0.1.10 --size 50",
        "inn network hold public 10.0.0.12",
    ),
    "secgroup": (
        "inn secgroup create --name web --in tcp:80,443 --in icmp --out all",
        "inn network update public --set SECURITY_GROUPS=100",
        "inn secgroup commit web",
    ),
    "template": (
        "inn template create --name small --cpu 1 --memory 512 --disk debian --nic public",
        "inn template instantiate small --name web --count 3",
    ),
    "vdc": (
        "inn vdc create science",
        "inn vdc addgroup science lab",
        "inn vdc addcluster science rack1",
    ),
    "acl": (
        "inn acl create '@100 IMAGE/* CREATE'",
        "inn acl list -l ID,STRING",
        "inn acl why ann MANAGE VM/12",
    ),
    "hook": (
        "inn hook create --name gone --set TYPE=state --set RESOURCE=VM --set ON=DONE"
        " --set COMMAND=gone.sh --set 'ARGUMENTS=$TEMPLATE'",
        "inn hook log --error",
        "inn hook retry gone 12",
    ),
    "user": ("inn user create ann", "inn user login", "inn user passwd"),
}


class ObjectGroup(LazyGroup):
    """`inn KIND`: its list of verbs is put together only when it is asked for."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(
            kind.name,
            _Entries(kind),
            aliases=ALIASES,
            params=[*session_options(hidden=True)],
            help=f"Work with {kind.plural}.",
            epilog=examples(*_EXAMPLES.get(kind.name, (f"inn {kind.name} list",))),
        )


class _Entries(Mapping[str, Entry]):
    """The verbs of a kind. One verb is found without making the others."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._all: dict[str, Entry] | None = None

    def __getitem__(self, name: str) -> Entry:
        found = self._special(name) or self._generic(name) or self._table().get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def _special(self, name: str) -> Entry | None:
        if name not in SPECIAL.get(self._kind.name, {}):
            return None
        section, module, function, summary = SPECIAL[self._kind.name][name]
        return Entry(section, summary, from_module(module, function))

    def _generic(self, name: str) -> Entry | None:
        if name not in self._kind.verbs:
            return None
        from innkeeper.cli.generic import BUILDERS

        summary, build = BUILDERS[name]
        return Entry(_SECTIONS.get(name, _OBJECTS), summary, partial(build, self._kind))

    def _table(self) -> dict[str, Entry]:
        if self._all is None:
            self._all = _in_order(self._kind, self)
        return self._all


def _in_order(kind: Kind, entries: _Entries) -> dict[str, Entry]:
    """All verbs of a kind, sorted by the order of their sections."""
    from innkeeper.cli.verb_tables import TABLES

    found: dict[str, Entry] = {}
    for name in (*kind.verbs, *SPECIAL.get(kind.name, {})):
        entry = entries._special(name) or entries._generic(name)
        if entry is not None:
            found[name] = entry
    for verb in TABLES.get(kind.name, ()):
        found.setdefault(verb.name, Entry(verb.section, verb.help, partial(verb.build, kind)))
    return dict(sorted(found.items(), key=lambda item: _ORDER.index(item[1].section)))


def object_group(kind_name: str) -> click.Command:
    """The command group for a kind of object."""
    return ObjectGroup(KINDS[kind_name])
