"""What exists after the first start: users, groups, a cluster, datastores (spec: xml-documents.md section 8)."""

from collections.abc import Callable

from innkeeper.model import acl, implied
from innkeeper.model.catalogue import Zone
from innkeeper.model.objects import (
    ALL_OF_ZONE,
    Cluster,
    Datastore,
    Group,
    SecurityGroup,
    Setting,
    User,
    Vdc,
)
from innkeeper.model.states import DatastoreType
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction

from . import markets, zones

RESERVATIONS = Template({"RESERVED_CPU": ("",), "RESERVED_MEM": ("",)})


#: Everything may come and go, until the group is taken off a network.
OPEN = Template(
    {
        "DESCRIPTION": ("All traffic is allowed. A network without this group allows what its other groups list.",),
        "RULE": (
            {"PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND"},
            {"PROTOCOL": "ALL", "RULE_TYPE": "INBOUND"},
        ),
    }
)  # fmt: skip


def complete(tx: Transaction) -> None:
    """Makes what zones of earlier releases have not."""
    if not len(tx.world.security_groups):
        _default_group(tx)
    if not len(tx.world.vdcs):
        _default_rights(tx)
    if not len(tx.world.table(Zone)):
        zones.first(tx)
        markets.first(tx)


#: What members of a group may make, as it is given to the groups that are there at the start.
MAKE = "VM", "IMAGE", "TEMPLATE", "DOCUMENT", "SECGROUP", "VMGROUP", "BACKUPJOB"


def creation_rule(gid: int, names: tuple[str, ...] = MAKE) -> acl.Rule:
    """Lets a group make things."""
    types = sum(acl.TYPES[name] for name in names)
    return acl.Rule(acl.GROUP | gid, types | acl.ALL, acl.CREATE, acl.ALL)


def _default_rights(tx: Transaction) -> None:
    """The first rules, and the VDC in which all groups begin. Before there were any, all groups had the same rights."""
    markets = acl.TYPES["MARKETPLACE"] | acl.TYPES["MARKETPLACEAPP"]
    implied.add(tx, creation_rule(1))
    for types in (acl.TYPES["ZONE"], markets):
        implied.add(tx, acl.Rule(acl.ALL, types | acl.ALL, acl.USE, acl.ALL))
    others = [group.id for group in tx.world.groups if group.id > 1]
    for gid in others:
        implied.add(tx, creation_rule(gid))
    tx.put(
        Vdc(
            id=tx.new_id(Vdc),
            name="default",
            groups=(1, *others),
            clusters=((acl.LOCAL_ZONE, ALL_OF_ZONE),),
        )
    )
    tx.start_ids_at(Vdc, 100)
    implied.settle(tx)


def _default_group(tx: Transaction) -> None:
    number = tx.new_id(SecurityGroup)
    tx.put(SecurityGroup(id=number, name="default", uid=0, gid=0, permissions=0o644, template=OPEN))
    tx.start_ids_at(SecurityGroup, 100)


def first_start(
    tx: Transaction, password_hash: str, zone: str, datastore_root: str, *, simulate: bool
) -> None:
    """Makes the first objects. `zone` is this front end's identity, kept for good."""
    tx.put(Setting(id=tx.new_id(Setting), name="zone", value=zone))
    tx.put(Group(id=tx.new_id(Group), name="oneadmin"))
    tx.put(Group(id=tx.new_id(Group), name="users"))
    _default_rights(tx)
    tx.put(User(id=tx.new_id(User), name="oneadmin", gid=0, password=password_hash))
    tx.put(
        User(id=tx.new_id(User), name="serveradmin", gid=0, driver="server_cipher", enabled=False)
    )
    tx.put(Cluster(id=tx.new_id(Cluster), name="default", template=RESERVATIONS))
    _default_group(tx)
    zones.first(tx)
    markets.first(tx)
    for put in (_system, _default, _files):
        put(tx, datastore_root, simulate)
    for kind in (Group, Cluster, Datastore):
        tx.start_ids_at(kind, 100)


def keep(tx: Transaction, name: str, value: str) -> None:
    """Keeps a setting of the front end where commands find it."""
    found = next((setting for setting in tx.world.settings if setting.name == name), None)
    if found is None and value:
        tx.put(Setting(id=tx.new_id(Setting), name=name, value=value))
    elif found is not None and found.value != value:
        tx.change(found, value=value)


def _datastore(
    tx: Transaction, root: str, name: str, kind: DatastoreType, ds_mad: str, tm_mad: str
) -> None:
    number = tx.new_id(Datastore)
    shared = "YES" if tm_mad == "dummy" else "NO"
    values = {"DS_MAD": ds_mad, "TM_MAD": tm_mad, "TYPE": f"{kind.name}_DS"}
    if kind is DatastoreType.SYSTEM:
        values |= {"SHARED": shared, "DS_MIGRATE": "YES"}
        del values["DS_MAD"]
    else:
        values |= {"CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM" if shared == "NO" else "NONE"}
    tx.put(
        Datastore(
            id=number,
            name=name,
            uid=0,
            gid=0,
            permissions=0o640,
            ds_mad=ds_mad,
            tm_mad=tm_mad,
            base_path=f"{root}/{number}",
            type=kind,
            template=Template({key: (value,) for key, value in values.items()}),
        )
    )


def _drivers(simulate: bool, ds_mad: str, tm_mad: str) -> tuple[str, str]:
    return ("dummy", "dummy") if simulate else (ds_mad, tm_mad)


def _system(tx: Transaction, root: str, simulate: bool) -> None:
    _, tm_mad = _drivers(simulate, "-", "qcow2")
    _datastore(tx, root, "system", DatastoreType.SYSTEM, "-", tm_mad)


def _default(tx: Transaction, root: str, simulate: bool) -> None:
    _datastore(tx, root, "default", DatastoreType.IMAGE, *_drivers(simulate, "fs", "qcow2"))


def _files(tx: Transaction, root: str, simulate: bool) -> None:
    _datastore(tx, root, "files", DatastoreType.FILE, *_drivers(simulate, "fs", "qcow2"))


Put = Callable[[Transaction, str, bool], None]
