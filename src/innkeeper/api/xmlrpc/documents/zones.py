"""Zone documents, and how a front end stands alone (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.catalogue import Zone


def zone(record: Zone) -> tuple[str]:
    """The whole document. There are no servers: front ends find each other in their database."""
    return (
        f"<ZONE><ID>{record.id}</ID>{text('NAME', record.name)}<STATE>{record.state:d}</STATE>"
        f"{record.template.to_xml()}<SERVER_POOL></SERVER_POOL></ZONE>",
    )


ZONE = Form("zone", zone)

#: A front end that takes part in no vote.
RAFT = "".join([
    "<RAFT><SERVER_ID>-1</SERVER_ID><STATE>0</STATE><TERM>0</TERM><VOTEDFOR>-1</VOTEDFOR><COMMIT>0</COMMIT>",
    "<LOG_INDEX>-1</LOG_INDEX><LOG_TERM>-1</LOG_TERM><FEDLOG_INDEX>-1</FEDLOG_INDEX></RAFT>",
])  # fmt: skip


def parts(view: View, record: Zone) -> Parts:
    """The document of a zone."""
    return view.cache.parts(ZONE, record, ())
