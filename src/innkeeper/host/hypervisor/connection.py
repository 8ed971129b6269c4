"""The connection to libvirtd, which comes back by itself when the daemon restarts.

libvirt wants its event loop registered before the first connection is opened, and run by one
thread for as long as the process lives. Domain events and the news that the connection broke
arrive on that thread, where no libvirt call may be made: they are only handed on.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import FailedError
from .binding import libvirt

_RETRY = 1.0
_log = logging.getLogger(__name__)


@functools.cache
def _run_loop() -> None:
    """Starts libvirt's event loop; the process has one for all connections."""
    module = libvirt()
    module.virEventRegisterDefaultImpl()

    def loop() -> None:
        while True:
            module.virEventRunDefaultImpl()

    threading.Thread(target=loop, name="libvirt-events", daemon=True).start()


#: Gets a domain's name and libvirt number, and libvirt's event and detail numbers.
LifecycleHandler = Callable[[str, int, int, int], None]


class Connection:
    """One connection to one of libvirt's hypervisors, opened when first asked for."""

    def __init__(
        self, uri: str, on_lifecycle: LifecycleHandler, on_open: Callable[[], None]
    ) -> None:
        self._uri = uri
        self._on_lifecycle = on_lifecycle
        self._on_open = on_open
        self._lock = threading.RLock()
        self._current: Any = None
        #: Whether it has been open once: this hypervisor is here.
        self.opened = False

    def get(self) -> Any:
        """A live connection; FailedError when no libvirt daemon answers."""
        with self._lock:
            if self._current is None or not self._current.isAlive():
                self._current = self._open()
                self.opened = True
                self._on_open()
            return self._current

    def _open(self) -> Any:
        module = libvirt()
        _run_loop()
        try:
            connection = module.open(self._uri)
        except module.libvirtError as closed:
            raise FailedError(f"no libvirt daemon answers at {self._uri}: {closed}") from closed
        connection.setKeepAlive(5, 3)
        connection.registerCloseCallback(self._closed, None)
        connection.domainEventRegisterAny(
            None, module.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None
        )
        return connection

    def _lifecycle(
        self, _connection: Any, domain: Any, event: int, detail: int, _opaque: None
    ) -> None:
        self._on_lifecycle(domain.name(), domain.ID(), event, detail)

    def _closed(self, _connection: Any, reason: int, _opaque: None) -> None:
        _log.warning("the connection to libvirt broke (%d); connecting again", reason)
        threading.Thread(target=self._reopen, name="libvirt-reopen", daemon=True).start()

    def _reopen(self) -> None:
        while True:
            try:
                self.get()
            except FailedError:
                time.sleep(_RETRY)
            except Exception:
                # The daemon went away again while it was being asked.
                _log.exception("connecting to libvirt again")
                time.sleep(_RETRY)
            else:
                _log.info("connected to libvirt again")
                return
