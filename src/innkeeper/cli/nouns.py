"""Kinds of object that are made from a template and have few verbs of their own."""

from __future__ import annotations

from innkeeper.cli.document import Element, text_at
from innkeeper.cli.kinds import (
    GLOBAL,
    ID,
    LOCKABLE,
    NAME,
    OWNER,
    REGTIME,
    Column,
    Given,
    Kind,
    joined,
)

_MADE = (*LOCKABLE, "create")


def _role_vms(row: Element) -> str:
    listed = (text_at(role, "VMS") for role in row.iterfind("ROLES/ROLE"))
    return str(sum(len(text.split(",")) for text in listed if text))


VNTEMPLATE = Kind(
    "vntemplate", "network template", "network templates", "vntemplate", "vntemplatepool", "VNTEMPLATE",
    columns=(ID, *OWNER, NAME, REGTIME),
    default=("ID", "USER", "GROUP", "NAME", "REGTIME"),
    verbs=_MADE,
)  # fmt: skip

VM_GROUP = Kind(
    "vmgroup", "VM group", "VM groups", "vmgroup", "vmgrouppool", "VM_GROUP",
    columns=(
        ID, *OWNER, NAME,
        Column("VMS", 4, _role_vms),
        Column("ROLES", 36, joined("ROLES/ROLE/NAME"), left=True),
    ),
    default=("ID", "USER", "GROUP", "NAME", "VMS", "ROLES"),
    verbs=_MADE,
)  # fmt: skip

DOCUMENT = Kind(
    "document", "document", "documents", "document", "documentpool", "DOCUMENT",
    columns=(ID, *OWNER, NAME, Column("TYPE", 6, "TYPE")),
    default=("ID", "USER", "GROUP", "NAME", "TYPE"),
    verbs=_MADE,
    creation=(Given("--type", "A number of your own that tells what it is.", default=0),),
)  # fmt: skip

HOOK = Kind(
    "hook", "hook", "hooks", "hook", "hookpool", "HOOK",
    columns=(ID, Column("NAME", 19, "NAME", left=True), Column("TYPE", 8, "TYPE", left=True),
             Column("COMMAND", 30, "TEMPLATE/COMMAND", left=True)),
    default=("ID", "NAME", "TYPE"),
    verbs=(*GLOBAL, "lock", "unlock", "create"),
    pool_args=None,
)  # fmt: skip

NOUNS = (VNTEMPLATE, VM_GROUP, DOCUMENT, HOOK)
