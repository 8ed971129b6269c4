"""`one.system.*`: what this front end is and how it is set."""

from typing import Final

from innkeeper.api.xmlrpc.documents.config import configuration
from innkeeper.api.xmlrpc.methods import Answer, Desk, Method, b, change, read, s
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.model.errors import Code, Refusal, invalid
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction

#: The OpenNebula release whose contract is kept; clients compare it with their own.
VERSION: Final = "7.0.0"


def version(_desk: Desk, _caller: Caller) -> Answer:
    """The release that we are compatible with."""
    return VERSION


def config(desk: Desk, _caller: Caller) -> Answer:
    """The configuration, which has no secrets."""
    return Raw(escape(configuration(desk.settings.datastore_root)))


def sql(_tx: Transaction, caller: Caller, _text: str, *_: object) -> int:
    """OpenNebula's tools ask its database; ours has other tables, and rules that SQL would pass by."""
    if caller.uid != 0:
        raise Refusal(Code.AUTHORIZATION, f"User [{caller.uid}] : SQL is for user 0.")
    raise invalid("There is no SQL access to the records of this front end")


METHODS: Final = (
    Method("one.system.sql", (s("sql"), b("federate")), change(sql), "Refused: records are not changed by SQL."),
    Method("one.system.sqlquery", (s("sql"),), change(sql), "Refused: records are not read by SQL."),
    Method("one.system.version", (), read(version), "The OpenNebula release whose contract is kept."),
    Method("one.system.config", (), read(config), "The configuration."),
)  # fmt: skip
