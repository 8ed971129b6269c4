"""`one.zone.*` and `one.zonepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.zones import RAFT, parts
from innkeeper.api.xmlrpc.methods import ID, UPDATE, Answer, Desk, Method, b, change, i, i8, read, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.commands import zones
from innkeeper.commands.common import need
from innkeeper.model.catalogue import Zone
from innkeeper.model.permissions import Caller, Right

_ALONE = "Refused: this front end stands alone."


def raft_status(desk: Desk, caller: Caller) -> Answer:
    """How this front end stands among others: alone."""
    need(desk.world, Zone, zones.OWN, caller, Right.ADMIN)
    return Raw(escape(RAFT))


def internal(name: str, *params: str) -> Method:
    """What servers of a federation say to each other; each parameter is its name and its type's letter."""
    makers = {"i": i, "l": i8, "s": s}
    taken = tuple(makers[param[-1]](param[:-1]) for param in params)
    return Method(name, taken, change(zones.between_servers), _ALONE)


METHODS: Final = (
    *Noun("one.zone", Zone, "ZONE", parts, filtered=False).methods(
        Method("one.zone.allocate", (s("template"),), change(zones.allocate), _ALONE),
        Method("one.zone.delete", (ID,), change(zones.delete), "Refused: the own zone stays."),
        Method("one.zone.update", UPDATE, change(zones.update), "Replaces (0) or merges (1) the template."),
        Method("one.zone.enable", (ID, b("enable")), change(zones.enable),
               "Lets a zone take changes, or be looked at only."),
        Method("one.zone.addserver", (ID, s("template")), change(zones.change_server), _ALONE),
        Method("one.zone.delserver", (ID, i("server")), change(zones.change_server), _ALONE),
        Method("one.zone.resetserver", (ID, i("server")), change(zones.change_server), _ALONE),
        Method("one.zone.raftstatus", (), read(raft_status), "How this front end stands among others: alone."),
    ),
    internal("one.zone.replicate", "leaderi", "commitl", "leader_termi", "indexl", "termi", "prev_indexl",
             "prev_termi", "fed_indexl", "sqls"),
    internal("one.zone.voterequest", "termi", "candidatei", "log_indexl", "log_termi"),
    internal("one.zone.fedreplicate", "indexl", "prevl", "sqls"),
    internal("one.zone.updatedb", "numberi", "xmls"),
    internal("one.market.allocatedb", "ignoredi", "xmls"),
    internal("one.market.updatedb", "numberi", "xmls"),
    internal("one.marketapp.allocatedb", "ignoredi", "xmls"),
    internal("one.marketapp.updatedb", "numberi", "xmls"),
    internal("one.marketapp.dropdb", "numberi"),
)  # fmt: skip
