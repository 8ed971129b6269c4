"""Rules of VM groups: which VMs of a group belong on one host, and which never do (spec: templates.md section 8)."""

from .errors import BadValue, must_be
from .nouns import Role, VmGroup
from .template import Template, Vector, as_int

POLICIES = ("NONE", "AFFINED", "ANTI_AFFINED")
TOGETHER, APART = "AFFINED", "ANTI_AFFINED"
#: Roles of a group at most.
MOST_ROLES = 32


def role(number: int, vector: Vector) -> Role:
    """A role as a ROLE vector describes it."""
    name = vector.get("NAME", "").strip()
    if not name or len(name) > 128 or "," in name:
        raise BadValue(must_be("NAME of a ROLE", "1 to 128 characters without comma", name[:40]))
    policy = (vector.get("POLICY") or "NONE").upper()
    if policy not in POLICIES:
        raise BadValue(
            must_be(f"POLICY of role {name}", f"one of {', '.join(POLICIES)}", policy[:40])
        )
    hosts, avoided = (
        _hosts(name, key, vector.get(key, "")) for key in ("HOST_AFFINED", "HOST_ANTI_AFFINED")
    )
    if shared := sorted({*hosts} & {*avoided}):
        raise BadValue(f"HOST_AFFINED and HOST_ANTI_AFFINED of role {name} share hosts {shared}")
    return Role(number, name, policy, hosts, avoided)


def _hosts(name: str, key: str, text: str) -> tuple[int, ...]:
    found = [as_int(word.strip()) for word in text.split(",") if word.strip()]
    numbers = [number for number in found if number is not None and number >= 0]
    if len(numbers) != len(found):
        raise BadValue(must_be(f"{key} of role {name}", "numbers of hosts like 0,3", text[:40]))
    return tuple(dict.fromkeys(numbers))


def described(role: Role) -> Vector:
    """The ROLE vector of a role."""
    vector = {"NAME": role.name, "POLICY": role.policy}
    for key, hosts in (("HOST_AFFINED", role.hosts), ("HOST_ANTI_AFFINED", role.avoided)):
        if hosts:
            vector[key] = ",".join(map(str, hosts))
    return vector


def rules(template: Template, kind: str) -> list[frozenset[str]]:
    """The sets of roles that a group's rules of a kind name; those of AFFINED that overlap are one."""
    found = [
        frozenset(name.strip() for name in value.split(",") if name.strip())
        for value in template.values(kind)
        if isinstance(value, str)
    ]
    return _united(found) if kind == TOGETHER else found


def _united(sets: list[frozenset[str]]) -> list[frozenset[str]]:
    united: list[frozenset[str]] = []
    for names in sets:
        apart = [other for other in united if not other & names]
        joined = [other for other in united if other & names]
        united = [*apart, frozenset(names.union(*joined))]
    return united


def check(roles: tuple[Role, ...], template: Template) -> None:
    """Refuses roles and rules that contradict each other, or name what is not there."""
    if len(roles) > MOST_ROLES:
        raise BadValue(f"A group has at most {MOST_ROLES} roles, not {len(roles)}")
    by_name = {role.name: role for role in roles}
    if len(by_name) < len(roles):
        raise BadValue("Two roles of a group must not have the same NAME")
    together, apart = rules(template, TOGETHER), rules(template, APART)
    for kind, sets in ((TOGETHER, together), (APART, apart)):
        if unknown := sorted({name for names in sets for name in names} - by_name.keys()):
            raise BadValue(f"{kind} names roles that are not there: {', '.join(unknown)[:80]}")
    for names in together:
        if alone := sorted(name for name in names if by_name[name].policy == APART):
            raise BadValue(
                f"AFFINED holds roles whose own VMs are ANTI_AFFINED: {', '.join(alone)}"
            )
        for others in apart:
            if len(shared := sorted(names & others)) > 1:
                raise BadValue(f"Roles are both AFFINED and ANTI_AFFINED: {', '.join(shared)}")


def companions(group: VmGroup, name: str, kind: str) -> frozenset[str]:
    """The roles whose VMs are to be on the host of a VM of role `name` (AFFINED), or never (ANTI_AFFINED)."""
    own = group.role(name)
    found = {other for names in rules(group.template, kind) if name in names for other in names}
    found.discard(name)
    if own is not None and (own.policy == kind or (kind == TOGETHER and found)):
        found.add(name)
    return frozenset(found)


def membership(template: Template) -> tuple[int, str] | None:
    """The group and the role that a VM's template says it belongs to."""
    vector = template.vector("VMGROUP")
    number = as_int(vector.get("VMGROUP_ID")) if vector else None
    return None if vector is None or number is None else (number, vector.get("ROLE", ""))
