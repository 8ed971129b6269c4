"""Random histories of operations, each said in two ways: as an XML-RPC call and as a REST request."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from innkeeper.api.v1.rest.shapes import attributes
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.model.objects import Record
from innkeeper.model.template import Template, TemplateError
from innkeeper.model.world import World
from innkeeper.sim.people import MISTAKES, NETWORKS
from innkeeper.sim.zone import ADMIN_PASSWORD

SESSIONS = (f"oneadmin:{ADMIN_PASSWORD}",) * 4 + ("user-0:secret-0", "user-1:secret-1")


class Said(NamedTuple):
    """One operation: who asks, the XML-RPC method with its arguments, the REST request."""

    session: str
    method: str
    args: tuple[Any, ...]
    verb: str
    path: str
    body: Any


class Historian:
    """Draws operations from chance and from what there is: in the same world the same ones."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self.chance = chance
        self.world = world
        self._names = 0

    def draw(self) -> Said:
        """Somebody wants something."""
        maker = self.chance.choices(tuple(MAKERS), tuple(MAKERS.values()))[0]
        method, args, verb, path, body = maker(self)
        return Said(self.chance.choice(SESSIONS), f"one.{method}", args, verb, path, body)

    # ---- what operations are made of

    def name(self) -> str:
        """A name that is new, or once in a while not."""
        self._names += self.chance.random() < 0.9
        return f"thing-{self._names}"

    def one(self, kind: str) -> int:
        """The number of an object, most often one of the last; seldom of one that there is not."""
        rows = self.world.tables[kind].rows
        if not rows or self.chance.random() < 0.02:
            return 999
        last = list(rows)[-12:] if self.chance.random() < 0.7 else list(rows)
        return self.chance.choice(last)

    def flag(self) -> bool:
        """Yes or no."""
        return self.chance.random() < 0.5

    def json(self, text: str) -> Any:
        """A template as REST takes it: as the text, or as an object."""
        if self.flag():
            return text
        try:
            return attributes(Template.parse(text))
        except TemplateError:
            return text

    def guest(self) -> str:
        """What makes a VM, or does not."""
        chance = self.chance
        if chance.random() < 0.1:
            return chance.choice(MISTAKES)
        text = f"CPU={chance.choice(('0.5', '1', '2'))}\nMEMORY={chance.choice((64, 128, 512))}"
        if chance.random() < 0.4:
            text += f"\nNIC=[NETWORK_ID={chance.randrange(NETWORKS)}]"
        if chance.random() < 0.5:
            text += f"\nDISK=[IMAGE_ID={self.one('image')}]"
        else:
            text += "\nDISK=[TYPE=fs,SIZE=10]"
        return text + ("\nBACKUP_CONFIG=[MODE=FULL,BACKUP_VOLATILE=YES]" if self.flag() else "")

    def note(self) -> str:
        """What somebody notes on something."""
        return self.chance.choice(
            (
                "NOTE=x",
                'NOTE="a b \\"c\\" \\\\"\nLABELS="red,blue"',
                "V=[A=1,B=2]\nV=[A=3]",
                "X=[",
                "",
            )
        )


Made = tuple[str, tuple[Any, ...], str, str, Any]
PATHS = {
    "vm": "vms", "host": "hosts", "cluster": "clusters", "image": "images", "datastore": "datastores",
    "network": "networks", "template": "templates", "secgroup": "security-groups", "user": "users",
    "group": "groups", "vdc": "vdcs",
}  # fmt: skip
PREFIXES = {kind: {"network": "vn"}.get(kind, kind) for kind in PATHS}
OWNED = ("vm", "image", "datastore", "network", "template", "secgroup")
NAMED = ("vm", "cluster", "image", "datastore", "network", "template", "secgroup", "vdc")
LOCKED = ("vm", "image", "network", "template")


def create_vm(h: Historian) -> Made:
    text, hold = h.guest(), h.chance.random() < 0.2
    return "vm.allocate", (text, hold), "POST", "/vms", {"template": h.json(text), "hold": hold}


def act(h: Historian) -> Made:
    vm, action = h.one("vm"), h.chance.choice(tuple(ACTIONS))
    return "vm.action", (action, vm), "POST", f"/vms/{vm}/actions/{action}", {}


