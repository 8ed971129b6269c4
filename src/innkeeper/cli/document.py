"""The API's XML documents: parsing, and turning them into clean JSON data.

XML has no numbers, lists or booleans, so the tables below say which elements of the documents are
which. Attributes of a user's own in a template stay text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import TypeAlias

from innkeeper.cli import states
from innkeeper.cli.errors import CliError, ExitCode

Element: TypeAlias = ET.Element
Data: TypeAlias = "str | int | float | bool | list[Data] | dict[str, Data] | None"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements whose children are one list, whatever the children are called.
_LISTS = _words("""
    VMS CLONES APP_CLONES HOSTS DATASTORES VNETS CLUSTERS GROUPS USERS ADMINS VROUTERS IMAGES
    UPDATED_VMS OUTDATED_VMS UPDATING_VMS ERROR_VMS BACKING_UP_VMS SCHED_ACTIONS BACKUP_IDS
    BACKUP_DISK_IDS MARKETPLACEAPPS HISTORY_RECORDS AR_POOL LEASES SERVER_POOL ROLES
    PCI_DEVICES NUMA_NODES VM_QUOTA IMAGE_QUOTA NETWORK_QUOTA DATASTORE_QUOTA BACKUP_INCREMENTS
""")

# Elements that may stand several times beside each other: always a list under their own name.
_REPEATED = _words("""
    DISK NIC NIC_ALIAS PCI SECURITY_GROUP_RULE SCHED_ACTION LOGIN_TOKEN RULE DISK_SIZE TPM
    NUMA_NODE DS HUGEPAGE CORE AFFINED ANTI_AFFINED SNAPSHOT
""")

_EMPTY_OBJECTS = _words("""
    TEMPLATE USER_TEMPLATE MONITORING PERMISSIONS BACKUP_CONFIG CONTEXT GRAPHICS
    DEFAULT_USER_QUOTAS DEFAULT_GROUP_QUOTAS BACKUPS
""")

_NUMBERS = _words("""
    ID UID GID VMID OID SEQ HID CID DS_ID STATE LCM_STATE PREV_STATE PREV_LCM_STATE LAST_POLL
    STIME ETIME PSTIME PETIME RSTIME RETIME ESTIME EETIME REGTIME MODTIME TIME TIMESTAMP DATE
    EXPIRATION_TIME EGID LOCKED OWNER REQ_ID ACTION PLAN_ID ACTION_ID REQUEST_ID CLUSTER_ID
    DATASTORE_ID IMAGE_ID NETWORK_ID TEMPLATE_ID PARENT_NETWORK_ID NIC_ID DISK_ID AR_ID ZONE_ID
    PARENT PARENT_ID SNAPSHOT_ID SECURITY_GROUP_ID CPU VCPU MEMORY SIZE ORIGINAL_SIZE CPU_COST
    MEMORY_COST DISK_COST DISK_SNAPSHOT_TOTAL_SIZE MEM_USAGE CPU_USAGE TOTAL_MEM TOTAL_CPU
    MAX_MEM MAX_CPU RUNNING_VMS VMS_THREAD DISK_USAGE FREE_DISK MAX_DISK USED_DISK FREE_MB
    TOTAL_MB USED_MB FREE_CPU USED_CPU FREE_MEMORY USED_MEMORY NETRX NETTX NETRX_BW NETTX_BW
    DISKRDBYTES DISKWRBYTES DISKRDIOPS DISKWRIOPS DISKRDBYTES_BW DISKWRBYTES_BW DISKRDIOPS_BW
    DISKWRIOPS_BW TYPE DISK_TYPE CLONING_OPS CLONING_ID TARGET_SNAPSHOT USED_LEASES VLAN_ID
    OUTER_VLAN_ID VM VNET VROUTER NEXT_SNAPSHOT CURRENT_BASE PORT REPEAT END_TYPE END_VALUE
    DONE WARNING PRIORITY LAST_BACKUP_TIME LAST_BACKUP_DURATION CPUSPEED TOTALCPU TOTALMEMORY
    VMS IMAGES LEASES RVMS HOST_ID VNET_ID NODE_ID TOTAL FREE USED USAGE PAGES
