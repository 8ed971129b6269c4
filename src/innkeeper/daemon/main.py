"""`inn daemon`: the front end in the foreground, until SIGTERM or SIGINT."""

import argparse
import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
import uuid
from pathlib import Path

from innkeeper.api.listener import ListenError, serve
from innkeeper.commands.monitoring import TOTALS
from innkeeper.commands.passwords import Argon2Passwords
from innkeeper.fleet.fleet import Connector
from innkeeper.model.clock import SystemClock
from innkeeper.model.world import World
from innkeeper.store.journal import JournalFailure
from innkeeper.store.samples import Samples
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.tiers import tiers

from . import logs, tls
from .connect import Links
from .frontend import FrontEnd
from .memory import give_back
from .settings import Settings, SettingsError, address, load

log = logging.getLogger("innkeeper.daemon")

#: Exit codes: could not start; the store failed while running.
CANNOT_START, STORE_FAILED = 1, 3
#: Allocations after which Python looks for garbage in cycles, of which there is hardly any here, and after how many
#: such looks it looks at what is older. Nobody is answered meanwhile: at all of 20,000 VMs that takes half a second.
COLLECT_AFTER = 20_000, 20, 50


def arguments(args: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="inn daemon", description="The Innkeeper front end, in the foreground."
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("INN_DATA", "/var/lib/innkeeper")),
                        help="data folder (default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--listen", help="HOST:PORT of all endpoints (default: from the settings, 127.0.0.1:2633)"
    )
    parser.add_argument(
        "--settings", type=Path, help="TOML file (default: DATA/innkeeper.toml if it is there)"
    )
    parser.add_argument("--simulate", action="store_true",
                        help="first start: simulated datastores, so that no hypervisor is needed")  # fmt: skip
    return parser.parse_args(args)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings, the command line over the file."""
    path = options.settings
    if path is None and (options.data / "innkeeper.toml").exists():
        path = options.data / "innkeeper.toml"
    settings = load(path)
    if options.listen:
        address(options.listen)
    return settings


def main(args: list[str] | None = None) -> int:
    """Runs the daemon; returns its exit code."""
    options = arguments(args)
    try:
        settings = settings_of(options)
        options.data.mkdir(parents=True, exist_ok=True)
    except (SettingsError, OSError) as error:
        print(f"inn daemon: {error}", file=sys.stderr)  # noqa: T201
        return CANNOT_START
    logs.start(settings.log.level, settings.log.format)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_run(options, settings))
        except (JournalFailure, ListenError, SettingsError, OSError) as error:
            log.error("cannot start: %s", error)
            return CANNOT_START


def make_folders(data: Path) -> None:
    """The data folder's parts. Guests' hypervisors pass through it; the database is for nobody else."""
    for folder in ("run", "log", "db", "images", "datastores"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    (data / "db").chmod(0o700)


async def _run(options: argparse.Namespace, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    gc.set_threshold(*COLLECT_AFTER)
    data: Path = options.data.resolve()
    make_folders(data)
    journal = SqliteJournal(data / "db" / "innkeeper.db", loop.call_soon_threadsafe)

    def make_connector(world: World) -> Connector:
        return Links(world, data, settings)

    monitoring = settings.monitoring
    samples = Samples(
        journal, kept=tiers(monitoring.keep), disk=monitoring.disk_mib << 20, totals=TOTALS
    )
    front = FrontEnd(
        settings, data, journal, samples, SystemClock(), Argon2Passwords(), make_connector
    )
    front.core.failed = asyncio.Event()
    try:
        await _first_password(front, data, simulate=options.simulate)
        host, port = address(options.listen or settings.listen)
        secured = tls.context(settings.tls, data, host)
        listener = await serve(front.application(), host, port, secured)
        scheme = "https" if secured else "http"
        front.start()
        gc.freeze()  # what was loaded lasts
        giving_back = asyncio.create_task(give_back())
        told = _heed_signals()
        _write(data / "run" / "endpoint", f"{scheme}://{{}}:{{}}\n".format(*listener.address))
        log.info("ready at %s://%s:%d, data in %s", scheme, *listener.address, data)
        failed = await _until_told(told, front.core.failed)
        giving_back.cancel()
        await listener.stop()
        return STORE_FAILED if failed else 0
    finally:
        (data / "run" / "endpoint").unlink(missing_ok=True)
        await front.stop()


async def _first_password(front: FrontEnd, data: Path, *, simulate: bool) -> None:
    """oneadmin's password: from the environment, else a random one; kept in DATA/one_auth (mode 0600)."""
    file = data / "one_auth"
    password = os.environ.get("INN_ADMIN_PASSWORD", "")
    if not password and file.exists():
        password = file.read_text().strip().partition(":")[2]
    password = password or secrets.token_urlsafe(24)
    if not file.exists():
        _write(file, f"oneadmin:{password}\n", mode=0o600)
    if await front.prepare(password, str(uuid.uuid4()), simulate=simulate):
        _write(file, f"oneadmin:{password}\n", mode=0o600)
        log.info("first start: oneadmin's password is in %s", file)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """A small file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.rename(path)


def _heed_signals() -> asyncio.Event:
    """Set when a signal says that it is time to stop."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def _until_told(told: asyncio.Event, failed: asyncio.Event) -> bool:
    """Waits for a signal (False) or for the store's failure (True)."""
    waits = [asyncio.create_task(event.wait()) for event in (told, failed)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return failed.is_set()


if __name__ == "__main__":
    sys.exit(main())