def update(h: Historian) -> Made:
    kind = h.chance.choice(tuple(PATHS))
    number, text, merge = h.one(kind), h.note(), h.flag()
    body = {"template": h.json(text), "merge": merge}
    return (
        f"{PREFIXES[kind]}.update",
        (number, text, int(merge)),
        "PATCH",
        f"/{PATHS[kind]}/{number}",
        body,
    )


def rename(h: Historian) -> Made:
    kind = h.chance.choice(NAMED)
    number, name = h.one(kind), h.name()
    return (
        f"{PREFIXES[kind]}.rename",
        (number, name),
        "PATCH",
        f"/{PATHS[kind]}/{number}",
        {"name": name},
    )


def chmod(h: Historian) -> Made:
    kind, digits = h.chance.choice(OWNED), f"{h.chance.randrange(512):03o}"
    bits = tuple(int(bit) for bit in f"{int(digits, 8):09b}")
    number = h.one(kind)
    return (
        f"{PREFIXES[kind]}.chmod",
        (number, *bits),
        "PATCH",
        f"/{PATHS[kind]}/{number}",
        {"permissions": digits},
    )


def chown(h: Historian) -> Made:
    kind, uid, gid = (
        h.chance.choice(OWNED),
        h.chance.choice((-1, 0, 2, 3, 77)),
        h.chance.choice((-1, 0, 1)),
    )
    number = h.one(kind)
    body = {"uid": uid, "gid": gid}
    return f"{PREFIXES[kind]}.chown", (number, uid, gid), "PATCH", f"/{PATHS[kind]}/{number}", body


def lock(h: Historian) -> Made:
    kind, level = h.chance.choice(LOCKED), h.chance.choice((1, 2, 3, 4, 9))
    number = h.one(kind)
    where = f"/{PATHS[kind]}/{number}/actions"
    if h.flag() or h.flag():
        return f"{PREFIXES[kind]}.unlock", (number,), "POST", f"{where}/unlock", None
    return (
        f"{PREFIXES[kind]}.lock",
        (number, level, False),
        "POST",
        f"{where}/lock",
        {"level": level},
    )


def delete(h: Historian) -> Made:
    kind = h.chance.choice(tuple(kind for kind in PATHS if kind != "vm"))
    number = h.one(kind)
    if kind in ("user", "host") and h.chance.random() < 0.9:
        number = 999
    return f"{PREFIXES[kind]}.delete", (number,), "DELETE", f"/{PATHS[kind]}/{number}", None


