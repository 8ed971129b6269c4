"""Rules of the access control list in OpenNebula's encoding (spec: templates.md section 9.3).

A rule is four numbers: who, on what, which rights, in which zone. The upper bits of a component tell what its lower
32 bits are (one object, a group, a cluster) or that it means all; a resource also names kinds of object.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from innkeeper.model.errors import BadValue, must_be

INDIVIDUAL: Final = 0x1_0000_0000
GROUP: Final = 0x2_0000_0000
ALL: Final = 0x4_0000_0000
CLUSTER: Final = 0x8_0000_0000
FLAGS: Final = INDIVIDUAL | GROUP | ALL | CLUSTER
NUMBER: Final = 0xFFFF_FFFF
#: What a component says besides the kinds.
WHICH: Final = FLAGS | NUMBER

USE, MANAGE, ADMIN, CREATE = 1, 2, 4, 8
RIGHTS: Final = {"USE": USE, "MANAGE": MANAGE, "ADMIN": ADMIN, "CREATE": CREATE}

#: This front end's zone.
LOCAL_ZONE: Final = 0
HERE: Final = INDIVIDUAL | LOCAL_ZONE

#: Kinds of object by the names that rules have for them.
TYPES: Final = {
    "VM": 0x10_0000_0000, "HOST": 0x20_0000_0000, "NET": 0x40_0000_0000, "IMAGE": 0x80_0000_0000,
    "USER": 0x100_0000_0000, "TEMPLATE": 0x200_0000_0000, "GROUP": 0x400_0000_0000,
    "DATASTORE": 0x1000_0000_0000, "CLUSTER": 0x2000_0000_0000, "DOCUMENT": 0x4000_0000_0000,
    "ZONE": 0x8000_0000_0000, "SECGROUP": 0x1_0000_0000_0000, "VDC": 0x2_0000_0000_0000,
    "VROUTER": 0x4_0000_0000_0000, "MARKETPLACE": 0x8_0000_0000_0000, "MARKETPLACEAPP": 0x10_0000_0000_0000,
    "VMGROUP": 0x20_0000_0000_0000, "VNTEMPLATE": 0x40_0000_0000_0000, "BACKUPJOB": 0x100_0000_0000_0000,
}  # fmt: skip
ALL_TYPES: Final = sum(TYPES.values())

_IN_CLUSTERS: Final = TYPES["HOST"] | TYPES["DATASTORE"] | TYPES["NET"]
_WITHOUT_GROUP: Final = sum(TYPES[name] for name in ("HOST", "GROUP", "CLUSTER", "ZONE", "VDC"))
#: What all zones share, so that a number means the same object everywhere.
_SHARED: Final = sum(
    TYPES[name] for name in ("USER", "GROUP", "ZONE", "VDC", "MARKETPLACE", "MARKETPLACEAPP")
)
#: How components are written.
_MARKS: Final = {INDIVIDUAL: "#", GROUP: "@", CLUSTER: "%", ALL: "*"}


class Rule(NamedTuple):
    """What a rule says."""

    user: int
    resource: int
    rights: int
    zone: int


def number_of(part: str, text: str) -> int:
    """A component from the hexadecimal digits that clients send. Raises BadValue."""
    try:
        value = int(text.strip(), 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 63:
        raise BadValue(must_be(part, "a hexadecimal number of up to 63 bits", text[:40]))
    return value


def checked(rule: Rule) -> Rule:
    """The rule, if it can be. Raises BadValue."""
    for part, allowed in _PARTS.items():
        value = getattr(rule, part)
        if value & ~allowed:
            raise BadValue(f"{part} {value:x} has bits that mean nothing there")
    for part in ("user", "resource", "zone"):
        _check_which(part, getattr(rule, part))
    if not rule.resource & ALL_TYPES:
        raise BadValue("resource names no kind of object")
    if not rule.rights:
        raise BadValue("rights are missing: any of USE, MANAGE, ADMIN, CREATE is expected")
    for flag, unfit, reason in _UNFIT:
        if rule.resource & flag and rule.resource & unfit:
            names = "+".join(names_of(rule.resource & unfit))
            raise BadValue(f"resource {names} {reason}")
    foreign = rule.resource & ALL_TYPES & ~_SHARED
    if rule.zone & ALL and rule.resource & INDIVIDUAL and foreign:
        names = "+".join(names_of(foreign))
        raise BadValue(f"resource {names} cannot be one object in all zones")
    return rule


_PARTS: Final = {
    "user": INDIVIDUAL | GROUP | ALL | NUMBER,
    "resource": FLAGS | NUMBER | ALL_TYPES,
    "rights": sum(RIGHTS.values()),
    "zone": INDIVIDUAL | ALL | NUMBER,
}
_UNFIT: Final = (
    (CLUSTER, ALL_TYPES & ~_IN_CLUSTERS, "cannot be chosen by cluster (%)"),
    (GROUP, _WITHOUT_GROUP, "cannot be chosen by group (@)"),
)


def _check_which(part: str, value: int) -> None:
    if value & FLAGS not in _MARKS:
        raise BadValue(f"{part} {value:x} must say exactly one of #id, @group, %cluster, *")
    if value & ALL and value & NUMBER:
        raise BadValue(f"{part} {value:x} means all and has a number")


def names_of(types: int) -> Iterator[str]:
    """The kinds in a resource, by name."""
    return (name for name, bit in TYPES.items() if types & bit)


def rights_text(rights: int) -> str:
    """`USE+MANAGE`."""
    return "+".join(name for name, bit in RIGHTS.items() if rights & bit)


def which_text(component: int) -> str:
    """`#5`, `@100`, `%1`, `*`."""
    mark = _MARKS.get(component & FLAGS, "?")
    return mark if mark == "*" else f"{mark}{component & NUMBER}"


def text(rule: Rule) -> str:
    """A rule as people write it: `@1 HOST+NET/%0 USE+MANAGE #0`."""
    types = "+".join(names_of(rule.resource))
    return (
        f"{which_text(rule.user)} {types}/{which_text(rule.resource)}"
        f" {rights_text(rule.rights)} {which_text(rule.zone)}"
    )
