"""Images brought in from files and from a real web server, with real qemu-img."""

from __future__ import annotations

import bz2
import functools
import gzip
import hashlib
import http.server
import lzma
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks import images
from innkeeper.host.disks.qcow2 import MIB, info
from innkeeper.host.errors import AgentError, BadArgsError, FailedError, MissingError, RefusedError

CONTENT = b"boot" * (MIB // 4) + bytes(3 * MIB) + b"end!"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; ``/cut/...`` promises more than it gives, ``/down/...`` is broken."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/cut/"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        elif self.path.startswith("/down/"):
            self.send_error(503)
        else:
            super().do_GET()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that has seen enough hangs up."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    served = tmp_path / "served"
    served.mkdir()
    (served / "image.raw").write_bytes(CONTENT)
    handler = functools.partial(Handler, directory=str(served))
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "store" / "1" / "image"


def bring(**args: Any) -> dict[str, Any]:
    args = {key: str(value) if isinstance(value, Path) else value for key, value in args.items()}
    return images.bring(Arguments(args), lambda _done, _total: None)


def only(into: Path) -> bool:
    """Nothing lies beside the image."""
    return list(into.parent.iterdir()) == [into]


def test_a_file_is_copied_with_its_holes(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    told: list[tuple[int, int | None]] = []
    answer = images.bring(
        Arguments({"path": str(source), "into": str(into)}),
        lambda done, total: told.append((done, total)),
    )
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (answer["format"], answer["virtual_mib"], answer["sha256"]) == ("raw", 5, digest)
    assert into.read_bytes() == CONTENT and only(into)
    assert into.stat().st_blocks * 512 < 2 * MIB
    assert told[-1] == (len(CONTENT), len(CONTENT))
    source.unlink()
    assert bring(path=source, into=into) == answer


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, bytes])
def test_compressed_images_are_unpacked_on_the_way(
    server: str, tmp_path: Path, into: Path, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(CONTENT)
    (tmp_path / "served/image").write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    answer = bring(url=f"{server}/image", into=into, sha256=digest.upper())
    assert answer["sha256"] == digest
    assert into.read_bytes() == CONTENT


def test_files_that_are_no_disks_come_byte_for_byte(tmp_path: Path, into: Path) -> None:
    packed = gzip.compress(b"an initial RAM disk")
    (tmp_path / "initrd").write_bytes(packed)
    bring(path=tmp_path / "initrd", into=into, verbatim=True, format="raw")
    assert into.read_bytes() == packed


def test_the_wanted_format_and_size_are_made(tmp_path: Path, into: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    answer = bring(path=tmp_path / "source", into=into, format="qcow2", size_mib=20)
    assert (answer["format"], answer["virtual_mib"]) == ("qcow2", 20)
    compare = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", tmp_path / "source", into]
    assert "identical" in subprocess.run(compare, capture_output=True, text=True).stdout
    assert only(into)


def test_a_foreign_format_becomes_qcow2(tmp_path: Path, into: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", tmp_path / "x", "4M"], check=True)
    assert bring(path=tmp_path / "x", into=into)["format"] == "qcow2"


def test_an_image_that_reads_other_files_is_refused(tmp_path: Path, into: Path) -> None:
    image = tmp_path / "trojan"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw"]
    subprocess.run([*create, image], check=True)
    with pytest.raises(RefusedError, match="refers to another file"):
        bring(path=image, into=into)
    data = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'd'}"]
    subprocess.run([*data, image, "1M"], check=True)
    with pytest.raises(RefusedError, match="refers to another file"):
        bring(path=image, into=into)
    assert list(into.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "error", "text"),
    [
        ("/image.raw?", RefusedError, "the SHA-256 is"),
        ("/absent", RefusedError, "the server answers 404"),
        ("/down/x", FailedError, "the server answers 503"),
        ("/cut/x", FailedError, "cut short|of 1000 bytes came"),
    ],
)
def test_what_goes_wrong_on_the_web_leaves_nothing(
    server: str, into: Path, where: str, error: type[AgentError], text: str
) -> None:
    with pytest.raises(error, match=text):
        bring(url=server + where, into=into, sha256="0" * 64)
    assert list(into.parent.iterdir()) == []


def test_a_server_that_is_not_there(into: Path) -> None:
    with pytest.raises(FailedError, match="refused"):
        bring(url="http://127.0.0.1:1/x", into=into)
    with pytest.raises(RefusedError, match="only http and https"):
        bring(url="ftp://127.0.0.1/x", into=into)


def test_a_compressed_image_that_was_cut(tmp_path: Path, into: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(10_000))[:-2000])
    with pytest.raises(FailedError, match="broken or cut short"):
        bring(path=tmp_path / "cut.gz", into=into)


@pytest.mark.parametrize(
    ("args", "argument"),
    [
        ({}, "path"),
        ({"path": "/x", "url": "http://x"}, "path"),
        ({"empty": True}, "size_mib"),
        ({"empty": True, "size_mib": 1, "fs": "ntfs"}, "fs"),
        ({"path": "/x", "format": "vmdk"}, "format"),
    ],
)
def test_what_is_wrong_is_named(into: Path, args: dict[str, Any], argument: str) -> None:
    with pytest.raises(BadArgsError) as caught:
        bring(into=into, **args)
    assert caught.value.argument == argument


