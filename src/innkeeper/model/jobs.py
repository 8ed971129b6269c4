"""Backup jobs: VMs that are backed up together, by hand or by the clock."""

from typing import ClassVar

import msgspec

from .errors import BadValue, must_be
from .objects import Lockable, ScheduledAction
from .template import Template, as_int


class Backing(msgspec.Struct, frozen=True):
    """A VM that a job is backing up, and which backup was its last before."""

    vm: int
    before: str


class BackupJob(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """VMs to back up (BACKUP_VMS of its template), and how far that is.

    Of a run, `outdated` still wait, `backing` are being backed up, `failed` could not be, `updated` are done. `started`
    is when a run that is under way began (0: none is); `last_time` and `last_duration` (seconds) tell of the last one.
    """

    KIND: ClassVar[str] = "backupjob"
    LABEL: ClassVar[str] = "backup job"
    ACL: ClassVar[str] = "BACKUPJOB"
    UNIQUE: ClassVar[str] = "owner"

    priority: int = 50
    schedule: tuple[ScheduledAction, ...] = ()
    outdated: tuple[int, ...] = ()
    backing: tuple[Backing, ...] = ()
    failed: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()
    started: int = 0
    last_time: int = 0
    last_duration: int = 0


def vms_of(template: Template) -> tuple[int, ...]:
    """The VMs that a job's template lists. Raises ValueError, which tells what is wrong."""
    text = template.get("BACKUP_VMS") or ""
    found = [as_int(word.strip()) for word in text.split(",") if word.strip()]
    numbers = [number for number in found if number is not None and number >= 0]
    if len(numbers) != len(found):
        raise BadValue(must_be("BACKUP_VMS", "numbers like 3,5", text[:40]))
    return tuple(dict.fromkeys(numbers))
