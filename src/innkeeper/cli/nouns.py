"""Kinds of object that are made from a template and have few verbs of their own."""

from __future__ import annotations

from innkeeper.cli import formats, states
from innkeeper.cli.document import Element, text_at
from innkeeper.cli.kinds import (
    GLOBAL,
    ID,
    LOCKABLE,
    NAME,
    OWNED,
    OWNER,
    REGTIME,
    Column,
    Given,
    Kind,
    count,
    joined,
    short_of,
)

_MADE = (*LOCKABLE, "create")


def _role_vms(row: Element) -> str:
    listed = (text_at(role, "VMS") for role in row.iterfind("ROLES/ROLE"))
    return str(sum(len(text.split(",")) for text in listed if text))


VNTEMPLATE = Kind(
    "vntemplate", "network template", "network templates", "network_templates", "VNTEMPLATE",
    columns=(ID, *OWNER, NAME, REGTIME),
    verbs=_MADE,
)  # fmt: skip

VM_GROUP = Kind(
    "vmgroup", "VM group", "VM groups", "vm_groups", "VM_GROUP",
    columns=(
        ID, *OWNER, NAME,
        Column("VMS", 4, _role_vms),
        Column("ROLES", 36, joined("ROLES/ROLE/NAME"), left=True),
    ),
    verbs=_MADE,
)  # fmt: skip

VROUTER = Kind(
    "vrouter", "virtual router", "virtual routers", "virtual_routers", "VROUTER",
    columns=(
        ID, *OWNER, NAME,
        Column("VMS", 12, joined("VMS/ID"), left=True),
        Column("NETWORKS", 24, joined("TEMPLATE/NIC/NETWORK"), left=True),
    ),
    verbs=_MADE,
)  # fmt: skip

DOCUMENT = Kind(
    "document", "document", "documents", "documents", "DOCUMENT",
    columns=(ID, *OWNER, NAME, Column("TYPE", 6, "TYPE")),
    verbs=_MADE,
    creation=(Given("--type", "A number of your own that tells what it is.", default=0),),
)  # fmt: skip

HOOK = Kind(
    "hook", "hook", "hooks", "hooks", "HOOK",
    columns=(ID, Column("NAME", 19, "NAME", left=True), Column("TYPE", 8, "TYPE", left=True),
             Column("COMMAND", 30, "TEMPLATE/COMMAND", left=True)),
    default=("ID", "NAME", "TYPE"),
    verbs=(*GLOBAL, "lock", "unlock", "create"),
    filtered=False,
)  # fmt: skip

ZONE = Kind(
    "zone", "zone", "zones", "zones", "ZONE",
    columns=(ID, NAME, Column("ENDPOINT", 45, "TEMPLATE/ENDPOINT"),
             Column("STAT", 4, short_of(states.ENABLED), left=True)),
    verbs=(*GLOBAL, "create"),
    filtered=False,
)  # fmt: skip

MARKET = Kind(
    "market", "marketplace", "marketplaces", "marketplaces", "MARKETPLACE",
    columns=(
        ID, NAME,
        Column("SIZE", 10, "TOTAL_MB", formats.size_of_mib),
        Column("AVAIL", 10, "FREE_MB", formats.size_of_mib),
        Column("APPS", 6, count("MARKETPLACEAPPS")),
        Column("MAD", 7, "MARKET_MAD", left=True),
        Column("ZONE", 4, "ZONE_ID"),
        Column("STAT", 4, short_of(states.ENABLED), left=True),
        *OWNER,
    ),
    default=("ID", "NAME", "SIZE", "AVAIL", "APPS", "MAD", "ZONE", "STAT"),
    verbs=(*OWNED, "create"),
    filtered=False,
)  # fmt: skip

MARKET_APP = Kind(
    "marketapp", "app", "apps", "marketplace_apps", "MARKETPLACEAPP",
    columns=(
        ID, *OWNER,
        Column("NAME", 20, "NAME", left=True),
        Column("VERSION", 10, "VERSION"),
        Column("SIZE", 5, "SIZE", formats.size_of_mib),
        Column("STAT", 4, short_of(states.APP), left=True),
        Column("TYPE", 4, short_of(states.APP_TYPES, "TYPE"), left=True),
        REGTIME,
        Column("MARKET", 10, "MARKETPLACE", left=True),
        Column("ZONE", 4, "ZONE_ID"),
    ),
    default=("ID", "NAME", "VERSION", "SIZE", "STAT", "TYPE", "REGTIME", "MARKET", "ZONE"),
    verbs=_MADE,
    creation=(Given("--market", "Where it is offered.", "market"),),
)  # fmt: skip

BACKUP_JOB = Kind(
    "backupjob", "backup job", "backup jobs", "backup_jobs", "BACKUPJOB",
    columns=(
        ID, *OWNER,
        Column("PRIO", 4, "PRIORITY", left=True),
        NAME,
        Column("LAST", 15, "LAST_BACKUP_TIME", formats.moment, left=True),
        Column("VMS", 15, "TEMPLATE/BACKUP_VMS", left=True),
    ),
    verbs=_MADE,
)  # fmt: skip

NOUNS = (VNTEMPLATE, VM_GROUP, VROUTER, DOCUMENT, HOOK, ZONE, MARKET, MARKET_APP, BACKUP_JOB)
