"""The content of images: out in any format, resumable where it goes out as it is stored, and in as a stream.

Nothing is held in memory: what goes out is read as the client takes it, what comes in is written as it arrives.
Hashes travel as RFC 9530 says (`Repr-Digest`, asked for with `Want-Repr-Digest`), ranges as RFC 9110 does.
"""

import base64
import binascii
import re

from innkeeper.api.messages import Headers, HttpError, Request, Response
from innkeeper.api.problems import malformed
from innkeeper.api.routing import Route
from innkeeper.api.xmlrpc.hook_bodies import call_info
from innkeeper.commands import contents, hooks
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.model.objects import Image
from innkeeper.model.permissions import Caller

from .access import answer, caller_of, number, option
from .ports import Content, Contents, ContentUnavailable, NoRoom

#: Formats in which an image goes out.
OUTGOING = ("raw", "qcow2", "vmdk", "vmdk-stream", "vdi", "vhdx", "vpc")
#: Seconds that a client may be silent in the middle of an upload.
SILENCE = 60.0
_BYTES = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


class ImageContents:
    """Download and upload."""

    def __init__(self, core: Core, authenticator: Authenticator, contents: Contents) -> None:
        self.core = core
        self.authenticator = authenticator
        self.contents = contents

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(
                "GET",
                "/api/v1/images/{image}/content",
                self.download,
                {"format": str},
                answers=_BYTES,
            ),
            Route(
                "POST",
                "/api/v1/images/upload",
                self.upload,
                {"template": str, "datastore": int},
                _BYTES,
            ),
        ]

    async def download(self, request: Request) -> Response:
        """The image, as it is stored or in the format that is asked for."""
        caller = await caller_of(request, self.authenticator)
        image = contents.readable(self.core.world, caller, number(request, "image"))
        wanted = dict(request.query).get("format", "") or image.format or "raw"
        if wanted not in OUTGOING:
            listed = ", ".join(OUTGOING)
            raise malformed("format", f"one of {listed}", repr(wanted[:40]))
        if request.verb == "HEAD" and wanted != (image.format or "raw"):
            return Response(content_type=_BYTES)
        return await self._opened(request, image, wanted)

    async def _opened(self, request: Request, image: Image, wanted: str) -> Response:
        try:
            content = await self.contents.open(image, wanted)
        except (ContentUnavailable, NoRoom) as problem:
            raise HttpError(507 if isinstance(problem, NoRoom) else 409, str(problem)) from None
        try:
            name = f"{_plain(image.name)}.{wanted.removesuffix('-stream')}"
            own: Headers = (
                ("accept-ranges", "bytes"),
                ("etag", content.etag),
                ("content-disposition", f'attachment; filename="{name}"'),
            )
            if "sha-256" in request.headers.get("want-repr-digest", ""):
                digest = base64.b64encode(await content.sha256()).decode()
                own = (*own, ("repr-digest", f"sha-256=:{digest}:"))
            return _ranged(request, content, own)
        except BaseException:
            await content.aclose()
            raise

    async def upload(self, request: Request) -> Response:
        """A new image whose content is the request's body."""
        caller = await caller_of(request, self.authenticator)
        text = dict(request.query).get("template", "")
        datastore = option(request, "datastore", 1, most=(1 << 31) - 1)
        wanted = _digest(
            request.headers.get("repr-digest") or request.headers.get("content-digest")
        )
        announced = request.headers.get("content-length", "")
        size = int(announced) if announced.isdigit() else 0
        folder = self.contents.folder
        try:
            most = contents.rehearse(self.core, caller, text, datastore, size, folder)
            async with self.contents.receive(
                request.chunks(1 << 62, silence=SILENCE), most
            ) as came:
                if wanted is not None and came.digest != wanted:
                    said = f"the SHA-256 is {came.digest.hex()}, {wanted.hex()} was announced"
                    raise HttpError(400, said)
                made = await self._make(caller, text, datastore, came.path)
        except NoRoom as problem:
            raise HttpError(507, str(problem), close=True) from None
        return answer({"id": made}, 201)

    async def _make(self, caller: Caller, text: str, datastore: int, path: str) -> int:
        folder, name = self.contents.folder, "one.image.allocate"
        given = [("template", text), ("datastore", datastore)]
        with hooks.asked([(name, lambda made: call_info(name, given, made))]):
            return await self.core.run(
                lambda tx: contents.upload(tx, caller, text, datastore, path, folder), caller.uid
            )


def _plain(name: str) -> str:
    """A name that does no harm in a header or on a disk."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _digest(header: str | None) -> bytes | None:
    """The SHA-256 that a header announces."""
    if header is None:
        return None
    found = _DIGEST.search(header)
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise malformed("a digest", "like sha-256=:BASE64:", repr(header[:80]))
    return digest


def _ranged(request: Request, content: Content, own: Headers) -> Response:
    """The whole, or the part that the client lacks."""
    kind, size = _BYTES, content.size
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    condition = request.headers.get("if-range", content.etag)
    if asked is None or condition != content.etag or not (asked[1] or asked[2]):
        return Response(content, 200, kind, (*own, ("content-length", str(size))))
    if asked[1]:
        start, end = int(asked[1]), min(int(asked[2]) if asked[2] else size - 1, size - 1)
    else:
        start, end = max(0, size - int(asked[2])), size - 1
    if not start <= end:
        raise HttpError(416, "there is nothing there", (("content-range", f"bytes */{size}"),))
    content.only(start, end + 1)
    part = (
        ("content-range", f"bytes {start}-{end}/{size}"),
        ("content-length", str(end + 1 - start)),
    )
    return Response(content, 206, kind, (*own, *part))
