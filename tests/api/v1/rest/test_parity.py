"""What XML-RPC can do, REST can do: each method has its like, or is listed with the reason why not."""

from collections.abc import Iterator

from innkeeper.api.v1.rest.documents import REPORTS, document_method
from innkeeper.api.v1.rest.names import method_of
from innkeeper.api.v1.rest.resources import RESOURCES
from innkeeper.api.v1.rest.table import Action, Resource
from innkeeper.api.xmlrpc.nouns import METHODS
from tests.api.xmlrpc.refusals import REFUSED

#: Methods that need no like of their own.
OTHERWISE = {
    "one.vmpool.infoextended": "lists show all of each VM",
    "one.vmpool.infoset": "a list is filtered, and objects are read one by one",
    "one.vmpool.calculateshowback": "there is nothing to calculate",
    "one.system.version": "GET /version",
    "one.userquota.update": "PUT /quotas/user",
    "one.groupquota.update": "PUT /quotas/group",
}
#: Always refused, and of no use to people: what servers and database tools say to each other, plans, PCI devices.
NEVER = {
    name
    for name in REFUSED
    if name.endswith(("db", "replicate", "voterequest", "sql", "sqlquery", "pci"))
    or name.startswith(("one.cluster.", "one.image.snapshot"))
}


def likes() -> set[str]:
    """The methods that have their like."""
    reported = {method for _, method in REPORTS.values()}
    shown = {
        found.name for resource in RESOURCES for many in (True, False)
        if (found := document_method(resource, many))
    }  # fmt: skip
    return reported | shown | {method_of(resource, action) for resource, action in actions()}


def actions() -> Iterator[tuple[Resource, Action]]:
    for resource in RESOURCES:
        own = [each for each in (resource.create, resource.delete) if each is not None]
        yield from ((resource, action) for action in (*own, *resource.changes, *resource.actions))


def test_every_method_has_its_like() -> None:
    assert sorted(set(METHODS) - likes() - OTHERWISE.keys() - NEVER) == []


def test_what_is_listed_exists_and_is_needed() -> None:
    assert OTHERWISE.keys() | NEVER <= set(METHODS)
    assert not likes() & (OTHERWISE.keys() | NEVER)


def test_actions_are_known_by_the_names_of_methods() -> None:
    """Else hooks on them would never be told of what is asked through REST."""
    own = ("webhook", "operation")
    named = {method_of(*each) for each in actions() if each[0].kind.KIND not in own}
    assert named <= set(METHODS)
