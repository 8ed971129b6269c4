"""What documents are rendered from: the world, monitoring, and the cache."""

from dataclasses import dataclass

from innkeeper.api.xmlrpc.documents.cache import Cache
from innkeeper.api.xmlrpc.monitoring import Monitoring
from innkeeper.model.world import World


@dataclass(frozen=True)
class View:
    """Handed to all `parts` functions."""

    world: World
    cache: Cache
    monitoring: Monitoring
