"""VM template documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts, escaped
from innkeeper.api.xmlrpc.documents.elements import identity, lock, owners, permissions
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.objects import VmTemplate
from innkeeper.model.template import Template


def template(
    record: VmTemplate, uname: str, gname: str, shown: Template | None = None
) -> tuple[str]:
    """The whole document; `shown` stands in for the record's own template."""
    body = record.template if shown is None else shown
    return (
        f"<VMTEMPLATE>{identity(record, uname, gname)}{lock(record.lock)}"
        f"{permissions(record.permissions)}<REGTIME>{record.regtime}</REGTIME>"
        f"{body.to_xml()}</VMTEMPLATE>",
    )


TEMPLATE = Form("template", template)


def parts(view: View, record: VmTemplate) -> Parts:
    """The document of a VM template."""
    return view.cache.parts(TEMPLATE, record, owners(view.world, record))


def extended_parts(view: View, record: VmTemplate, shown: Template) -> Parts:
    """The document with what images and networks add to DISKs and NICs."""
    return escaped(template(record, *owners(view.world, record), shown))
