"""`inn image download` and `inn image upload`: images between the front end and this machine's disk."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client, bad_status
from innkeeper.cli.create import emit_new
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_FORMATS = ("raw", "qcow2", "vmdk", "vmdk-stream", "vdi", "vhdx", "vpc")
#: Bytes moved at a time, and the grain in which holes are kept.
_PIECE, _HOLE = 1 << 20, 64 << 10
#: How often a download that breaks off goes on by itself.
_ATTEMPTS = 5


@click.command(
    "download", cls=InnCommand,
    help="Bring an image's content into a FILE here. One that broke off goes on where it was, if it goes out as it "
    "is stored.",
    epilog=examples("inn image download debian debian.qcow2",
                    "inn image download debian debian.vmdk --format vmdk-stream"),
)  # fmt: skip
@click.argument("image", type=ObjectType("image"), metavar="IMAGE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(_FORMATS),
              help="Which format it shall have (the one that it is stored in).")  # fmt: skip
def download(image: str, file: Path, format_: str | None) -> None:
    """Download an image."""
    if not file.parent.is_dir():
        raise CliError(f"cannot write {file}: there is no folder {file.parent}", ExitCode.USAGE)
    client = current().client()
    number = id_of(client, KINDS["image"], image)
    query = f"?format={format_}" if format_ else ""
    source = _Download(client, f"/api/v1/images/{number}/content{query}", file)
    size = source.run()
    if current().json:
        render.emit_json({"ID": number, "file": str(file), "bytes": size})


class _Download:
    """One file on its way here. Until it is whole it has another name, by which a later attempt finds it."""

    def __init__(self, client: Client, path: str, file: Path) -> None:
        self._client = client
        self._path = path
        self._file = file
        self._etag = self._digest = ""

    def run(self) -> int:
        """Brings it; gives its size."""
        head = self._ask("HEAD", {"Want-Repr-Digest": "sha-256=1"})
        self._etag = head.headers.get("ETag", "")
        self._digest = head.headers.get("Repr-Digest", "")
        part = self._file.with_name(f".{self._file.name}.{self._etag.strip(chr(34))}.part")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._continue(part)
                break
            except (OSError, http.client.HTTPException) as broken:
                if attempt == _ATTEMPTS or not self._etag:
                    raise CliError(f"the download broke off: {broken}") from broken
        self._check(part)
        part.replace(self._file)
        return self._file.stat().st_size

    def _continue(self, part: Path) -> None:
        have = part.stat().st_size if part.exists() and self._etag else 0
        wanted = {"Range": f"bytes={have}-", "If-Range": self._etag} if have else {}
        if have and have == self._length():
            return
        if not self._etag:  # a converted copy is another one each time
            wanted = {"Want-Repr-Digest": "sha-256=1"}
        answer = self._ask("GET", wanted)
        self._digest = self._digest or answer.headers.get("Repr-Digest", "")
        if answer.status != http.client.PARTIAL_CONTENT:
            have = 0
        with part.open("r+b" if have else "wb") as file:
            _write_sparse(answer, file, have)

    def _length(self) -> int:
        return int(self._ask("HEAD", {}).headers.get("Content-Length") or 0)

    def _ask(self, verb: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = self._client.web_connection()
        sent = {"Authorization": self._client.authorization(), "Connection": "close", **headers}
        connection.request(verb, self._path, headers=sent)
        answer = connection.getresponse()
        if answer.status >= 400:
            told = answer.read()
            if verb == "HEAD":  # says nothing: the same as a GET tells why
                return self._ask("GET", headers)
            raise bad_status(answer.status, told)
        return answer

    def _check(self, part: Path) -> None:
        if not self._digest:
            return
        with part.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").digest()
        if came != b64decode(self._digest.removeprefix("sha-256=:").rstrip(":")):
            part.unlink()
            raise CliError(f"{self._file} came with another SHA-256 than it was sent with")


def _write_sparse(answer: http.client.HTTPResponse, file: IO[bytes], at: int) -> None:
    """Writes what comes from here on, with its holes; what has come stays when it breaks off."""
    zeros = bytes(_HOLE)
    try:
        while piece := answer.read(_PIECE):
            for start in range(0, len(piece), _HOLE):
                part = piece[start : start + _HOLE]
                if part != zeros[: len(part)]:
                    file.seek(at + start)
                    file.write(part)
            at += len(piece)
    finally:
        file.truncate(at)
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)


@click.command(
    "upload", cls=InnCommand,
    help="Make an image of a FILE on this machine: raw, qcow2, vmdk, vdi, vhdx or vpc, gzip, xz or bzip2 around it.",
    epilog=examples("inn image upload debian.qcow2 --name debian --prefix vd",
                    "inn image upload install.iso --name install --type cdrom"),
)  # fmt: skip
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", metavar="NAME", help="Its name (the file's).")
@click.option("-d", "--datastore", type=ObjectType("datastore"), default="1", metavar="DATASTORE",
              help="Where to keep it (1, the default image datastore).")  # fmt: skip
@click.option("--type", "type_", metavar="TYPE",
              help="What it is for: os, cdrom, datablock, kernel, ramdisk, context (os).")  # fmt: skip
@click.option("--persistent", is_flag=True, help="Keep what a VM writes; one VM at a time.")
@click.option("--prefix", metavar="PREFIX", help="Kind of disk that guests see: vd, sd, hd.")
@click.option("--description", metavar="TEXT", help="What it is.")
def upload(file: Path, datastore: str, **options: Any) -> None:
    """Upload an image."""
    from innkeeper.cli.create_resources import image_text

    defaults = {"path": None, "source": None, "size": None, "format_": None, "fs": None,
                "target": None, "settings": ()}  # fmt: skip
    options["name"] = options["name"] or file.name.partition(".")[0]
    client = current().client()
    store = id_of(client, KINDS["datastore"], datastore)
    emit_new(send(client, file, image_text({**defaults, **options}), store))


def send(client: Client, file: Path, text: str, datastore: int) -> int:
    """Sends a file as a new image's content; gives the image's id."""
    with file.open("rb") as stream:
        digest = b64encode(hashlib.file_digest(stream, "sha256").digest()).decode()
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        headers = {
            "Authorization": client.authorization(),
            "Content-Length": str(size),
            "Repr-Digest": f"sha-256=:{digest}:",
        }
        target = "/api/v1/images/upload?" + urlencode({"datastore": datastore, "template": text})
        return _sent(client, target, stream, headers)


def _sent(client: Client, target: str, stream: IO[bytes], headers: dict[str, str]) -> int:
    import json

    connection = client.web_connection()
    try:
        # Refused in the middle, the answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", target, body=_pieces(stream), headers=headers)
        answer = connection.getresponse()
        told = answer.read()
    except (OSError, http.client.HTTPException) as broken:
        raise CliError(f"the upload broke off: {broken}", ExitCode.UNREACHABLE) from broken
    finally:
        connection.close()
    if answer.status != http.client.CREATED:
        raise bad_status(answer.status, told)
    return int(json.loads(told)["id"])


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece
