"""Marketplaces, apps and zones: objects that say truthfully what this release does with them."""

import pytest

from innkeeper.commands import bootstrap, common, markets, zones
from innkeeper.model.catalogue import AppState, Enabled, Market, MarketApp, Zone
from innkeeper.model.errors import Code
from tests.commands.realm import ADMIN, ALICE, Realm

SHOP = 'NAME=shop\nMARKET_MAD=http\nBASE_URL="http://x/"\nPUBLIC_DIR="/srv"'
TEMPLATE = "NAME=wiki\nTYPE=VMTEMPLATE\nORIGIN_ID=-1\nVERSION=1.2"


def shop(realm: Realm) -> int:
    return realm.do(lambda tx: markets.allocate(tx, ADMIN, SHOP))


def test_a_zone_begins_with_itself_and_two_marketplaces_that_are_off(realm: Realm) -> None:
    assert [zone.name for zone in realm.world.table(Zone)] == ["OpenNebula"]
    found = [(market.market_mad, market.state) for market in realm.world.table(Market)]
    assert found == [("one", Enabled.DISABLED), ("linuxcontainers", Enabled.DISABLED)]
    assert shop(realm) == 100
    realm.do(bootstrap.complete)
    assert len(realm.world.table(Market)) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("NAME=a", "MARKET_MAD is missing: one of one, linuxcontainers, http, s3 is expected"),
        ("NAME=a\nMARKET_MAD=ftp", "MARKET_MAD must be one of"),
        ("NAME=a\nMARKET_MAD=http", "BASE_URL is needed with MARKET_MAD http"),
        ("MARKET_MAD=one", "NAME is missing"),
    ],
)
def test_marketplaces_say_what_their_drivers_need(realm: Realm, text: str, problem: str) -> None:
    assert problem in realm.refused(Code.ALLOCATE, lambda tx: markets.allocate(tx, ADMIN, text))


def test_templates_are_apps_and_images_are_not_uploaded(realm: Realm) -> None:
    number = shop(realm)
    image = realm.image()
    app = realm.do(lambda tx: markets.allocate_app(tx, ADMIN, TEMPLATE, number))
    of_image = f"NAME=disk\nORIGIN_ID={image.id}"
    other = realm.do(lambda tx: markets.allocate_app(tx, ADMIN, of_image, number))
    apps = realm.world.table(MarketApp)
    assert (apps[app].state, apps[app].version) == (AppState.READY, "1.2")
    assert (apps[other].state, apps[other].size) == (AppState.ERROR, image.size)
    assert "not uploaded" in (apps[other].template.get("ERROR") or "")
    realm.refused(Code.ACTION, lambda tx: markets.enable_app(tx, ADMIN, other, False))
    realm.refused(Code.ACTION, lambda tx: markets.delete(tx, ADMIN, number))
    for each in (app, other):
        realm.do(lambda tx, n=each: markets.delete_app(tx, ADMIN, n))
    realm.do(lambda tx: markets.delete(tx, ADMIN, number))


def test_where_apps_cannot_be_offered(realm: Realm) -> None:
    number = shop(realm)
    realm.do(lambda tx: markets.enable(tx, ADMIN, number, False))
    for market in (0, number):
        realm.refused(
            Code.ACTION, lambda tx, m=market: markets.allocate_app(tx, ADMIN, TEMPLATE, m)
        )
    realm.refused(Code.AUTHORIZATION, lambda tx: markets.allocate_app(tx, ALICE, TEMPLATE, 0))
    realm.refused(Code.NO_EXISTS, lambda tx: markets.allocate_app(tx, ADMIN, TEMPLATE, 77))


def test_a_zone_keeps_its_endpoint(realm: Realm) -> None:
    realm.do(lambda tx: zones.update(tx, ADMIN, 0, "A=1", 0))
    assert realm.world.table(Zone)[0].template.get("ENDPOINT") == zones.ENDPOINT
    realm.do(lambda tx: zones.update(tx, ADMIN, 0, "ENDPOINT=x", 1))
    assert realm.world.table(Zone)[0].template.get("ENDPOINT") == "x"
    realm.do(lambda tx: common.rename(tx, ADMIN, Zone, 0, "here"))
    realm.refused(Code.AUTHORIZATION, lambda tx: zones.enable(tx, ALICE, 0, False))
