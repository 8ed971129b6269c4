"""`one.market.*`, `one.marketapp.*` and their pools."""

from typing import Final

from innkeeper.api.xmlrpc.documents.markets import app_parts, market_parts
from innkeeper.api.xmlrpc.methods import ID, Method, b, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import markets
from innkeeper.model.catalogue import Market, MarketApp

METHODS: Final = (
    *Noun("one.market", Market, "MARKETPLACE", market_parts, filtered=False).methods(
        Method("one.market.allocate", (s("template"),), change(markets.allocate), "Makes a marketplace."),
        Method("one.market.delete", (ID,), change(markets.delete), "Deletes a marketplace without apps."),
        Method("one.market.enable", (ID, b("enable")), change(markets.enable), "Lets it offer apps, or not."),
    ),
    *Noun("one.marketapp", MarketApp, "MARKETPLACEAPP", app_parts).methods(
        Method("one.marketapp.allocate", (s("template"), i("market")), change(markets.allocate_app),
               "Offers an image or a template."),
        Method("one.marketapp.delete", (ID,), change(markets.delete_app), "Takes an app out of a marketplace."),
        Method("one.marketapp.enable", (ID, b("enable")), change(markets.enable_app), "Lets an app be had, or not."),
    ),
)  # fmt: skip
