"""One module per long action: its steps, each with do, undo and why.

Importing this package registers every procedure; `PROCEDURES` is what tests and documents iterate over.
"""

from innkeeper.lifecycle.engine import PROCEDURES

from . import (
    backups,
    cleanup,
    cold,
    deploy,
    disks,
    executing,
    guard,
    images,
    live,
    nics,
    poweroff,
    reboot,
    redeploy,
    repair,
    restores,
    resume,
    saving,
    sizes,
    snapshots,
    stop,
    suspend,
    terminate,
)

__all__ = [
    "PROCEDURES",
    "backups",
    "cleanup",
    "cold",
    "deploy",
    "disks",
    "executing",
    "guard",
    "images",
    "live",
    "nics",
    "poweroff",
    "reboot",
    "redeploy",
    "repair",
    "restores",
    "resume",
    "saving",
    "sizes",
    "snapshots",
    "stop",
    "suspend",
    "terminate",
]
