"""What every command shares: who asks, which front end, and how the answer is to look."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from innkeeper.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from innkeeper.cli.client import Client
    from innkeeper.client import Api

DEFAULT_ENDPOINT = "http://127.0.0.1:2633/RPC2"
DEFAULT_TIMEOUT = 60.0
SYSTEM_DATA = Path("/var/lib/innkeeper")


@dataclass
class Session:
    """The options common to all commands, and the client made from them."""

    endpoint: str | None = None
    user: str | None = None
    password: str | None = None
    timeout: float | None = None
    json: bool = False
    verbose: bool = False
    _client: Client | None = field(default=None, repr=False)

    def client(self) -> Client:
        """The connection to the front end, made at the first use."""
        if self._client is None:
            from innkeeper.cli.client import Client, Endpoint

            self._client = Client(
                Endpoint.parse(self.endpoint or find_endpoint()),
                self._secret(),
                self._timeout_seconds(),
                verify=os.environ.get("ONE_DISABLE_SSL_VERIFY", "") in ("", "no", "0"),
            )
            if context := click.get_current_context(silent=True):
                context.find_root().call_on_close(self._client.close)
        return self._client

    def api(self) -> Api:
        """The typed client of REST over the same connection."""
        return self.client().api

    def _secret(self) -> str:
        if self.user is None:
            return find_secret()
        if self.password is None:
            self.password = _typed_password()
        return f"{self.user}:{self.password}"

    def _timeout_seconds(self) -> float:
        if self.timeout is not None:
            return self.timeout
        text = os.environ.get("INN_TIMEOUT") or os.environ.get("ONE_XMLRPC_TIMEOUT")
        try:
            return float(text) if text else DEFAULT_TIMEOUT
        except ValueError:
            raise CliError(f"INN_TIMEOUT: expected seconds, not {text!r}", ExitCode.USAGE) from None


def _typed_password() -> str:
    """What is typed on the terminal; standard input may be a template and is left alone."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return str(click.prompt("Password", hide_input=True, err=True))
        except getpass.GetPassWarning:
            raise CliError(
                "a password is needed, and there is no terminal to ask on: give --password, or name"
                " a file holding user:password in INN_AUTH",
                ExitCode.USAGE,
            ) from None


def current() -> Session:
    """The session of the running command."""
    return click.get_current_context().ensure_object(Session)


def auth_file() -> Path:
    """Where this user's own credentials are kept."""
    named = os.environ.get("INN_AUTH") or os.environ.get("ONE_AUTH")
    return Path(named) if named else Path.home() / ".one" / "one_auth"


def data_folder() -> Path:
    """Where a front end of this machine keeps its things."""
    return Path(os.environ.get("INN_DATA") or SYSTEM_DATA)


def find_secret() -> str:
    """`user:password` from INN_AUTH, ONE_AUTH, ~/.one/one_auth or the front end's own folder.

    A folder that is named in INN_DATA is looked into before the home folder.
    """
    named = os.environ.get("INN_AUTH") or os.environ.get("ONE_AUTH")
    if named:
        return _read_secret(Path(named))
    paths = [auth_file(), data_folder() / "one_auth"]
    for path in reversed(paths) if os.environ.get("INN_DATA") else paths:
        if os.access(path, os.R_OK):
            return _read_secret(path, read_unfollowed if path == paths[1] else Path.read_text)
    raise CliError(
        "no credentials: give --user and --password, or name a file holding user:password"
        f" in INN_AUTH (looked at {' and '.join(map(str, paths))})",
        ExitCode.NOT_ALLOWED,
    )


def read_unfollowed(path: Path) -> str:
    """The text of a file that the front end's user may have made. Raises OSError.

    A link is not followed: we may be root, and what is read here is told to the front end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError(errno.ELOOP, "it is no file of its own", str(path))
        return file.read()


def _read_secret(path: Path, read: Callable[[Path], str] = Path.read_text) -> str:
    try:
        lines = read(path).split("\n")
    except OSError as error:
        raise CliError(
            f"cannot read the credentials in {path}: {error.strerror}", ExitCode.NOT_ALLOWED
        ) from error
    secret = lines[0].strip()
    if ":" not in secret:
        raise CliError(f"{path}: expected user:password in the first line", ExitCode.NOT_ALLOWED)
    return secret


def find_endpoint() -> str:
    """The endpoint from INN_ENDPOINT, ONE_XMLRPC, ~/.one/one_endpoint, a front end that runs here.

    A folder that is named in INN_DATA is looked into before the home folder.
    """
    named = os.environ.get("INN_ENDPOINT") or os.environ.get("ONE_XMLRPC")
    if named:
        return named
    paths = [Path.home() / ".one" / "one_endpoint", data_folder() / "run" / "endpoint"]
    for path in reversed(paths) if os.environ.get("INN_DATA") else paths:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text:
            return text
    return DEFAULT_ENDPOINT


def write_secret(path: Path, secret: str) -> None:
    """Write credentials so that nobody else can read them at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner_only = stat.S_IRUSR | stat.S_IWUSR
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, owner_only)
    with os.fdopen(handle, "w") as file:
        os.fchmod(file.fileno(), owner_only)
        file.write(secret + "\n")
