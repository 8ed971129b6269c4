"""User and group documents, and their quotas (spec: xml-documents.md section 6).

What is taken changes with each VM: the quotas of a document are made each time, the rest is kept.
"""

from collections.abc import Iterator

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import cdata, children, ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.commands.quotas import shown
from innkeeper.model.objects import Group, LoginToken, User
from innkeeper.model.quotas import DEFAULT, FRACTIONAL, METRICS, MILLION, UNLIMITED, Key, defaults
from innkeeper.model.world import World


def user(user: User, gname: str) -> tuple[str, str, str]:
    """Up to TEMPLATE; the end when it stands alone; what leads to the quotas in a pool."""
    tokens = "".join([_token(token) for token in user.tokens])
    return (
        f"<USER><ID>{user.id}</ID><GID>{user.gid}</GID>{ids('GROUPS', set(user.all_groups))}"
        f"{text('GNAME', gname)}{text('NAME', user.name)}{cdata('PASSWORD', user.password)}"
        f"{cdata('AUTH_DRIVER', user.driver)}<ENABLED>{user.enabled:d}</ENABLED>"
        f"{tokens}{user.template.to_xml()}",
        "</USER>",
        f"</USER><QUOTAS><ID>{user.id}</ID>",
    )


def _token(token: LoginToken) -> str:
    """Only the digest of a token is known."""
    return (
        f"<LOGIN_TOKEN>{cdata('TOKEN', token.digest)}"
        f"<EXPIRATION_TIME>{token.expires}</EXPIRATION_TIME><EGID>{token.egid}</EGID></LOGIN_TOKEN>"
    )


def group(group: Group, members: frozenset[int]) -> tuple[str, ...]:
    """Up to ADMINS; alone: what follows the quotas, and the end; in a pool: what is around the quotas."""
    listed = "".join([f"<RULE>{children(rule)}</RULE>" for rule in group.vlan_rules])
    rules = f"<VLAN_RULES><ID>{group.id}</ID>{listed}</VLAN_RULES>"
    return (
        f"<GROUP><ID>{group.id}</ID>{text('NAME', group.name)}{group.template.to_xml()}"
        f"{ids('USERS', members)}{ids('ADMINS', group.admins)}",
        rules,
        "</GROUP>",
        f"</GROUP><QUOTAS><ID>{group.id}</ID>",
        f"</QUOTAS>{rules}",
    )


USER = Form("user", user)
GROUP = Form("group", group)


def user_parts(view: View, record: User, *, pooled: bool) -> Parts:
    """The document of a user, alone or as part of a pool."""
    primary = view.world.groups.get(record.gid)
    head, end, sibling = view.cache.parts(USER, record, (primary.name if primary else "",))
    own = escape(quotas(view.world, "user", record))
    if pooled:
        return head, sibling, own, escape("</QUOTAS>")
    return head, own, escape(default_quotas(view.world, "user")), end


def group_parts(view: View, record: Group, *, pooled: bool) -> Parts:
    """The document of a group, alone or as part of a pool."""
    members = frozenset(view.world.members.of(record.id))
    head, rules, end, sibling, after = view.cache.parts(GROUP, record, (members,))
    own = escape(quotas(view.world, "group", record))
    if pooled:
        return head, sibling, own, after
    return head, own, rules, escape(default_quotas(view.world, "group")), end


# ---- quotas -----------------------------------------------------------------------------------

#: How the documents name the kind of quota, and each of its entries.
_KINDS = ("DATASTORE", "NETWORK", "VM", "IMAGE")


def quotas(world: World, holder: str, record: User | Group) -> str:
    """The four quota elements of a user or group: what has limits, or is taken. User 0 and group 0 have none."""
    if record.id == 0:
        return "".join([f"<{kind}_QUOTA></{kind}_QUOTA>" for kind in _KINDS])
    used = world.usage.of((holder, record.id))
    found = {(quota.kind, quota.which): quota.limits for quota in record.quotas}
    for kind, which, _ in used:
        if not which.startswith("%"):
            found.setdefault((kind, which), {})
    return _elements(found, used, DEFAULT)


def default_quotas(world: World, holder: str) -> str:
    """The default quotas of users, or of groups."""
    found = {(quota.kind, quota.which): quota.limits for quota in defaults(world, holder)}
    tag = f"DEFAULT_{holder.upper()}_QUOTAS"
    return f"<{tag}>{_elements(found, {}, UNLIMITED)}</{tag}>"


def _elements(
    found: dict[tuple[str, str], dict[str, float]], used: dict[Key, int], missing: int
) -> str:
    listed: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for (kind, which), limits in sorted(found.items()):
        entry = dict(_figures(kind, which, limits, used, missing))
        listed[kind].append(f"<{kind}>{children(entry)}</{kind}>")
    return "".join([f"<{kind}_QUOTA>{''.join(listed[kind])}</{kind}_QUOTA>" for kind in _KINDS])


def _figures(
    kind: str, which: str, limits: dict[str, float], used: dict[Key, int], missing: int
) -> Iterator[tuple[str, str]]:
    if which:
        yield ("CLUSTER_IDS" if kind == "VM" else "ID"), which
    keys = [f"%{number}" for number in which.split(",")] if kind == "VM" and which else [which]
    for metric in METRICS[kind]:
        taken: float = sum(used.get((kind, each, metric), 0) for each in keys)
        if metric in FRACTIONAL:
            taken /= MILLION
        yield metric, shown(metric, limits.get(metric, missing))
        yield f"{metric}_USED", shown(metric, taken)
