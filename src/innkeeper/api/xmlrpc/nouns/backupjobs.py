"""`one.backupjob.*` and `one.backupjobpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.backupjobs import parts
from innkeeper.api.xmlrpc.methods import (
    ID,
    UPDATE,
    Method,
    change,
    i,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import backupjobs, schedules
from innkeeper.model.jobs import BackupJob

_SCHEDULE: Final = i("schedule")

JOB: Final = Noun(
    "one.backupjob", BackupJob, "BACKUPJOB", parts,
    whole=lambda view, _, job: parts(view, job, whole=True),
)  # fmt: skip

METHODS: Final = JOB.methods(
    Method("one.backupjob.allocate", (s("template"),), change(backupjobs.allocate), "Makes a backup job."),
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
