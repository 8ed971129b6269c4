"""Backup job documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import (
    children,
    identity,
    ids,
    lock,
    owners,
    permissions,
)
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.jobs import BackupJob
from innkeeper.model.schedule import attributes

_END = "</TEMPLATE>"


def job(record: BackupJob, uname: str, gname: str) -> tuple[str, str, str]:
    """Up to the schedule in the template; the schedule; the end."""
    schedule = "".join(
        f"<SCHED_ACTION>{children(attributes(action, record.id, 'BACKUPJOB'))}</SCHED_ACTION>"
        for action in record.schedule
    )
    lists = (
        ("UPDATED", record.updated), ("OUTDATED", record.outdated),
        ("BACKING_UP", [each.vm for each in record.backing]), ("ERROR", record.failed),
    )  # fmt: skip
    shown = "".join(ids(f"{name}_VMS", numbers) for name, numbers in lists)
    return (
        f"<BACKUPJOB>{identity(record, uname, gname)}{lock(record.lock)}{permissions(record.permissions)}"
        f"<PRIORITY>{record.priority}</PRIORITY><LAST_BACKUP_TIME>{record.started or record.last_time}"
        f"</LAST_BACKUP_TIME><LAST_BACKUP_DURATION>{record.last_duration}</LAST_BACKUP_DURATION>"
        f"{ids('SCHED_ACTIONS', [action.id for action in record.schedule])}{shown}"
        f"{record.template.to_xml().removesuffix(_END)}",
        schedule,
        f"{_END}</BACKUPJOB>",
    )


JOB = Form("backupjob", job)


def parts(view: View, record: BackupJob, *, whole: bool = False) -> Parts:
    """The document of a job: with its schedule, or as pools show it."""
    head, schedule, end = view.cache.parts(JOB, record, owners(view.world, record))
    return (head, schedule, end) if whole else (head, end)
