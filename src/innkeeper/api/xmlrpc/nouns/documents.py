"""`one.document.*` and `one.documentpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents.documents import parts
from innkeeper.api.xmlrpc.methods import (
    FILTER,
    RENAME,
    Answer,
    Desk,
    Method,
    change,
    i,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import documents
from innkeeper.model.nouns import Document
from innkeeper.model.permissions import Caller

DOCUMENT: Final = Noun("one.document", Document, "DOCUMENT", parts)
#: In place of a type: documents of all types.
ANY: Final = -1


def pool_info(desk: Desk, caller: Caller, flag: int, start: int, end: int, number: int) -> Answer:
    """Documents by filter, range and type."""
    accept = None if number == ANY else lambda document: document.type == number
    table = desk.world.table(Document)
    return DOCUMENT.pool(desk, pools.selected(desk.world, table, caller, flag, start, end, accept))


METHODS: Final = DOCUMENT.methods(
    Method("one.document.allocate", (s("template"), i("type")), change(documents.allocate),
           "Stores a document of a type, a number of the client's."),
    Method("one.document.clone", RENAME, change(documents.clone), "Copies a document."),
    Method("one.documentpool.info", (*FILTER, i("type", ANY)), read(pool_info),
           "Documents by filter, range and type (-1: all)."),
)  # fmt: skip
