"""One module per long action: its steps, each with do, undo and why.

Importing this package registers every procedure; `PROCEDURES` is what tests and documents iterate over.
"""

from innkeeper.lifecycle.engine import PROCEDURES

from . import (
    backups,
    cleanup,
    deploy,
    disks,
    guard,
    images,
    nics,
    poweroff,
    reboot,
    restores,
    resume,
    saving,
    sizes,
    snapshots,
    suspend,
    terminate,
)

__all__ = [
    "PROCEDURES",
    "backups",
    "cleanup",
    "deploy",
    "disks",
    "guard",
    "images",
    "nics",
    "poweroff",
    "reboot",
    "restores",
    "resume",
    "saving",
    "sizes",
    "snapshots",
    "suspend",
    "terminate",
]