def test_missing_files_are_named(into: Path, tmp_path: Path) -> None:
    for action in (
        lambda: bring(path=tmp_path / "x", into=into),
        lambda: images.clone(Arguments({"from": str(tmp_path / "x"), "into": str(into)})),
        lambda: images.look(Arguments({"path": str(tmp_path / "x")})),
    ):
        with pytest.raises(MissingError) as caught:
            action()
        assert caught.value.file == str(tmp_path / "x")


@pytest.mark.parametrize("fs", [None, "ext4", "swap"])
def test_empty_images(into: Path, fs: str | None) -> None:
    answer = bring(empty=True, into=into, size_mib=16, format="qcow2", fs=fs)
    assert (answer["format"], answer["virtual_mib"], answer["sha256"]) == ("qcow2", 16, None)
    assert only(into)


def test_a_clone_depends_on_nothing(tmp_path: Path, into: Path) -> None:
    base, layer = tmp_path / "base", tmp_path / "layer"
    base.write_bytes(CONTENT)
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", layer]
    subprocess.run(create, check=True)
    request = Arguments({"from": str(layer), "into": str(into)})
    answer = images.clone(request)
    base.unlink()
    layer.unlink()
    assert answer["format"] == "qcow2" and info(into).backing is None
    assert images.clone(request) == answer
    raw = tmp_path / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", into, raw], check=True)
    assert raw.read_bytes()[: len(CONTENT)] == CONTENT


def test_a_plain_clone_keeps_holes_and_hash(tmp_path: Path, into: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    bring(path=tmp_path / "source", into=tmp_path / "first")
    answer = images.clone(Arguments({"from": str(tmp_path / "first"), "into": str(into)}))
    assert answer["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert into.stat().st_blocks * 512 < 2 * MIB


def test_a_clone_of_a_raw_image_does_not_believe_its_content(tmp_path: Path, into: Path) -> None:
    """A guest can write a qcow2 header into its raw disk that names a file of the host."""
    secret, origin = tmp_path / "secret", tmp_path / "origin"
    secret.write_bytes(b"secret" * MIB)
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", origin]
    subprocess.run(create, check=True)
    request = Arguments({"from": str(origin), "into": str(into), "format": "raw"})
    for _ in range(2):
        assert images.clone(request)["format"] == "raw"
    assert into.read_bytes().rstrip(b"\0") == origin.read_bytes().rstrip(b"\0")


def test_looking_at_images_without_bringing_them(server: str, tmp_path: Path) -> None:
    image = tmp_path / "served/image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "10G"], check=True)
    size = image.stat().st_size
    remote = images.look(Arguments({"url": f"{server}/image.qcow2"}))
    assert remote == {"format": "qcow2", "virtual_mib": 10240, "bytes": size, "sha256": None}
    assert images.look(Arguments({"path": str(image)}))["virtual_mib"] == 10240
    raw = images.look(Arguments({"url": f"{server}/image.raw"}))
    assert (raw["format"], raw["virtual_mib"], raw["bytes"]) == ("raw", 5, len(CONTENT))


@pytest.mark.parametrize("way", ["link", "folder", "pipe"])
def test_links_do_not_lead_out_of_the_folders_for_images(
    into: Path, tmp_path: Path, way: str
) -> None:
    """Whoever has a shell here can make a link; the agent may read what he may not."""
    allowed, secret = tmp_path / "allowed", tmp_path / "private" / "secret"
    allowed.mkdir()
    secret.parent.mkdir()
    secret.write_bytes(CONTENT)
    path = allowed / "image"
    if way == "link":
        path.symlink_to(secret)
    elif way == "folder":
        (allowed / "sub").symlink_to(secret.parent)
        path = allowed / "sub" / "secret"
    else:
        os.mkfifo(path)
    with pytest.raises(RefusedError, match="image"):
        bring(path=path, into=into, within=[str(allowed)])
    assert not into.exists()


def test_folders_for_images_may_be_links_themselves(into: Path, tmp_path: Path) -> None:
    real, named = tmp_path / "real", tmp_path / "named"
    real.mkdir()
    named.symlink_to(real)
    (real / "image").write_bytes(CONTENT)
    assert bring(path=named / "image", into=into, within=[str(named)])["format"] == "raw"


def test_removing(into: Path) -> None:
    bring(empty=True, into=into, size_mib=1)
    (into.parent / f".{into.name}.77.part").write_text("left")
    for _ in range(2):
        images.remove(Arguments({"path": str(into)}))
    assert list(into.parent.iterdir()) == []
    with pytest.raises(RefusedError, match="is a folder"):
        images.remove(Arguments({"path": str(into.parent)}))


def test_the_room_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    room = images.space(tmp_path / "a/b/c")
    assert room == images.space(tmp_path)
    assert room["total_mib"] >= room["used_mib"] + room["free_mib"] > 0