""")
_NUMBER_SUFFIXES = ("_FORECAST", "_FORECAST_FAR", "_USED")

_FLAGS = _words("""
    RESCHED PERSISTENT ENABLED VLAN_ID_AUTOMATIC OUTER_VLAN_ID_AUTOMATIC OWNER_U OWNER_M
    OWNER_A GROUP_U GROUP_M GROUP_A OTHER_U OTHER_M OTHER_A
""")

_STATE_TABLES = {
    "HOST": states.HOST,
    "IMAGE": states.IMAGE,
    "VNET": states.NETWORK,
    "DATASTORE": states.DATASTORE,
}


def parse(text: str) -> Element:
    """Parse a document of the front end."""
    try:
        return ET.fromstring(text)  # noqa: S314 - from our own front end; expat bounds entities
    except ET.ParseError as error:
        text = f"the front end sent a document that is not XML: {error}"
        raise CliError(text, ExitCode.UNREACHABLE) from error


def members(pool: Element, tag: str) -> list[Element]:
    """The objects of a pool.

    In the user and group pools the quotas are siblings that follow their object; they are moved
    into it, so that a row holds all that belongs to it.
    """
    rows: list[Element] = []
    for child in pool:
        if child.tag == tag:
            rows.append(child)
        elif child.tag in ("QUOTAS", "VLAN_RULES") and rows:
            rows[-1].extend([part for part in child if part.tag != "ID"])
    return rows


def text_at(element: Element, path: str) -> str:
    """The text at a path, "" when it is missing or empty."""
    return element.findtext(path) or ""


def to_data(element: Element) -> Data:
    """An element as JSON data: numbers as numbers, lists as lists, 0/1 flags as booleans."""
    if len(element) == 0:
        return _leaf(element)
    tags = {child.tag for child in element}
    if element.tag in _LISTS and len(tags) == 1:
        return [to_data(child) for child in element]
    result: dict[str, Data] = {}
    for tag, children in _by_tag(element):
        if len(children) > 1 or tag in _REPEATED or (element.tag, tag) == ("VM", "SNAPSHOTS"):
            result[tag] = [to_data(child) for child in children]
        else:
            result[tag] = to_data(children[0])
    return result


def object_data(element: Element) -> Data:
    """A whole object as JSON data, with its states spelled out beside their numbers."""
    data = to_data(element)
    if isinstance(data, dict) and "STATE" in data:
        data["STATE_NAME"] = state_name(element)
    return data


def state_name(element: Element) -> str:
    """The full name of an object's state; a VM's life-cycle state while it is ACTIVE."""
    number = text_at(element, "STATE")
    if element.tag == "VM":
        return states.of_vm(number, text_at(element, "LCM_STATE")).name
    return states.look_up(_STATE_TABLES.get(element.tag, {}), number).name


def _by_tag(element: Element) -> Iterator[tuple[str, list[Element]]]:
    groups: dict[str, list[Element]] = {}
    for child in element:
        groups.setdefault(child.tag, []).append(child)
    return iter(groups.items())


def _leaf(element: Element) -> Data:
    tag, text = element.tag, element.text or ""
    if not text:
        return _empty(tag)
    if tag in _FLAGS and text in ("0", "1"):
        return text == "1"
    if tag in _NUMBERS or tag.endswith(_NUMBER_SUFFIXES):
        return _number(text)
    return text


def _empty(tag: str) -> Data:
    if tag in _LISTS:
        return []
    if tag in _EMPTY_OBJECTS:
        return {}
    return None if tag in _NUMBERS else ""


def _number(text: str) -> Data:
    if not text[-1].isdigit():  # "nan" and "inf" are floats to Python, and no JSON
        return text
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text
