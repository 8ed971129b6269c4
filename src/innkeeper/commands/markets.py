"""Marketplaces and apps: what is offered, and by whom. Nothing is uploaded to marketplaces or fetched by them yet."""

from innkeeper.model.catalogue import AppState, AppType, Enabled, Market, MarketApp
from innkeeper.model.errors import cannot_allocate, must_be, wrong_state
from innkeeper.model.objects import Image
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, as_int
from innkeeper.model.world import Transaction, World

from . import common
from .common import check_create, need, parse, usable

#: By driver: what a marketplace must say of itself.
DRIVERS: dict[str, tuple[str, ...]] = {
    "one": (),
    "linuxcontainers": (),
    "http": ("BASE_URL", "PUBLIC_DIR"),
    "s3": ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "BUCKET"),
}
#: Those whose apps are others'.
PUBLIC = frozenset({"one", "linuxcontainers"})
#: What a front end begins with (spec: xml-documents.md section 8). Both are off: nothing is fetched from them yet.
FIRST = (("OpenNebula Public", "one"), ("Linux Containers", "linuxcontainers"))
_OURS = (
    "SOURCE",
    "MD5",
    "SIZE",
    "FORMAT",
    "REGTIME",
    "ORIGIN_ID",
    "TYPE",
    "VERSION",
    "DESCRIPTION",
    "APPTEMPLATE64",
)
NOT_UPLOADED = "images are not uploaded to marketplaces in this release"


def first(tx: Transaction) -> None:
    """The public marketplaces."""
    for name, driver in FIRST:
        tx.put(Market(
            id=tx.new_id(Market), name=name, uid=0, gid=0, permissions=0o644, market_mad=driver,
            state=Enabled.DISABLED, template=Template({"MARKET_MAD": (driver,)}),
        ))  # fmt: skip
    tx.start_ids_at(Market, 100)


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Makes a marketplace."""
    name, template = common.named(tx, caller, Market, text)
    driver = (template.get("MARKET_MAD") or "").lower()
    if driver not in DRIVERS:
        known = ", ".join(DRIVERS)
        wrong = must_be("MARKET_MAD", f"one of {known}", template.get("MARKET_MAD"))
        raise cannot_allocate(Market.LABEL, wrong)
    for needed in DRIVERS[driver]:
        if not template.get(needed):
            raise cannot_allocate(Market.LABEL, f"{needed} is needed with MARKET_MAD {driver}.")
    off = (template.get("STATE") or "").upper() == "DISABLED"
    state = Enabled.DISABLED if off else Enabled.ENABLED
    template = template.without("STATE")
    return common.create(tx, caller, Market, name, template, market_mad=driver, state=state).id


def apps_of(world: World, market_id: int) -> list[int]:
    """The apps of a marketplace."""
    return [app.id for app in world.table(MarketApp) if app.market_id == market_id]


def delete(tx: Transaction, caller: Caller, market_id: int) -> int:
    """Deletes a marketplace; one of ours must have no apps."""
    market = need(tx.world, Market, market_id, caller, Right.MANAGE)
    apps = apps_of(tx.world, market_id)
    if apps and market.market_mad not in PUBLIC:
        text = f"Cannot delete marketplace. Marketplace {market_id} has apps: {apps[:10]}"
        raise wrong_state(text, market_id)
    for number in apps:
        tx.delete(tx.world.table(MarketApp)[number])
    return common.drop(tx, caller, market)


def enable(tx: Transaction, caller: Caller, market_id: int, wanted: bool) -> int:
    """Lets a marketplace offer apps, or not."""
    market = need(tx.world, Market, market_id, caller, Right.MANAGE)
    tx.change(market, state=Enabled.ENABLED if wanted else Enabled.DISABLED)
    tx.log(market, "enabled" if wanted else "disabled", by=caller.uid)
    return market_id


# ---- apps --------------------------------------------------------------------------------------


def allocate_app(tx: Transaction, caller: Caller, text: str, market_id: int) -> int:
    """Offers an image or a template in a marketplace."""
    check_create(tx.world, caller, MarketApp)
    template = parse(text)
    market = usable(tx.world, Market, market_id, caller)
    if market.market_mad in PUBLIC:
        raise wrong_state(f"Marketplace {market_id} ({market.market_mad}) takes no apps", market_id)
    if market.state is Enabled.DISABLED:
        raise wrong_state(f"Marketplace {market_id} is disabled", market_id)
    name, template = common.named(tx, caller, MarketApp, text)
    kind = _type(template)
    origin = as_int(template.get("ORIGIN_ID"))
    if origin is None:
        raise cannot_allocate(MarketApp.LABEL, "ORIGIN_ID is needed: an image's number, or -1.")
    fields = _of_image(tx.world, caller, origin) if kind is AppType.IMAGE else {}
    rest = template.without(*_OURS)
    if kind is AppType.IMAGE:
        rest = rest.with_("ERROR", NOT_UPLOADED)
    return common.create(
        tx, caller, MarketApp, name, rest, market_id=market_id, origin_id=origin, type=kind, regtime=tx.second,
        state=AppState.ERROR if kind is AppType.IMAGE else AppState.READY,
        version=template.get("VERSION") or "0.0", description=template.get("DESCRIPTION") or "",
        content=template.get("APPTEMPLATE64") or "", **fields,
    ).id  # fmt: skip


def _type(template: Template) -> AppType:
    text = (template.get("TYPE") or "IMAGE").upper()
    if text not in AppType.__members__ or text == "UNKNOWN":
        raise cannot_allocate(
            MarketApp.LABEL,
            must_be("TYPE", "IMAGE, VMTEMPLATE or SERVICE_TEMPLATE", text[:40]),
        )
    return AppType[text]


def _of_image(world: World, caller: Caller, number: int) -> dict[str, object]:
    if number < 0:
        return {}
    image = usable(world, Image, number, caller)
    return {"size": image.size, "format": image.format}


def delete_app(tx: Transaction, caller: Caller, app_id: int) -> int:
    """Takes an app out of a marketplace of ours."""
    app = need(tx.world, MarketApp, app_id, caller, Right.MANAGE)
    market = tx.world.table(Market).get(app.market_id)
    if market is not None and market.market_mad in PUBLIC:
        text = f"Cannot delete marketplace app. Marketplace {market.id} keeps its apps"
        raise wrong_state(text, app_id)
    return common.drop(tx, caller, app)


def enable_app(tx: Transaction, caller: Caller, app_id: int, wanted: bool) -> int:
    """Lets an app be had, or not."""
    app = need(tx.world, MarketApp, app_id, caller, Right.MANAGE)
    if app.state not in (AppState.READY, AppState.DISABLED):
        raise wrong_state(f"App {app_id} is {app.state.name}", app_id)
    tx.change(app, state=AppState.READY if wanted else AppState.DISABLED)
    tx.log(app, "enabled" if wanted else "disabled", by=caller.uid)
    return app_id
