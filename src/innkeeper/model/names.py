"""What objects may be called.

OpenNebula's rules: names stand unquoted in XML documents, shell commands and ACL rules, so the
characters that mean something there are refused.
"""

import ipaddress
import re

from innkeeper.model.errors import BadValue, Mistake

MAX_LENGTH = 128

_forbidden = re.compile(r"""[&|:\\";/'#{}$<>\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]""")
_label = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_WITHOUT_BLANKS = ("USER", "GROUP")
_HOST_NAME = "a host name: letters, digits and '-' in parts of at most 63, joined by dots"
_EXPECTED = (
    f"1 to {MAX_LENGTH} characters, none of &|:\\\";/'#{{}}$<> (for users and groups no blank)"
)


def check_name(text: str, what: str) -> None:
    """Raise BadValue unless an object of this kind may be called so.

    ``what`` is the kind in any case ("user", "HOST", "image"): users and groups may have no
    blanks, hosts need valid host names (RFC 1123), for all others the common rules are enough.
    """
    kind = what.upper()
    problem = _common_problem(text)
    if problem is None and kind in _WITHOUT_BLANKS and " " in text:
        problem = "must not have blanks"
    if problem is None and kind == "HOST" and not is_host_name(text):
        problem = f"must be {_HOST_NAME}"
    if problem is not None:
        expected = _HOST_NAME if kind == "HOST" else _EXPECTED
        mistake = Mistake("NAME", expected, _shown(text))
        raise BadValue(f"{what} name {_shown(text)} {problem}", mistake)


def is_host_name(text: str) -> bool:
    """Whether the text is a host name or an IPv4 address in RFC 1123's form."""
    return len(text) <= 253 and all(_label.fullmatch(label) for label in text.split("."))


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _common_problem(text: str) -> str | None:
    if not text.strip():
        return "must not be empty"
    if len(text) > MAX_LENGTH:
        return f"has {len(text)} characters, {MAX_LENGTH} are allowed"
    bad = _forbidden.search(text)
    return f"must not have the character {bad.group()!r}" if bad else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
