"""Resources that act by themselves or are offered to others: hooks, backup jobs, zones, marketplaces and apps."""

from innkeeper.api.xmlrpc.nouns import CHANGES
from innkeeper.commands import backupjobs, common, hooks, markets, schedules, zones
from innkeeper.model.catalogue import Market, MarketApp, Zone
from innkeeper.model.jobs import BackupJob
from innkeeper.model.nouns import Hook
from innkeeper.model.permissions import Right

from . import views
from .entries import action, creation, locking, resource
from .table import Action, Resource

#: Hooks may be on methods of XML-RPC that change something.
_CALLS = {"calls": CHANGES}
_JOB = {"kind": BackupJob}

HOOKS = resource(
    "hooks", Hook,
    creation(hooks.allocate, given=_CALLS),
    action("update", hooks.update, given=_CALLS),
    delete=action("delete", hooks.delete),
    actions=(action("retry", hooks.retry, names={"run_id": "execution"}), *locking(Hook)),
    extra={
        "executions": (
            list[int],
            lambda world, caller, hook: [run.id for run in hooks.runs_of(world, hook.id)],
        ),
    },
)  # fmt: skip

BACKUP_JOBS = resource(
    "backup-jobs", BackupJob,
    creation(backupjobs.allocate),
    action("update", backupjobs.update),
    action("priority", backupjobs.set_priority),
    delete=action("delete", backupjobs.delete),
    actions=(
        action("backup", backupjobs.backup),
        action("cancel", backupjobs.cancel),
        action("retry", backupjobs.retry),
        action("schedule", schedules.add_to, given=_JOB),
        action("update-schedule", schedules.update_of, given=_JOB),
        action("delete-schedule", schedules.delete_of, given=_JOB),
    ),
)  # fmt: skip


def _refused(name: str) -> Action:
    return action(name, zones.change_server, help="Refused: this front end stands alone.")


#: Zones are not made here, the own one stays, and has no servers: who asks for that is told so.
ZONES = Resource(
    "zones", Zone,
    creation(zones.allocate), delete=action("delete", zones.delete),
    actions=tuple(map(_refused, ("add-server", "delete-server", "reset-server"))),
    changes=(
        action("rename", common.rename, given={"kind": Zone, "right": Right.MANAGE}),
        action("update", zones.update),
        action("enabled", zones.enable, names={"wanted": "enabled"}),
    ),
    states=views.state,
)  # fmt: skip

MARKETS = resource(
    "marketplaces", Market,
    creation(markets.allocate),
    action("enabled", markets.enable, names={"wanted": "enabled"}),
    delete=action("delete", markets.delete),
    states=views.state,
    extra={
        "apps": (
            list[int],
            lambda world, caller, market: markets.apps_of(world, market.id),
        ),
    },
)  # fmt: skip

APPS = resource(
    "marketplace-apps", MarketApp,
    creation(markets.allocate_app),
    action("enabled", markets.enable_app, names={"wanted": "enabled"}),
    delete=action("delete", markets.delete_app),
    states=views.state,
)  # fmt: skip
