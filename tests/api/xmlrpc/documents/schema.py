"""The documents as OpenNebula's contract describes them (spec: xml-documents.md), and a checker for that notation.

`A{...}` children in order; `?` may be absent, `*` any number, `+` at least one; `:i` integer, `:d` decimal, `:e` epoch,
`:b` 0 or 1, else text; `IDS` a list of ID ascending; `{@}` anything.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

PERM = (
    "PERMISSIONS{OWNER_U:b,OWNER_M:b,OWNER_A:b,GROUP_U:b,GROUP_M:b,GROUP_A:b,"
    "OTHER_U:b,OTHER_M:b,OTHER_A:b}"
)
LOCK = "LOCK?{LOCKED:i,OWNER:i,TIME:e,REQ_ID:i}"
OWNED = "ID:i,UID:i,GID:i,UNAME,GNAME,NAME"

HISTORY = (
    "HISTORY*{OID:i,SEQ:i,HOSTNAME,HID:i,CID:i,STIME:e,ETIME:e,VM_MAD,TM_MAD,DS_ID:i,PLAN_ID:i,ACTION_ID:i,"
    "PSTIME:e,PETIME:e,RSTIME:e,RETIME:e,ESTIME:e,EETIME:e,ACTION:i,UID:i,GID:i,REQUEST_ID}"
)
DISK_SNAPSHOTS = (
    "SNAPSHOTS*{ALLOW_ORPHANS,CURRENT_BASE:i,DISK_ID:i,NEXT_SNAPSHOT:i,"
    "SNAPSHOT*{ACTIVE?,CHILDREN?,DATE:e,ID:i,NAME?,PARENT:i,SIZE:i}}"
)
VM = (
    f"VM{{{OWNED},{PERM},LAST_POLL:e,STATE:i,LCM_STATE:i,PREV_STATE:i,PREV_LCM_STATE:i,RESCHED:b,STIME:e,ETIME:e,"
    f"DEPLOY_ID,{LOCK},"
    "MONITORING{CPU?:d,DISKRDBYTES?:i,DISKRDBYTES_BW?:d,DISKRDIOPS?:i,DISKRDIOPS_BW?:d,DISKWRBYTES?:i,"
    "DISKWRBYTES_BW?:d,DISKWRIOPS?:i,DISKWRIOPS_BW?:d,DISK_SIZE*{ID:i,SIZE:i},ID?:i,MEMORY?:d,NETRX?:i,NETRX_BW?:d,"
    "NETTX?:i,NETTX_BW?:d,TIMESTAMP?:e},SCHED_ACTIONS IDS,TEMPLATE{@},USER_TEMPLATE{@},"
    f"HISTORY_RECORDS{{{HISTORY}}},{DISK_SNAPSHOTS},BACKUPS{{BACKUP_CONFIG{{@}},BACKUP_IDS IDS}}}}"
)
VM_SHORT = (
    f"VM{{{OWNED},LAST_POLL:e,STATE:i,LCM_STATE:i,RESCHED:b,STIME:e,ETIME:e,DEPLOY_ID,LOCK?{{LOCKED:i}},"
    "TEMPLATE{CPU:d,MEMORY:i,VCPU,"
    "DISK*{DISK_ID:i,DATASTORE,DATASTORE_ID,IMAGE,IMAGE_ID,SIZE:i,TYPE,CLONE,CLONE_TARGET,LN_TARGET,"
    "DISK_SNAPSHOT_TOTAL_SIZE},"
    "NIC*{IP?,EXTERNAL_IP?,IP6?,IP6_ULA?,IP6_LINK?,IP6_GLOBAL?,NETWORK_MODE?,SCHED_REQUIREMENTS?,SCHED_RANK?,"
    "MAC,NETWORK,NETWORK_ID:i,NIC_ID:i,SECURITY_GROUPS},GRAPHICS?{@}},"
    "MONITORING{CPU?:d,MEMORY?:d,STATE?},"
    "USER_TEMPLATE{LABELS?,ERROR?,SCHED_MESSAGE?,SCHED_RANK?,SCHED_DS_RANK?,SCHED_REQUIREMENTS?,"
    "SCHED_DS_REQUIREMENTS?,USER_PRIORITY?},"
    "HISTORY_RECORDS{HISTORY?{OID:i,SEQ:i,HOSTNAME,HID:i,CID:i,DS_ID:i,VM_MAD,TM_MAD,ACTION:i}}}"
)
HOST_FIGURES = (
    "TIMESTAMP?:e,ID?:i,CAPACITY?{FREE_CPU:d,FREE_MEMORY:d,USED_CPU:d,USED_MEMORY:d},"
    "SYSTEM?{NETRX:i,NETRX_BW?:d,NETTX:i,NETTX_BW?:d}"
)
HOST = (
    "HOST{ID:i,NAME,STATE:i,PREV_STATE:i,IM_MAD,VM_MAD,CLUSTER_ID:i,CLUSTER,"
    "HOST_SHARE{MEM_USAGE:i,CPU_USAGE:i,TOTAL_MEM:i,TOTAL_CPU:i,MAX_MEM:i,MAX_CPU:i,RUNNING_VMS:i,VMS_THREAD:i,"
    "DATASTORES{DISK_USAGE:i,DS*{@},FREE_DISK:i,MAX_DISK:i,USED_DISK:i},PCI_DEVICES{@},NUMA_NODES{@}},"
    f"VMS IDS,TEMPLATE{{@}},MONITORING{{{HOST_FIGURES}}}}}"
)
SHOWBACK = (
    "SHOWBACK{VMID:i,VMNAME,UID:i,GID:i,UNAME,GNAME,YEAR:i,MONTH:i,CPU_COST:d,MEMORY_COST:d,DISK_COST:d,TOTAL_COST:d,"
    "HOURS:d,RHOURS?:d}"
)
PLAIN = {
    "vntemplate": f"VNTEMPLATE{{{OWNED},{LOCK},{PERM},REGTIME:e,TEMPLATE{{@}}}}",
    "vmgroup": f"VM_GROUP{{{OWNED},{PERM},{LOCK},ROLES{{ROLE+{{HOST_AFFINED?,HOST_ANTI_AFFINED?,ID:i,NAME,POLICY?,"
    "VMS?}},TEMPLATE{@}}",
    "vrouter": f"VROUTER{{{OWNED},{PERM},{LOCK},VMS IDS,TEMPLATE{{@}}}}",
    "zone": "ZONE{ID:i,NAME,STATE:i,TEMPLATE{ENDPOINT,ENDPOINT_GRPC?},SERVER_POOL{}}",
    "market": f"MARKETPLACE{{{OWNED},STATE:i,MARKET_MAD,ZONE_ID:i,TOTAL_MB:i,FREE_MB:i,USED_MB:i,"
    f"MARKETPLACEAPPS IDS,{PERM},TEMPLATE{{@}}}}",
    "marketapp": f"MARKETPLACEAPP{{ID:i,UID:i,GID:i,UNAME,GNAME,{LOCK},REGTIME:e,NAME,ZONE_ID:i,ORIGIN_ID:i,SOURCE,MD5,"
    "SIZE:i,DESCRIPTION,VERSION,FORMAT,APPTEMPLATE64,MARKETPLACE_ID:i,MARKETPLACE,STATE:i,TYPE:i,"
    f"{PERM},TEMPLATE{{@}}}}",
    "backupjob": f"BACKUPJOB{{{OWNED},{LOCK},{PERM},PRIORITY:i,LAST_BACKUP_TIME:e,LAST_BACKUP_DURATION:i,"
    "SCHED_ACTIONS IDS,UPDATED_VMS IDS,OUTDATED_VMS IDS,BACKING_UP_VMS IDS,ERROR_VMS IDS,TEMPLATE{@}}",
    "hook": f"HOOK{{ID:i,NAME,TYPE,{LOCK},TEMPLATE{{@}},HOOKLOG?{{HOOK_EXECUTION_RECORD*{{HOOK_ID:i,EXECUTION_ID:i,"
    "TIMESTAMP:e,ARGUMENTS,EXECUTION_RESULT{COMMAND,STDOUT,STDERR,CODE:i},REMOTE_HOST?,RETRY?}}}",
    "document": f"DOCUMENT{{{OWNED},TYPE:i,{PERM},{LOCK},TEMPLATE{{@}}}}",
}
IMAGE = (
    f"IMAGE{{{OWNED},{LOCK},{PERM},TYPE:i,DISK_TYPE:i,PERSISTENT:b,REGTIME:e,MODTIME:e,SOURCE,PATH,FORMAT,FS,SIZE:i,"
    "STATE:i,PREV_STATE:i,RUNNING_VMS:i,CLONING_OPS:i,CLONING_ID:i,TARGET_SNAPSHOT:i,DATASTORE_ID:i,DATASTORE,"
    "VMS IDS,CLONES IDS,APP_CLONES IDS,TEMPLATE{@},"
    "SNAPSHOTS{ALLOW_ORPHANS,CURRENT_BASE:i,NEXT_SNAPSHOT:i},BACKUP_INCREMENTS{@},BACKUP_DISK_IDS IDS}"
)
VNET_HEAD = (
    f"{OWNED},{LOCK},{PERM},CLUSTERS IDS,BRIDGE,BRIDGE_TYPE,STATE:i,PREV_STATE:i,PARENT_NETWORK_ID,TEMPLATE_ID,"
    "VN_MAD,PHYDEV,VLAN_ID,OUTER_VLAN_ID,VLAN_ID_AUTOMATIC:b,OUTER_VLAN_ID_AUTOMATIC:b,USED_LEASES:i,VROUTERS IDS,"
    "UPDATED_VMS IDS,OUTDATED_VMS IDS,UPDATING_VMS IDS,ERROR_VMS IDS,TEMPLATE{@},"
)
LEASE = "LEASE*{IP?,IP6?,IP6_GLOBAL?,IP6_LINK?,IP6_ULA?,MAC?,VM?:i,VNET?:i,VROUTER?:i}"
STORED_RANGE = (
    "AR_ID:i,GLOBAL_PREFIX?,IP?,IP6?,MAC,NEXT_INDEX:i,PREFIX_LENGTH?,SHARED,SIZE:i,TYPE,ULA_PREFIX?"
)
VNET = (
    f"VNET{{{VNET_HEAD}AR_POOL{{AR*{{{STORED_RANGE},MAC_END,IP_END?,IP6_ULA?,IP6_ULA_END?,IP6_GLOBAL?,"
    f"IP6_GLOBAL_END?,IP6_END?,USED_LEASES:i,LEASES{{{LEASE}}}}}}}}}"
)
VNET_POOLED = f"VNET{{{VNET_HEAD}AR_POOL{{AR*{{ALLOCATED?,{STORED_RANGE}}}}}}}"
SECURITY_GROUP = (
    f"SECURITY_GROUP{{{OWNED},{PERM},UPDATED_VMS IDS,OUTDATED_VMS IDS,UPDATING_VMS IDS,ERROR_VMS IDS,"
    "TEMPLATE{DESCRIPTION?,RULE*{@}}}"
)
DATASTORE = (
    f"DATASTORE{{{OWNED},{PERM},DS_MAD,TM_MAD,BASE_PATH,TYPE:i,DISK_TYPE:i,STATE:i,CLUSTERS IDS,"
    "TOTAL_MB:i,FREE_MB:i,USED_MB:i,IMAGES IDS,TEMPLATE{@}}"
)
CLUSTER = "CLUSTER{ID:i,NAME,HOSTS IDS,DATASTORES IDS,VNETS IDS,TEMPLATE{@}}"
QUOTAS = "DATASTORE_QUOTA{@},NETWORK_QUOTA{@},VM_QUOTA{@},IMAGE_QUOTA{@}"
USER_HEAD = (
    "ID:i,GID:i,GROUPS IDS,GNAME,NAME,PASSWORD,AUTH_DRIVER,ENABLED:b,"
    "LOGIN_TOKEN*{TOKEN,EXPIRATION_TIME:e,EGID:i},TEMPLATE{@}"
)
USER = f"USER{{{USER_HEAD},{QUOTAS},DEFAULT_USER_QUOTAS{{{QUOTAS}}}}}"
GROUP_HEAD = "ID:i,NAME,TEMPLATE{@},USERS IDS,ADMINS IDS"
RULES = "VLAN_RULES{ID:i,RULE*{ID,SCOPE,VNTEMPLATE}}"
GROUP = f"GROUP{{{GROUP_HEAD},{QUOTAS},{RULES},DEFAULT_GROUP_QUOTAS{{{QUOTAS}}}}}"
#: What the user and group pools hold: siblings, and the defaults at the end.
USER_POOLED = f"USER{{{USER_HEAD}}},QUOTAS{{ID:i,{QUOTAS}}}"
USER_POOL_END = f"DEFAULT_USER_QUOTAS{{{QUOTAS}}}"
GROUP_POOLED = f"GROUP{{{GROUP_HEAD}}},QUOTAS{{ID:i,{QUOTAS}}},{RULES}"
GROUP_POOL_END = f"DEFAULT_GROUP_QUOTAS{{{QUOTAS}}}"
VDC = (
    "VDC{ID:i,NAME,GROUPS IDS,CLUSTERS{CLUSTER*{ZONE_ID:i,CLUSTER_ID:i}},HOSTS{HOST*{ZONE_ID:i,HOST_ID:i}},"
    "DATASTORES{DATASTORE*{ZONE_ID:i,DATASTORE_ID:i}},VNETS{VNET*{ZONE_ID:i,VNET_ID:i}},TEMPLATE{@}}"
)
ACL = "ACL*{ID:i,USER,RESOURCE,RIGHTS,ZONE,STRING}"
VMTEMPLATE = f"VMTEMPLATE{{{OWNED},{LOCK},{PERM},REGTIME:e,TEMPLATE{{@}}}}"
HOST_MONITORING = f"MONITORING*{{{HOST_FIGURES}}}"


# ---- the notation -----------------------------------------------------------------------------

_ITEM = re.compile(r"([A-Z0-9_]+)([?*+]?)(?::([idbe]))?( IDS)?")
_TEXT = {
    "i": r"-?\d+",
    "e": r"-?\d+",
    "d": r"-?\d+(\.\d+)?",
    "b": "[01]",
}


@dataclass
class Item:
    """One element: name, how many, the form of its text, its children (None: any)."""

    name: str
    many: str
    text: str
    children: "list[Item] | None"


def parsed(notation: str) -> list[Item]:
    """The items of a notation."""
    items, rest = _items(notation)
    assert not rest, rest
    return items


def _items(text: str) -> tuple[list[Item], str]:
    items = []
    while text and text[0] not in "}@":
        found = _ITEM.match(text)
        assert found, text[:40]
        text = text[found.end() :]
        children: list[Item] | None = []
        if found[4]:
            children = [Item("ID", "*", "i", [])]
        if text.startswith("{"):
            children, text = _items(text[1:])
            if text.startswith("@"):
                children, text = None, text[1:]
            assert text.startswith("}"), text[:40]
            text = text[1:]
        items.append(Item(found[1], found[2], found[3] or "", children))
        text = text.removeprefix(",")
    return items, text


def check(element: ET.Element, notation: str) -> None:
    """Asserts that an element is as the notation says."""
    (item,) = parsed(notation)
    assert element.tag == item.name
    _check_inside(element, item, element.tag)


def check_children(elements: list[ET.Element], notation: str, where: str) -> None:
    """Asserts that elements follow each other as the notation says."""
    _check_order(elements, parsed(notation), where)


def _check_inside(element: ET.Element, item: Item, where: str) -> None:
    assert not element.attrib, where
    if item.children is None:
        return
    if item.children:
        assert not (element.text or "").strip(), where
        _check_order(list(element), item.children, where)
        numbers = [int(child.text or "") for child in element if child.tag == "ID"]
        assert [c.name for c in item.children] != ["ID"] or numbers == sorted(numbers), where
    else:
        assert not len(element), where
        pattern = _TEXT.get(item.text, "(?s).*")
        assert re.fullmatch(pattern, element.text or ""), f"{where}: {element.text!r}"


def _check_order(elements: list[ET.Element], items: list[Item], where: str) -> None:
    rest = list(elements)
    for item in items:
        found = []
        while rest and rest[0].tag == item.name:
            found.append(rest.pop(0))
            if item.many in ("", "?"):
                break
        least = 0 if item.many in ("?", "*") else 1
        seen = [element.tag for element in rest[:3]]
        assert len(found) >= least, f"{where}: {item.name} is missing before {seen}"
        for element in found:
            _check_inside(element, item, f"{where}/{item.name}")
    assert not rest, f"{where}: {[element.tag for element in rest]} should not be there"
