"""The files of the console's page. The page has no secrets: it gets a token in its address's fragment.

noVNC is Debian's. It is unpacked beside the program (scripts/setup.sh) or installed; only its modules are served.
"""

import sys
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from innkeeper.api.messages import Headers, HttpError, Request, Response
from innkeeper.api.routing import Route

#: Where noVNC may lie: the first that has it.
NOVNC = (Path(sys.prefix) / "share" / "novnc", Path("/usr/share/novnc"))
_OWN = {"": "console.html", "console.js": "console.js", "console.css": "console.css"}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
#: Nothing but these files and our own WebSockets; the shape of the pointer is a data: image.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Headers = (
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
)


class Pages:
    """Serves the page."""

    def __init__(self, novnc: Iterable[Path] = NOVNC) -> None:
        self._modules = _modules(novnc)

    def routes(self) -> list[Route]:
        """Where they are."""
        here = Path(__file__).parent
        own = [
            Route("GET", f"/console/{name}", partial(self._serve, here / file))
            for name, file in _OWN.items()
        ]
        return [*own, Route("GET", "/console/novnc/{name...}", self.module)]

    async def module(self, request: Request) -> Response:
        """A file of noVNC: one of those that were there at the start, so that no path leads elsewhere."""
        if not self._modules:
            raise HttpError(404, "noVNC is not on the front end's machine: make setup brings it")
        file = self._modules.get(request.parameters["name"])
        if file is None:
            raise HttpError(404, f"noVNC has no module {request.parameters['name'][:200]!r}")
        return await self._serve(file, request)

    async def _serve(self, file: Path, _request: Request) -> Response:
        return Response(_content(file), content_type=_TYPES[file.suffix], headers=HEADERS)


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


def _modules(folders: Iterable[Path]) -> dict[str, Path]:
    folder = next((each for each in folders if (each / "core" / "rfb.js").is_file()), None)
    if folder is None:
        return {}
    files = (file for part in ("core", "vendor") for file in (folder / part).rglob("*.js"))
    return {file.relative_to(folder).as_posix(): file for file in files}
