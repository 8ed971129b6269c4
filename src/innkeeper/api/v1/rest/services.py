"""Resources that watch over others: access rules, webhooks, and the work that is under way."""

from innkeeper.commands import acl, operations, webhooks
from innkeeper.model.objects import AclRule, Operation
from innkeeper.model.webhooks import Webhook

from . import views
from .entries import action, creation, resource
from .table import Resource

ACL = Resource(
    "acl", AclRule,
    creation(acl.add, defaults={"zone": ""}, help="Adds a rule, given by its hexadecimal numbers."),
    delete=action("delete", acl.delete),
    extra=views.ACL, usable=lambda world, caller, rule: True,
)  # fmt: skip

WEBHOOKS = resource(
    "webhooks", Webhook,
    creation(webhooks.allocate, defaults={"kind": "", "after": -1}),
    action("url", webhooks.set_url), action("secret", webhooks.set_secret), action("kind", webhooks.set_kind),
    action("enable", webhooks.enable),
    hidden=frozenset({"secret", "template", "permissions"}), without=("update", "chmod", "chown"),
)  # fmt: skip

OPERATIONS = Resource(
    "operations", Operation,
    delete=action("cancel", operations.cancel),
    hidden=frozenset({"step", "undoing", "tries", "args", "results", "generation"}),
    extra=views.OPERATION, states=views.operation_states, usable=operations.usable, past=views.ended,
)  # fmt: skip

RESOURCES = (
    ACL, WEBHOOKS, OPERATIONS,
)  # fmt: skip
