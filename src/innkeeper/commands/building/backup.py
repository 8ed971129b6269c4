"""BACKUP_CONFIG: how a VM's backups are made (spec: templates.md section 4.8). It is no part of the VM's template."""

import re

from innkeeper.model.errors import must_be
from innkeeper.model.template import Vector, as_bool, as_int

from .draft import Draft, problem

NAME = "BACKUP_CONFIG"
#: Parts of CONTEXT that belong to one VM alone, and are made anew for another.
_OF_ONE_VM = re.compile(r"DISK_ID|TARGET|VMID")
#: What NETWORK=YES has generated for its NICs.
_OF_NICS = re.compile(r"ETH\d+_.*")
_WORDS = {
    "MODE": ("FULL", "INCREMENT"),
    "FS_FREEZE": ("NONE", "AGENT", "SUSPEND"),
    "INCREMENT_MODE": ("CBT",),
}
_SWITCHES = ("BACKUP_VOLATILE",)
#: What only the front end writes.
_OURS = (
    "INCREMENTAL_BACKUP_ID", "LAST_INCREMENT_ID", "LAST_DATASTORE_ID", "LAST_BACKUP_ID", "LAST_BACKUP_SIZE",
    "LAST_BRIDGE", "ACTIVE_FLATTEN", "BACKUP_JOB_ID",
)  # fmt: skip
#: What must be the same for a chain to go on.
_OF_A_CHAIN = ("MODE", "DISK_IDS", "BACKUP_VOLATILE")


def of_another(context: Vector) -> Vector:
    """A VM's CONTEXT, for a template from which others are made."""
    kept = {name: value for name, value in context.items() if not _OF_ONE_VM.fullmatch(name)}
    if not as_bool(context.get("NETWORK")):
        return kept
    return {name: value for name, value in kept.items() if not _OF_NICS.fullmatch(name)}


def fill(draft: Draft) -> None:
    """Takes the draft's BACKUP_CONFIG out of its templates."""
    given = draft.user_template.vector(NAME)
    draft.user_template = draft.user_template.without(NAME)
    if given is not None:
        draft.backup = checked(given, {})


def checked(given: Vector, before: Vector) -> Vector:
    """A configuration from a user, in the place of another: what the front end knows about the last backup stays."""
    made = {name: value for name, value in given.items() if name not in _OURS}
    for name, words in _WORDS.items():
        made[name] = (made.get(name) or words[0]).upper()
        if made[name] not in words:
            raise problem(must_be(f"{name} of BACKUP_CONFIG", " or ".join(words), made[name]))
    for name in _SWITCHES:
        made[name] = "YES" if as_bool(made.get(name, "NO")) else "NO"
    keep = as_int(made.get("KEEP_LAST") or "0")
    if keep is None or keep < 0:
        raise problem(must_be("KEEP_LAST of BACKUP_CONFIG", "a whole number", made["KEEP_LAST"]))
    for text in made.get("DISK_IDS", "").split(","):
        if text.strip() and as_int(text.strip()) is None:
            raise problem(must_be("DISK_IDS of BACKUP_CONFIG", "numbers joined by commas", text))
    kept = {name: before[name] for name in _OURS if name in before}
    if any(made.get(name) != before.get(name) for name in _OF_A_CHAIN):
        kept["LAST_INCREMENT_ID"] = "-1"
    return made | kept
