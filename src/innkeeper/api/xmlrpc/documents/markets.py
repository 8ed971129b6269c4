"""Documents of marketplaces and their apps (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.elements import cdata, identity, ids, lock, permissions, text
from innkeeper.api.xmlrpc.documents.plain import plain
from innkeeper.commands.markets import apps_of
from innkeeper.model.catalogue import Market, MarketApp
from innkeeper.model.world import World


def market(record: Market, uname: str, gname: str, apps: tuple[int, ...]) -> str:
    """The whole document. Nothing is measured there."""
    return (
        f"<MARKETPLACE>{identity(record, uname, gname)}<STATE>{record.state:d}</STATE>"
        f"{cdata('MARKET_MAD', record.market_mad)}<ZONE_ID>0</ZONE_ID><TOTAL_MB>0</TOTAL_MB><FREE_MB>0</FREE_MB>"
        f"<USED_MB>0</USED_MB>{ids('MARKETPLACEAPPS', apps)}{permissions(record.permissions)}"
        f"{record.template.to_xml()}</MARKETPLACE>"
    )


def _apps(world: World, record: Market) -> tuple[tuple[int, ...]]:
    return (tuple(apps_of(world, record.id)),)


def app(record: MarketApp, uname: str, gname: str, place: str) -> str:
    """The whole document."""
    return (
        f"<MARKETPLACEAPP><ID>{record.id}</ID><UID>{record.uid}</UID><GID>{record.gid}</GID>"
        f"{text('UNAME', uname)}{text('GNAME', gname)}{lock(record.lock)}<REGTIME>{record.regtime}</REGTIME>"
        f"{text('NAME', record.name)}<ZONE_ID>0</ZONE_ID><ORIGIN_ID>{record.origin_id}</ORIGIN_ID>"
        f"<SOURCE></SOURCE><MD5></MD5><SIZE>{record.size}</SIZE>{cdata('DESCRIPTION', record.description)}"
        f"{cdata('VERSION', record.version)}{cdata('FORMAT', record.format)}"
        f"{cdata('APPTEMPLATE64', record.content)}<MARKETPLACE_ID>{record.market_id}</MARKETPLACE_ID>"
        f"{text('MARKETPLACE', place)}<STATE>{record.state:d}</STATE><TYPE>{record.type:d}</TYPE>"
        f"{permissions(record.permissions)}{record.template.to_xml()}</MARKETPLACEAPP>"
    )


def _place(world: World, record: MarketApp) -> tuple[str]:
    found = world.table(Market).get(record.market_id)
    return (found.name if found else "",)


market_parts = plain("market", market, _apps)
app_parts = plain("marketapp", app, _place)
