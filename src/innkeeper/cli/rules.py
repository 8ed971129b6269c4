"""Rules of the access control list: as they are written, as the API has them, as lists show them.

`USER RESOURCES RIGHTS [ZONE]`, for example `@100 IMAGE+TEMPLATE/* CREATE`.
`#5` is one, `@5` a group's, `%5` a cluster's, `*` all.
"""

from __future__ import annotations

from innkeeper.cli.document import Element, text_at
from innkeeper.cli.errors import CliError, ExitCode

_MARKS = {"#": 0x1_0000_0000, "@": 0x2_0000_0000, "*": 0x4_0000_0000, "%": 0x8_0000_0000}
_RIGHTS = {"USE": 1, "MANAGE": 2, "ADMIN": 4, "CREATE": 8}
#: Kinds of object in the order of their bits, each with its letter in lists.
_LETTERS = {
    "VM": "V", "HOST": "H", "NET": "N", "IMAGE": "I", "USER": "U", "TEMPLATE": "T", "GROUP": "G", "DATASTORE": "D",
    "CLUSTER": "C", "DOCUMENT": "O", "ZONE": "Z", "SECGROUP": "S", "VDC": "v", "VROUTER": "R", "MARKETPLACE": "M",
    "MARKETPLACEAPP": "A", "VMGROUP": "P", "VNTEMPLATE": "t", "BACKUPJOB": "B",
}  # fmt: skip
LETTERS = "".join(_LETTERS.values())
#: What members of a new group may make.
MADE_BY_GROUPS = "VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VROUTER+VMGROUP+BACKUPJOB"
_FIRST_BIT = 36


def _bits() -> dict[str, int]:
    """The bit of each kind. After GROUP and after VNTEMPLATE one is left out: of pools that are gone, and of hooks."""
    found: dict[str, int] = {}
    bit = _FIRST_BIT
    for name in _LETTERS:
        bit += name in ("DATASTORE", "BACKUPJOB")
        found[name] = 1 << bit
        bit += 1
    return found


KINDS = _bits()


def encoded(text: str) -> tuple[str, str, str, str]:
    """What `acl.addrule` takes: user, resource, rights, zone in hexadecimal digits."""
    parts = text.split()
    if len(parts) not in (3, 4):
        raise _wrong("RULE", "USER RESOURCES RIGHTS [ZONE]", text)
    names, slash, chosen = parts[1].rpartition("/")
    if not slash:
        raise _wrong("RESOURCES", "kinds and which, like VM+IMAGE/#5", parts[1])
    resource = _sum("RESOURCES", names, KINDS) | _component("RESOURCES", chosen, "#@%*")
    zone = f"{_component('ZONE', parts[3], '#*'):x}" if len(parts) > 3 else ""
    user = _component("USER", parts[0], "#@*")
    return f"{user:x}", f"{resource:x}", f"{_sum('RIGHTS', parts[2], _RIGHTS):x}", zone


def _component(part: str, text: str, marks: str) -> int:
    mark, number = text[:1], text[1:]
    if mark in marks and (not number if mark == "*" else number.isdecimal() and len(number) < 10):
        return _MARKS[mark] | int(number or 0)
    expected = ", ".join("*" if known == "*" else f"{known}NUMBER" for known in marks)
    raise _wrong(part, f"one of {expected}", text)


def _sum(part: str, text: str, known: dict[str, int]) -> int:
    names = text.upper().split("+")
    for name in names:
        if name not in known:
            raise _wrong(part, f"any of {', '.join(known)}, joined by +", name)
    return sum({known[name] for name in names})


def _wrong(part: str, expected: str, came: str) -> CliError:
    return CliError(f"{part}: expected {expected}, not {came!r}", ExitCode.USAGE)


# ---- cells ------------------------------------------------------------------------------------


def _which(value: int) -> str:
    mark = next((mark for mark, bit in _MARKS.items() if value & bit), "?")
    return mark if mark == "*" else f"{mark}{value & 0xFFFFFFFF}"


def _number(row: Element, name: str) -> int:
    return int(text_at(row, name) or "0", 16)


def who(row: Element) -> str:
    """The user, the group, or everyone."""
    return _which(_number(row, "USER"))


def which(row: Element) -> str:
    """Which objects of the kinds."""
    return _which(_number(row, "RESOURCE"))


def zone(row: Element) -> str:
    """In which zone."""
    return _which(_number(row, "ZONE"))


def kinds(row: Element) -> str:
    """A letter for each kind that the rule is about."""
    held = _number(row, "RESOURCE")
    return "".join(letter if held & KINDS[name] else "-" for name, letter in _LETTERS.items())


def rights(row: Element) -> str:
    """`umac`, with dashes for what is not given."""
    held = _number(row, "RIGHTS")
    return "".join(name[0].lower() if held & bit else "-" for name, bit in _RIGHTS.items())
