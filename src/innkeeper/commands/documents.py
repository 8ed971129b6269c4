"""Documents: templates that clients keep here for themselves, told apart by a number of theirs."""

from innkeeper.model.nouns import Document
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction

from . import common
from .common import check_create, check_possible_name, needed_name, parse, usable


def allocate(tx: Transaction, caller: Caller, text: str, number: int) -> int:
    """Stores a document of a type."""
    check_create(tx.world, caller, Document)
    template = parse(text)
    name = needed_name(template, Document)
    check_possible_name(Document, name)
    return common.create(tx, caller, Document, name, template.without("NAME"), type=number).id


def clone(tx: Transaction, caller: Caller, document_id: int, name: str) -> int:
    """Copies a document."""
    check_create(tx.world, caller, Document)
    origin = usable(tx.world, Document, document_id, caller)
    check_possible_name(Document, name)
    return common.create(tx, caller, Document, name, origin.template, type=origin.type).id