def on_vm(h: Historian) -> Made:
    """Something that is done to a VM where it is."""
    vm, disk, nic, snap = (
        h.one("vm"),
        h.chance.randrange(3),
        h.chance.randrange(2),
        h.chance.randrange(3),
    )
    host, enforce, live, name = (
        h.one("host"),
        True,
        h.flag(),
        h.name(),
    )  # enforce: the simulator allows no other
    device = h.chance.choice(
        ("DISK=[TYPE=swap,SIZE=16]", f"DISK=[IMAGE_ID={h.one('image')}]", "DISK=[", "A=1")
    )
    port = f"NIC=[NETWORK_ID={h.chance.randrange(NETWORKS + 1)}]"
    size = f"CPU={h.chance.choice(('1', '2', 'x'))}\nMEMORY={h.chance.choice((64, 256))}"
    config = h.chance.choice(
        ('GRAPHICS=[TYPE=VNC,LISTEN="127.0.0.1"]', 'CONTEXT=[A="1"]', 'FEATURES=[ACPI="yes"]')
    )
    due = f"SCHED_ACTION=[ACTION=hold,TIME=+{h.chance.randrange(10_000, 90_000)}]"
    recovery = h.chance.choice(
        tuple(enumerate(("failure", "success", "retry", "delete", "recreate", "delete-db")))
    )
    way = h.chance.choice(tuple(enumerate(("save", "poweroff", "poweroff-hard"))))
    merge = h.flag()
    choices: tuple[tuple[str, tuple[Any, ...], str, Any], ...] = (
        ("deploy", (host, enforce), "deploy", {"host_id": host, "enforce": enforce}),
        ("migrate", (host, live, enforce, -1, way[0]), "migrate",
         {"host_id": host, "live": live, "enforce": enforce, "how": way[1]}),
        ("recover", (recovery[0],), "recover", {"operation": recovery[1]}),
        ("backup", (-1, enforce), "backup", {"reset": enforce}),
        ("backupcancel", (), "cancel-backup", None),
        ("attach", (device,), "attach-disk", {"template": h.json(device)}),
        ("detach", (disk,), "detach-disk", {"disk_id": disk}),
        ("diskresize", (disk, "200"), "resize-disk", {"disk_id": disk, "size": "200"}),
        ("disksaveas", (disk, name), "save-disk", {"disk_id": disk, "name": name}),
        ("attachnic", (port,), "attach-nic", {"template": h.json(port)}),
        ("detachnic", (nic,), "detach-nic", {"nic_id": nic}),
        ("updatenic", (nic, "NIC=[INBOUND_AVG_BW=9]", int(merge)), "update-nic",
         {"nic_id": nic, "template": {"nic": {"inbound_avg_bw": 9}}, "merge": merge}),
        ("resize", (size, enforce), "resize", {"template": h.json(size), "enforce": enforce}),
        ("updateconf", (config, int(merge)), "update-configuration", {"template": h.json(config), "merge": merge}),
        ("disksnapshotcreate", (disk, name), "create-disk-snapshot", {"disk_id": disk, "name": name}),
        ("disksnapshotdelete", (disk, snap), "delete-disk-snapshot", {"disk_id": disk, "snapshot_id": snap}),
        ("disksnapshotrevert", (disk, snap), "revert-disk", {"disk_id": disk, "snapshot_id": snap}),
        ("disksnapshotrename", (disk, snap, name), "rename-disk-snapshot",
         {"disk_id": disk, "snapshot_id": snap, "name": name}),
        ("snapshotcreate", (name,), "create-snapshot", {"name": name}),
        ("snapshotrevert", (snap,), "revert-snapshot", {"snapshot_id": snap}),
        ("snapshotdelete", (snap,), "delete-snapshot", {"snapshot_id": snap}),
        ("schedadd", (due,), "schedule", {"template": h.json(due)}),
        ("schedupdate", (snap, due), "update-schedule", {"number": snap, "template": h.json(due)}),
        ("scheddelete", (snap,), "delete-schedule", {"number": snap}),
    )  # fmt: skip
    method, args, action, body = h.chance.choice(choices)
    return f"vm.{method}", (vm, *args), "POST", f"/vms/{vm}/actions/{action}", body


def on_images(h: Historian) -> Made:
    image, name, yes = h.one("image"), h.name(), h.flag()
    text, kind = f"NAME={name}\nSIZE=100", h.chance.choice(("OS", "CDROM", "DATABLOCK", "FISH"))
    where = f"/images/{image}"
    return h.chance.choice((
        ("image.allocate", (text, 1), "POST", "/images", {"template": h.json(text), "datastore_id": 1}),
        ("image.allocate", (text, 1), "POST", "/images", {"template": h.json(text)}),
        ("image.clone", (image, name), "POST", f"{where}/actions/clone", {"name": name}),
        ("image.delete", (image, yes), "DELETE", f"{where}?force={str(yes).lower()}", None),
        ("image.enable", (image, yes), "PATCH", where, {"enabled": yes}),
        ("image.persistent", (image, yes), "PATCH", where, {"persistent": yes}),
        ("image.chtype", (image, kind), "PATCH", where, {"type": kind}),
    ))  # fmt: skip


def on_networks(h: Historian) -> Made:
    number, name = h.one("network"), h.name()
    lease = f"LEASES=[IP=10.{h.chance.randrange(NETWORKS)}.0.{h.chance.randrange(1, 40)}]"
    text = f"NAME={name}\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.9.0.1,SIZE=20]"
    more, part, where = (
        "AR=[TYPE=IP4,IP=10.8.0.1,SIZE=5]",
        f"NAME={name}\nSIZE=3",
        f"/networks/{number}/actions",
    )
    return h.chance.choice((
        ("vn.allocate", (text, -1), "POST", "/networks", {"template": h.json(text)}),
        ("vn.hold", (number, lease), "POST", f"{where}/hold", {"template": h.json(lease)}),
        ("vn.release", (number, lease), "POST", f"{where}/release", {"template": h.json(lease)}),
        ("vn.add_ar", (number, more), "POST", f"{where}/add-range", {"template": h.json(more)}),
        ("vn.rm_ar", (number, 1), "POST", f"{where}/remove-range", {"range_id": 1}),
        ("vn.reserve", (number, part), "POST", f"{where}/reserve", {"template": h.json(part)}),
        ("vn.free_ar", (number, 0), "POST", f"{where}/free-range", {"range_id": 0}),
        ("vn.recover", (number, 0), "POST", f"{where}/recover", {"operation": "failure"}),
    ))  # fmt: skip


