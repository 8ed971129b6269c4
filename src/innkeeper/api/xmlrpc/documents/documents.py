"""Documents of documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.elements import identity, lock, permissions
from innkeeper.api.xmlrpc.documents.plain import plain
from innkeeper.model.nouns import Document


def document(record: Document, uname: str, gname: str) -> str:
    """The whole document."""
    return (
        f"<DOCUMENT>{identity(record, uname, gname)}<TYPE>{record.type}</TYPE>"
        f"{permissions(record.permissions)}{lock(record.lock)}{record.template.to_xml()}</DOCUMENT>"
    )


parts = plain("document", document)
