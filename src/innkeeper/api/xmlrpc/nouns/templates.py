"""`one.template.*` and `one.templatepool.*`."""

from functools import partial
from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import templates as documents
from innkeeper.api.xmlrpc.methods import (
    CHMOD,
    FILTER,
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    b,
    change,
    pool,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns import generic
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import template_images as whole
from innkeeper.commands import templates
from innkeeper.commands.common import need
from innkeeper.model.objects import VmTemplate
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction


def info(desk: Desk, caller: Caller, template_id: int, extended: bool, _decrypt: bool) -> Answer:
    """The document of a template; extended with what its images and networks add."""
    template = need(desk.world, VmTemplate, template_id, caller, Right.USE)
    if not extended:
        return Raw(*documents.parts(desk.view, template))
    shown = whole.extended(desk.world, caller, template.template)
    return Raw(*documents.extended_parts(desk.view, template, shown))


def pool_info(desk: Desk, caller: Caller, flag: int, start: int, end: int) -> Answer:
    """Templates by filter and range."""
    found = pools.selected(desk.world, desk.world.templates, caller, flag, start, end)
    return pool("VMTEMPLATE_POOL", found, partial(documents.parts, desk.view))


def chmod(tx: Transaction, caller: Caller, template_id: int, *bits_and_recursive: int) -> int:
    """Nine permission bits, and whether they are meant for the images too."""
    *bits, recursive = bits_and_recursive
    return whole.chmod(tx, caller, template_id, tuple(bits), bool(recursive))


_RECURSIVE = b("recursive", False)

METHODS: Final = (
    Method("one.template.allocate", (s("template"),), change(templates.allocate), "Stores a VM template."),
    Method("one.template.clone", (ID, s("name"), _RECURSIVE), change(whole.clone),
           "Copies a VM template, and its images."),
    Method("one.template.delete", (ID, _RECURSIVE), change(whole.delete), "Deletes a VM template, and its images."),
    Method("one.template.info", (ID, b("extended", False), b("decrypt", False)), read(info),
           "A VM template's document."),
    Method("one.template.instantiate", (ID, s("name"), b("hold", False), s("extra", ""), b("persistent", False)),
           change(whole.instantiate), "Makes a VM; extra is merged over the template."),
    Method("one.template.update", UPDATE, change(templates.update), "Replaces (0) or merges (1) the template."),
    generic.rename("one.template", VmTemplate),
    Method("one.template.chmod", (*CHMOD, _RECURSIVE), change(chmod),
           "Sets the nine permission bits, also of its images."),
    generic.chown("one.template", VmTemplate),
    *generic.lock("one.template", VmTemplate),
    Method("one.templatepool.info", FILTER, read(pool_info), "VM templates by filter and range."),
)  # fmt: skip
