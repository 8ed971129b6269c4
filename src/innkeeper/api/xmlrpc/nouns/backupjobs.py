"""`one.backupjob.*` and `one.backupjobpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.backupjobs import parts
from innkeeper.api.xmlrpc.methods import (
    DECRYPT,
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    change,
    i,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import backupjobs, schedules
from innkeeper.commands.common import need
from innkeeper.model.jobs import BackupJob
from innkeeper.model.permissions import Caller, Right


def info(desk: Desk, caller: Caller, job_id: int, _decrypt: bool) -> Answer:
    """The document of a job, with its schedule."""
    job = need(desk.world, BackupJob, job_id, caller, Right.USE)
    return Raw(*parts(desk.view, job, whole=True))


_SCHEDULE: Final = i("schedule")

METHODS: Final = Noun("one.backupjob", BackupJob, "BACKUPJOB", parts).methods(
    Method("one.backupjob.allocate", (s("template"),), change(backupjobs.allocate), "Makes a backup job."),
    Method("one.backupjob.info", (ID, DECRYPT), read(info), "The document of a job, with its schedule."),
    Method("one.backupjob.update", UPDATE, change(backupjobs.update), "Replaces (0) or merges (1) the template."),
    Method("one.backupjob.delete", (ID,), change(backupjobs.delete), "Deletes a job that does nothing now."),
    Method("one.backupjob.backup", (ID,), change(backupjobs.backup), "Begins a run."),
    Method("one.backupjob.cancel", (ID,), change(backupjobs.cancel), "Gives a run up."),
    Method("one.backupjob.retry", (ID,), change(backupjobs.retry), "Backs up again what could not be."),
    Method("one.backupjob.priority", (ID, i("priority")), change(backupjobs.set_priority),
           "Sets the priority, 0 to 99."),
    Method("one.backupjob.schedadd", (ID, s("template")),
           change(lambda tx, caller, *given: schedules.add_to(tx, caller, BackupJob, *given)),
           "Schedules a run; its number."),
    Method("one.backupjob.schedupdate", (ID, _SCHEDULE, s("template")),
           change(lambda tx, caller, *given: schedules.update_of(tx, caller, BackupJob, *given)),
           "Changes a scheduled run."),
    Method("one.backupjob.scheddelete", (ID, _SCHEDULE),
           change(lambda tx, caller, *given: schedules.delete_of(tx, caller, BackupJob, *given)),
           "Takes a scheduled run away."),
)  # fmt: skip
