"""Documents of VDCs and of rules of the access control list (spec: xml-documents.md section 7)."""

from collections.abc import Iterable

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model import acl
from innkeeper.model.access import said
from innkeeper.model.objects import AclRule, Vdc


def vdc(record: Vdc) -> tuple[str]:
    """The document of a VDC."""
    resources = (
        ("CLUSTER", record.clusters),
        ("HOST", record.hosts),
        ("DATASTORE", record.datastores),
        ("VNET", record.networks),
    )
    listed = "".join([f"<{tag}S>{_listed(tag, found)}</{tag}S>" for tag, found in resources])
    return (
        f"<VDC><ID>{record.id}</ID>{text('NAME', record.name)}{ids('GROUPS', record.groups)}"
        f"{listed}{record.template.to_xml()}</VDC>",
    )


def _listed(tag: str, resources: Iterable[tuple[int, int]]) -> str:
    return "".join(
        [
            f"<{tag}><ZONE_ID>{zone}</ZONE_ID><{tag}_ID>{number}</{tag}_ID></{tag}>"
            for zone, number in sorted(resources)
        ]
    )


def rule(record: AclRule) -> tuple[str]:
    """The document of a rule."""
    return (
        f"<ACL><ID>{record.id}</ID><USER>{record.user:x}</USER><RESOURCE>{record.resource:x}</RESOURCE>"
        f"<RIGHTS>{record.rights:x}</RIGHTS><ZONE>{record.zone:x}</ZONE>"
        f"<STRING>{acl.text(said(record))}</STRING></ACL>",
    )


VDC = Form("vdc", vdc)
RULE = Form("acl", rule)


def vdc_parts(view: View, record: Vdc) -> Parts:
    """The document of a VDC, kept."""
    return view.cache.parts(VDC, record, ())


def rule_parts(view: View, record: AclRule) -> Parts:
    """The document of a rule, kept."""
    return view.cache.parts(RULE, record, ())
