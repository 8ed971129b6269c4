"""`one.template.*` and `one.templatepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import templates as documents
from innkeeper.api.xmlrpc.methods import CHMOD, ID, Answer, Desk, Method, b, change, read, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
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


def chmod(tx: Transaction, caller: Caller, template_id: int, *bits_and_recursive: int) -> int:
    """Nine permission bits, and whether they are meant for the images too."""
    *bits, recursive = bits_and_recursive
    return whole.chmod(tx, caller, template_id, tuple(bits), bool(recursive))


_RECURSIVE = b("recursive", False)

METHODS: Final = Noun("one.template", VmTemplate, "VMTEMPLATE", documents.parts).methods(
    Method("one.template.allocate", (s("template"),), change(templates.allocate), "Stores a VM template."),
    Method("one.template.clone", (ID, s("name"), _RECURSIVE), change(whole.clone),
           "Copies a VM template, and its images."),
    Method("one.template.delete", (ID, _RECURSIVE), change(whole.delete), "Deletes a VM template, and its images."),
    Method("one.template.info", (ID, b("extended", False), b("decrypt", False)), read(info),
           "A VM template's document."),
    Method("one.template.instantiate", (ID, s("name"), b("hold", False), s("extra", ""), b("persistent", False)),
           change(whole.instantiate), "Makes a VM; extra is merged over the template."),
    Method("one.template.chmod", (*CHMOD, _RECURSIVE), change(chmod),
           "Sets the nine permission bits, also of its images."),
)  # fmt: skip
