"""What hooks are given: the document of an object, and that of a call (spec: xml-documents.md section 7.2)."""

from collections.abc import Iterable

from innkeeper.api.xmlrpc.documents import hosts, images, networks, vms
from innkeeper.api.xmlrpc.documents.elements import cdata
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.wire import plain
from innkeeper.model.objects import Host, Image, Network, Record, Vm
from innkeeper.model.permissions import SYSTEM

#: Parameters that no hook gets to know.
SECRET = frozenset({"password", "password_hash", "stored", "token"})
MASK = "****"


def body(view: View, record: Record) -> str:
    """The document of an object as its `info` shows it, to an administrator."""
    match record:
        case Vm():
            parts = vms.long_parts(view, SYSTEM, record, all_history=False)
        case Host():
            parts = hosts.parts(view, record)
        case Image():
            parts = images.parts(view, record, images.clones(view.world))
        case Network():
            parts = networks.parts(view, record, lambda _: True)
        case _:
            parts = ()
    # The parts are escaped for an answer: what a client would read is the document.
    return plain(b"".join(parts)).decode()


def call_info(name: str, given: Iterable[tuple[str, object]], result: object) -> str:
    """CALL_INFO of a call of this name that succeeded, given parameters by name; secrets are masked."""
    said = [MASK, *(MASK if each in SECRET else _shown(value) for each, value in given)]
    answered = ("true", MASK if name == "one.user.login" else _shown(result), "0")
    listed = [_parameter(n, "IN", value) for n, value in enumerate(said, 1)]
    listed += [_parameter(len(said) + n, "OUT", value) for n, value in enumerate(answered, 1)]
    return (
        f"<CALL_INFO><RESULT>1</RESULT><PARAMETERS>{''.join(listed)}</PARAMETERS>"
        "<EXTRA></EXTRA></CALL_INFO>"
    )


def _parameter(position: int, kind: str, value: str) -> str:
    return f"<PARAMETER><POSITION>{position}</POSITION><TYPE>{kind}</TYPE>{cdata('VALUE', value)}</PARAMETER>"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
