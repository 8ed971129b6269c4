"""Documents of objects about which there is nothing to know but the record and its owner."""

from collections.abc import Callable
from typing import Any

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import owners
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.world import World

#: What a document shows besides the record and its owner.
Uses = Callable[[World, Any], tuple[Any, ...]]


def plain(
    name: str, render: Callable[..., str], uses: Uses = lambda world, record: ()
) -> Callable[[View, Any], Parts]:
    """Makes documents: `render` is called with the record, the names of its user and group, and what it `uses`."""
    form = Form(name, lambda *given: (render(*given),))

    def parts(view: View, record: Any) -> Parts:
        return view.cache.parts(
            form, record, (*owners(view.world, record), *uses(view.world, record))
        )

    return parts
