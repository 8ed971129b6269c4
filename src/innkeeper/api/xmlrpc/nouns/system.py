"""`one.system.*`: what this front end is and how it is set."""

from typing import Final

from innkeeper.api.xmlrpc.documents.config import configuration
from innkeeper.api.xmlrpc.methods import Answer, Desk, Method, read
from innkeeper.api.xmlrpc.wire import Raw, escape
from innkeeper.model.permissions import Caller

#: The OpenNebula release whose contract is kept; clients compare it with their own.
VERSION: Final = "7.0.0"


def version(_desk: Desk, _caller: Caller) -> Answer:
    """The release that we are compatible with."""
    return VERSION


def config(desk: Desk, _caller: Caller) -> Answer:
    """The configuration, which has no secrets."""
    return Raw(escape(configuration(desk.settings.datastore_root)))


METHODS: Final = (
    Method("one.system.version", (), read(version), "The OpenNebula release whose contract is kept."),
    Method("one.system.config", (), read(config), "The configuration."),
)  # fmt: skip
