"""Images up and down: the command line, the real front end, its real agent, qemu-img's own comparison."""

from __future__ import annotations

import base64
import hashlib
import http.client
import http.server
import json
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.daemon.daemon import Daemon

from .conftest import Inn

MIB = 1 << 20
FORMATS = ("raw", "qcow2", "vmdk", "vmdk-stream", "vdi", "vhdx", "vpc")


def eventually(probe: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 120
    while not (found := probe()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("cloud") / "data") as running:
        running.ready()
        assert running.call("one.user.allocate", "ann", "secret", "core", [])[0]
        yield running
        assert running.stop() == 0


@pytest.fixture(autouse=True)
def at_the_daemon(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> None:
    monkeypatch.setenv("INN_DATA", str(daemon.data))


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 12 MiB with a hole of 8."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    path.write_bytes(random.Random(3).randbytes(2 * MIB))
    with path.open("r+b") as file:
        file.seek(10 * MIB)
        file.write(random.Random(4).randbytes(MIB))
        file.truncate(12 * MIB)
    return path


def upload(inn: Inn, path: Path, name: str, *options: str) -> int:
    outcome = inn("image", "upload", str(path), "--name", name, *options, "--json")
    assert outcome.code == 0, outcome.err
    assert inn("image", "wait", name).code == 0
    number: int = outcome.data["ID"]
    return number


@pytest.fixture
def image(inn: Inn, disk: Path, daemon: Daemon) -> int:
    """The disk as an image, made once."""
    found = [row for row in inn("image", "list", "--json").data if row["NAME"] == "disk"]
    return int(found[0]["ID"]) if found else upload(inn, disk, "disk")


def nothing_in_transit(daemon: Daemon) -> None:
    folder = daemon.data / "transit"
    eventually(lambda: not folder.exists() or not list(folder.iterdir()), "nothing in transit")


def same(one: Path, form: str, other: Path) -> bool:
    command = ["qemu-img", "compare", "-f", "raw", "-F", form.removesuffix("-stream"), one, other]
    said = subprocess.run(command, capture_output=True, text=True)
    return said.returncode == 0 and "identical" in said.stdout


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_goes_out_and_comes_in_again(
    inn: Inn, daemon: Daemon, disk: Path, image: int, tmp_path: Path, form: str
) -> None:
    out = tmp_path / f"out.{form}"
    assert inn("image", "download", "disk", str(out), "--format", form).code == 0
    assert same(disk, form, out)
    assert out.stat().st_blocks * 512 < 5 * MIB
    assert list(tmp_path.iterdir()) == [out]
    again = upload(inn, out, f"again-{form}")
    stored = daemon.data / "datastores" / "1" / f"image-{again}"
    assert same(disk, "raw" if form == "raw" else "qcow2", stored)
    assert stored.stat().st_blocks * 512 < 5 * MIB
    nothing_in_transit(daemon)


class Web:
    """The API without the command line between."""

    def __init__(self, daemon: Daemon, user: str = "oneadmin:pw") -> None:
        self.authority = daemon.ready().removeprefix("http://")
        self.user = base64.b64encode(user.encode()).decode()

    def ask(
        self, verb: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.authority, timeout=60)
        sent = {"Authorization": f"Basic {self.user}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(verb, path, body, sent)
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found


def test_a_part_is_had_alone_and_the_rest_of_what_broke_off(
    daemon: Daemon, disk: Path, image: int
) -> None:
    web, path, content = Web(daemon), f"/api/v1/images/{image}/content", disk.read_bytes()
    status, headers, body = web.ask("HEAD", path, Want_Repr_Digest="sha-256=1")
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert (status, body, headers["content-length"]) == (200, b"", str(len(content)))
    assert headers["repr-digest"] == f"sha-256=:{digest}:"
    etag = headers["etag"]
    for asked, start, end in (
        ("bytes=5-9", 5, 10), ("bytes=12582900-", 12582900, len(content)), ("bytes=-4", -4, len(content)),
        ("bytes=0-99999999999", 0, len(content)),
    ):  # fmt: skip
        status, headers, body = web.ask("GET", path, Range=asked, If_Range=etag)
        assert (status, body) == (206, content[start:end])
    assert headers["content-range"] == f"bytes 0-{len(content) - 1}/{len(content)}"
    assert web.ask("GET", path, Range="bytes=5-9", If_Range='"older"')[2] == content
    assert web.ask("GET", path, Range=f"bytes={len(content)}-")[0] == 416
    assert web.ask("GET", path, Range="lines=1-2")[0] == 200


def test_a_download_that_broke_off_goes_on_where_it_was(
    inn: Inn, daemon: Daemon, disk: Path, image: int, tmp_path: Path
) -> None:
    out = tmp_path / "out.raw"
    etag = Web(daemon).ask("HEAD", f"/api/v1/images/{image}/content")[1]["etag"].strip('"')
    part = tmp_path / f".out.raw.{etag}.part"
    part.write_bytes(disk.read_bytes()[: 3 * MIB])
    before = part.stat().st_ino
    assert inn("image", "download", "disk", str(out)).code == 0
    assert out.read_bytes() == disk.read_bytes()
    assert out.stat().st_ino == before
    part.write_bytes(bytes(3 * MIB))
    outcome = inn("image", "download", "disk", str(out))
    assert outcome.code != 0 and "another SHA-256" in outcome.err
    assert not part.exists()


def made_of(daemon: Daemon, body: bytes, template: str, **headers: str) -> tuple[int, str]:
    target = f"/api/v1/images/upload?datastore=1&template={quote(template)}"
    status, _, told = Web(daemon).ask("POST", target, body, **headers)
    return status, told.decode().strip()


@pytest.mark.parametrize(
    ("template", "headers", "status", "text"),
    [
        ("NAME=x", {"Repr_Digest": f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"}, 400, "the SHA-256 is"),
        ("NAME=x", {"Repr_Digest": "sha-256=:short:"}, 400, "a digest must be like"),
        ("NAME=x\nPATH=/etc/shadow", {}, 409, "PATH has no place in an upload"),
        ("TYPE=OS", {}, 409, "NAME is missing"),
        ("NAME=x\nTYPE=KERNEL", {}, 409, "need a FILE_DS"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_leaves_no_trace(
    daemon: Daemon, template: str, headers: dict[str, str], status: int, text: str
) -> None:
    before = daemon.call("one.imagepool.info", -2, -1, -1)[1]
    found, told = made_of(daemon, b"x" * 3000, template, **headers)
    assert (found, text in told) == (status, True), told
    nothing_in_transit(daemon)
    assert daemon.call("one.imagepool.info", -2, -1, -1)[1] == before


def test_an_upload_that_breaks_off_leaves_no_trace(daemon: Daemon) -> None:
    before = daemon.call("one.imagepool.info", -2, -1, -1)[1]
    web = Web(daemon)
    connection = http.client.HTTPConnection(web.authority, timeout=60)
    connection.putrequest("POST", "/api/v1/images/upload?template=NAME%3Dbroken")
    connection.putheader("Authorization", f"Basic {web.user}")
    connection.putheader("Content-Length", str(8 * MIB))
    connection.endheaders(b"x" * 3 * MIB)
    transit = daemon.data / "transit"
    eventually(lambda: transit.exists() and list(transit.iterdir()), "the upload has begun")
    connection.close()
    nothing_in_transit(daemon)
    assert daemon.call("one.imagepool.info", -2, -1, -1)[1] == before


def test_a_full_datastore_is_told_before_anything_is_sent(
    inn: Inn, daemon: Daemon, disk: Path
) -> None:
    number = daemon.call(
        "one.datastore.allocate", "NAME=small\nDS_MAD=fs\nTM_MAD=local\nLIMIT_MB=4", -1
    )[1]
    outcome = inn("image", "upload", str(disk), "--name", "big", "-d", "small")
    assert f"Not enough space in datastore {number}: 12 MB are needed, 4 MB are free" in outcome.err
    web = Web(daemon)
    connection = http.client.HTTPConnection(web.authority, timeout=60)
    headers = {"Authorization": f"Basic {web.user}"}
    target = f"/api/v1/images/upload?datastore={number}&template=NAME%3Dbig"
    pieces = (random.Random(5).randbytes(MIB) for _ in range(8))
    connection.request("POST", target, pieces, headers, encode_chunked=False)
    answer = connection.getresponse()
    assert (answer.status, b"there are only 4 MiB" in answer.read()) == (507, True)
    connection.close()
    nothing_in_transit(daemon)


def test_strangers_get_nothing(daemon: Daemon, image: int) -> None:
    path = f"/api/v1/images/{image}/content"
    for user, status in (("ann:secret", 403), ("ann:wrong", 401)):
        web = Web(daemon, user)
        assert web.ask("GET", path)[0] == status
        assert web.ask("HEAD", path)[0] == status
    assert Web(daemon, "ann:wrong").ask("POST", "/api/v1/images/upload", b"x")[0] == 401
    assert Web(daemon).ask("GET", "/api/v1/images/999/content")[0] == 404
    assert Web(daemon).ask("GET", f"{path}?format=exe")[0] == 400


def test_an_upload_outlives_the_front_end_and_goes_when_it_is_not_wanted(
    tmp_path: Path, disk: Path
) -> None:
    """Killed between the upload and the import: the import goes on, and then the file is gone."""
    with Daemon(tmp_path / "data") as first:
        assert made_of(first, disk.read_bytes(), "NAME=kept")[0] == 201
        first.process.kill()
        first.process.wait()
    (tmp_path / "data" / "run" / "endpoint").unlink()
    transit = tmp_path / "data" / "transit"
    (transit / "left-by-the-dead").write_bytes(b"x")
    with Daemon(tmp_path / "data") as second:
        eventually(
            lambda: "<STATE>1</STATE>" in second.call("one.image.info", 0)[1], "the image is ready"
        )
        nothing_in_transit(second)
        assert (tmp_path / "data/datastores/1/image-0").read_bytes() == disk.read_bytes()
        assert second.stop() == 0


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_users_do_not_reach_by_us_what_only_we_reach(inn: Inn, daemon: Daemon) -> None:
    """The administrator's address on this machine is fetched, the same of a user is refused."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        path = f"http://127.0.0.1:{server.server_address[1]}/"
        mine = daemon.call("one.image.allocate", f'NAME=mine\nPATH="{path}"', 1, False)[1]
        assert inn("image", "wait", "mine").code == 0
        text = f'NAME=theirs\nPATH="{path}"'
        theirs = daemon.call("one.image.allocate", text, 1, False, session="ann:secret")[1]
        shown = eventually(
            lambda: (
                (found := daemon.call("one.image.info", theirs)[1])
                and "<STATE>5</STATE>" in found
                and found
            ),
            "the user's image failed",
        )
        assert "not fetched from loopback" in shown and mine != theirs
        server.shutdown()
        thread.join()


def test_json(inn: Inn, image: int, tmp_path: Path) -> None:
    outcome = inn("image", "download", "disk", str(tmp_path / "x"), "--json")
    assert json.loads(outcome.out)["bytes"] == 12 * MIB