def on_templates(h: Historian) -> Made:
    number, name, hold, text = h.one("template"), h.name(), h.flag(), h.guest()
    whole, where = f"NAME={name}\n{text}", f"/templates/{number}/actions"
    return h.chance.choice((
        ("template.allocate", (whole,), "POST", "/templates", {"template": h.json(whole)}),
        ("template.clone", (number, name), "POST", f"{where}/clone", {"name": name}),
        ("template.instantiate", (number, name, hold, "CPU=1"), "POST", f"{where}/instantiate",
         {"name": name, "hold": hold, "template": {"cpu": 1}}),
        ("template.instantiate", (number, "", hold), "POST", f"{where}/instantiate", {"hold": hold}),
    ))  # fmt: skip


def on_places(h: Historian) -> Made:
    host, cluster, name = h.one("host"), h.one("cluster"), h.name()
    store, net, yes = h.one("datastore"), h.one("network"), h.flag()
    status = h.chance.choice(
        ((0, "enable"), (0, "enable"), (0, "enable"), (1, "disable"), (2, "offline"))
    )
    text, where = f"NAME={name}\nDS_MAD=dummy\nTM_MAD=dummy", f"/clusters/{cluster}/actions"
    return h.chance.choice((
        ("cluster.allocate", (name,), "POST", "/clusters", {"name": name}),
        ("cluster.addhost", (cluster, host), "POST", f"{where}/add-host", {"host_id": host}),
        ("cluster.delhost", (0, host), "PATCH", f"/hosts/{host}", {"cluster_id": 0}),
        ("cluster.adddatastore", (cluster, store), "POST", f"{where}/add-datastore", {"datastore_id": store}),
        ("cluster.deldatastore", (cluster, store), "POST", f"{where}/remove-datastore", {"datastore_id": store}),
        ("cluster.addvnet", (cluster, net), "POST", f"{where}/add-network", {"network_id": net}),
        ("host.status", (host, status[0]), "POST", f"/hosts/{host}/actions/{status[1]}", {}),
        ("datastore.allocate", (text, -1), "POST", "/datastores", {"template": h.json(text)}),
        ("datastore.enable", (store, yes), "PATCH", f"/datastores/{store}", {"enabled": yes}),
    ))  # fmt: skip


def on_people(h: Historian) -> Made:
    user, group, name, vdc = h.one("user"), h.one("group"), h.name(), h.one("vdc")
    rule = "RULE=[PROTOCOL=TCP,RULE_TYPE=inbound,RANGE=22]"
    secgroup, text = h.one("secgroup"), f"NAME={name}\n{rule}"
    return h.chance.choice((
        ("user.allocate", (name, "secret", "core", [1]), "POST", "/users",
         {"name": name, "password": "secret", "groups": [1]}),
        ("user.chgrp", (user, group), "PATCH", f"/users/{user}", {"gid": group}),
        ("group.allocate", (name,), "POST", "/groups", {"name": name}),
        ("vdc.allocate", (f"NAME={name}",), "POST", "/vdcs", {"template": {"name": name}}),
        ("vdc.addgroup", (vdc, group), "POST", f"/vdcs/{vdc}/actions/add-group", {"group_id": group}),
        ("vdc.addhost", (vdc, 0, 0), "POST", f"/vdcs/{vdc}/actions/add-host", {"host_id": 0}),
        ("secgroup.allocate", (text,), "POST", "/security-groups", {"template": h.json(text)}),
        ("secgroup.clone", (secgroup, name), "POST", f"/security-groups/{secgroup}/actions/clone", {"name": name}),
        ("secgroup.commit", (secgroup, True), "POST", f"/security-groups/{secgroup}/actions/commit",
         {"only_outdated": True}),
    ))  # fmt: skip


MAKERS: dict[Callable[[Historian], Made], int] = {
    create_vm: 12, act: 25, update: 8, rename: 4, chmod: 4, chown: 4, lock: 4, delete: 4, on_vm: 30, on_images: 8,
    on_networks: 6, on_templates: 6, on_places: 5, on_people: 5,
}  # fmt: skip


def records(world: World) -> Iterator[Record]:
    """All objects of a world, but for the answers that REST keeps."""
    for kind, table in sorted(world.tables.items()):
        if kind != "replay":
            yield from (table.rows[number] for number in sorted(table.rows))
