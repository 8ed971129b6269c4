"""Documents of VM templates and network templates (spec: xml-documents.md section 7)."""

from functools import partial

from innkeeper.api.xmlrpc.documents.cache import Parts, escaped
from innkeeper.api.xmlrpc.documents.elements import identity, lock, owners, permissions
from innkeeper.api.xmlrpc.documents.plain import plain
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.nouns import VnTemplate
from innkeeper.model.objects import VmTemplate
from innkeeper.model.template import Template


def template(
    tag: str,
    record: VmTemplate | VnTemplate,
    uname: str,
    gname: str,
    shown: Template | None = None,
) -> str:
    """The whole document; `shown` stands in for the record's own template."""
    body = record.template if shown is None else shown
    return (
        f"<{tag}>{identity(record, uname, gname)}{lock(record.lock)}"
        f"{permissions(record.permissions)}<REGTIME>{record.regtime}</REGTIME>"
        f"{body.to_xml()}</{tag}>"
    )


parts = plain("template", partial(template, "VMTEMPLATE"))
network_parts = plain("vntemplate", partial(template, "VNTEMPLATE"))


def extended_parts(view: View, record: VmTemplate, shown: Template) -> Parts:
    """The document with what images and networks add to DISKs and NICs."""
    return escaped((template("VMTEMPLATE", record, *owners(view.world, record), shown),))
