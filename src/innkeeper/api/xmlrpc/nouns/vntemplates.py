"""`one.vntemplate.*` and `one.vntemplatepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.templates import network_parts
from innkeeper.api.xmlrpc.methods import ID, RENAME, Method, change, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import vntemplates
from innkeeper.model.nouns import VnTemplate

METHODS: Final = Noun("one.vntemplate", VnTemplate, "VNTEMPLATE", network_parts).methods(
    Method("one.vntemplate.allocate", (s("template"),), change(vntemplates.allocate), "Stores a network template."),
    Method("one.vntemplate.clone", RENAME, change(vntemplates.clone), "Copies a network template."),
    Method("one.vntemplate.instantiate", (ID, s("name"), s("extra", "")), change(vntemplates.instantiate),
           "Makes a virtual network; extra is merged over the template, its address ranges are added."),
)  # fmt: skip
