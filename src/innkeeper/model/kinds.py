"""All kinds of record that a zone keeps, by name."""

from .catalogue import Market, MarketApp, Zone
from .jobs import BackupJob
from .nouns import Document, Hook, HookRun, VmGroup, VnTemplate, VRouter
from .objects import (
    AclRule,
    Cluster,
    Datastore,
    DefaultQuotas,
    Group,
    Host,
    Image,
    Network,
    Operation,
    Record,
    SecurityGroup,
    Setting,
    User,
    Vdc,
    Vm,
    VmTemplate,
)
from .replays import Replay
from .webhooks import Webhook

KINDS: dict[str, type[Record]] = {
    kind.KIND: kind
    for kind in (
        User, Group, AclRule, Vdc, Cluster, Host, Datastore, Image, Network, SecurityGroup, VmTemplate, Vm,
        Operation, Setting,
        VnTemplate, VmGroup, VRouter, Document, Hook, HookRun, Zone, Market, MarketApp, BackupJob,
        Replay, Webhook,
        DefaultQuotas,
    )
}  # fmt: skip
