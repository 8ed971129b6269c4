"""User and group documents, and their quotas (spec: xml-documents.md section 6).

Quotas are not kept yet, so their elements are empty, which clients read as "no limit of its own".
"""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import cdata, ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.objects import Group, LoginToken, User

QUOTAS = "".join(
    f"<{name}_QUOTA></{name}_QUOTA>" for name in ("DATASTORE", "NETWORK", "VM", "IMAGE")
)
DEFAULT_USER_QUOTAS = f"<DEFAULT_USER_QUOTAS>{QUOTAS}</DEFAULT_USER_QUOTAS>"
DEFAULT_GROUP_QUOTAS = f"<DEFAULT_GROUP_QUOTAS>{QUOTAS}</DEFAULT_GROUP_QUOTAS>"


def user(user: User, gname: str) -> tuple[str, str, str]:
    """Up to TEMPLATE; the rest when it stands alone; the rest in a pool."""
    tokens = "".join([_token(token) for token in user.tokens])
    return (
        f"<USER><ID>{user.id}</ID><GID>{user.gid}</GID>{ids('GROUPS', set(user.all_groups))}"
        f"{text('GNAME', gname)}{text('NAME', user.name)}{cdata('PASSWORD', user.password)}"
        f"{cdata('AUTH_DRIVER', user.driver)}<ENABLED>{user.enabled:d}</ENABLED>"
        f"{tokens}{user.template.to_xml()}",
        f"{QUOTAS}{DEFAULT_USER_QUOTAS}</USER>",
        f"</USER>{_sibling_quotas(user.id)}",
    )


def _token(token: LoginToken) -> str:
    """Only the digest of a token is known."""
    return (
        f"<LOGIN_TOKEN>{cdata('TOKEN', token.digest)}"
        f"<EXPIRATION_TIME>{token.expires}</EXPIRATION_TIME><EGID>{token.egid}</EGID></LOGIN_TOKEN>"
    )


def _sibling_quotas(number: int) -> str:
    return f"<QUOTAS><ID>{number}</ID>{QUOTAS}</QUOTAS>"


def group(group: Group, members: frozenset[int]) -> tuple[str, str, str]:
    """Up to ADMINS; the rest when it stands alone; the rest in a pool."""
    rules = f"<VLAN_RULES><ID>{group.id}</ID></VLAN_RULES>"
    return (
        f"<GROUP><ID>{group.id}</ID>{text('NAME', group.name)}{group.template.to_xml()}"
        f"{ids('USERS', members)}{ids('ADMINS', group.admins)}",
        f"{QUOTAS}{rules}{DEFAULT_GROUP_QUOTAS}</GROUP>",
        f"</GROUP>{_sibling_quotas(group.id)}{rules}",
    )


USER = Form("user", user)
GROUP = Form("group", group)


def user_parts(view: View, record: User, *, pooled: bool) -> Parts:
    """The document of a user, alone or as part of a pool."""
    primary = view.world.groups.get(record.gid)
    head, alone, sibling = view.cache.parts(USER, record, (primary.name if primary else "",))
    return head, sibling if pooled else alone


def group_parts(view: View, record: Group, *, pooled: bool) -> Parts:
    """The document of a group, alone or as part of a pool."""
    members = frozenset(view.world.members.of(record.id))
    head, alone, sibling = view.cache.parts(GROUP, record, (members,))
    return head, sibling if pooled else alone
