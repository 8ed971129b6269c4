"""Base images for hosts that do not see the front end's files: named by content, brought once, when missed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from innkeeper.fleet import fleet
from innkeeper.fleet.link import LinkLost
from innkeeper.lifecycle.messages import Reply
from tests.fleet.loops import run_real, until
from tests.fleet.scripted import SILENCE, Lab, refusal

CACHE = "/var/lib/innkeeper/host/bases"


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def overlay(origin: Path, base: str = "bases/by-its-record", **more: Any) -> dict[str, Any]:
    return {
        "disk": 0,
        "kind": "overlay",
        "base": base,
        "origin": str(origin),
        "base_format": "raw",
        **more,
    }


class FarHost:
    """A host that does not see our files: it remembers what was brought."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.has: set[str] = set()
        self.upload_time: Any = 0.0
        for place in lab.places.values():
            place.shares_files = False
            place.answers["disk.ensure"] = self._ensure
            place.answers["upload"] = self._upload

    def _ensure(self, args: Any) -> Any:
        for disk in args["disks"]:
            if "base" in disk and disk["base"].removeprefix("bases/") not in self.has:
                file = f"{CACHE}/{disk['base'].removeprefix('bases/')}"
                return refusal("missing", file=file)
        return {}

    async def _upload(self, args: Any) -> Any:
        if isinstance(self.upload_time, Exception):
            raise self.upload_time
        if self.upload_time is SILENCE:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.upload_time)
        self.has.add(args["sha256"])
        return {}

    async def ensure(self, *numbers: int, disks: list[dict[str, Any]]) -> list[str]:
        """The codes with which these operations' `disk.ensure` ends."""
        lab = self.lab
        lab.send(*numbers, verb="disk.ensure", args={"disks": disks})
        await until(lambda: set(numbers) <= set(self.codes()), "replies have come")
        return [self.codes()[number] for number in numbers]

    def codes(self) -> dict[int, str]:
        return {reply.operation: reply.code for _, reply in self.lab.events(Reply)}

    def messages(self) -> list[str]:
        return [reply.message for _, reply in self.lab.events(Reply)]

    def sent(self) -> list[dict[str, Any]]:
        """The disks as they went out."""
        asked = self.lab.place.asked
        return [disk for _, verb, args in asked if verb == "disk.ensure" for disk in args["disks"]]


def far(test: Callable[[Lab, FarHost], Awaitable[None]], hosts: int = 1) -> None:
    """Runs a test with a fleet whose hosts are elsewhere."""

    async def main() -> None:
        lab = Lab(hosts)
        host = FarHost(lab)
        lab.fleet.start()
        try:
            await test(lab, host)
        finally:
            await lab.fleet.close()
        assert not lab.defects

    run_real(main)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "image-0"
    path.write_bytes(b"one disk")
    return path


def test_beside_the_front_end_the_file_itself_is_used(origin: Path) -> None:
    async def main() -> None:
        lab = Lab()
        lab.fleet.start()
        lab.send(1, verb="disk.ensure", args={"disks": [overlay(origin)]})
        await until(lambda: lab.events(Reply), "the reply has come")
        assert [args for _, verb, args in lab.place.asked if verb == "disk.ensure"] == [
            {"disks": [overlay(origin)]}
        ]
        assert not lab.place.uploads
        await lab.fleet.close()

    run_real(main)


def test_a_far_host_gets_a_name_that_is_the_content_and_none_of_our_paths(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        others = [{"disk": 1, "kind": "empty", "size_mib": 8, "format": "raw"}]
        assert await host.ensure(1, disks=[overlay(origin), *others]) == [""]
        digest = hash_of(b"one disk")
        named = {"disk": 0, "kind": "overlay", "base": f"bases/{digest}", "base_format": "raw"}
        assert host.sent() == [named, *others] * 2
        assert lab.place.uploads == [(str(origin), f"{CACHE}/{digest}")]

    far(test)


def test_many_first_guests_at_once_bring_it_once_and_later_ones_not_at_all(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = 0.2
        assert await host.ensure(*range(20), disks=[overlay(origin)]) == [""] * 20
        assert await host.ensure(*range(20, 30), disks=[overlay(origin)]) == [""] * 10
        assert len(lab.place.uploads) == 1

    far(test)


def test_several_bases_of_one_guest_are_all_brought(origin: Path, tmp_path: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        second = tmp_path / "image-1"
        second.write_bytes(b"another")
        disks = [overlay(origin), overlay(second, disk=1)]
        assert await host.ensure(1, disks=disks) == [""]
        assert [source for source, _ in lab.place.uploads] == [str(origin), str(second)]

    far(test)


def test_a_file_that_has_changed_is_another_base(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        assert await host.ensure(1, disks=[overlay(origin)]) == [""]
        times = (origin.stat().st_atime_ns, origin.stat().st_mtime_ns)
        origin.write_bytes(b"two disk")
        os.utime(origin, ns=times)  # as a copying tool would that keeps times
        assert await host.ensure(2, disks=[overlay(origin)]) == [""]
        assert host.has == {hash_of(b"one disk"), hash_of(b"two disk")}

    far(test)


def test_a_transfer_that_fails_is_a_failure_with_its_reason(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = OSError("no space left on device")
        assert await host.ensure(1, 2, disks=[overlay(origin)]) == ["failed", "failed"]
        assert all("no space left on device" in text for text in host.messages())
        host.upload_time = 0.0
        assert await host.ensure(3, disks=[overlay(origin)]) == [""]

    far(test)


def test_a_transfer_that_is_cut_with_the_link_is_made_again_over_the_next(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = SILENCE
        lab.send(1, 2, verb="disk.ensure", args={"disks": [overlay(origin)]})
        await until(lambda: lab.place.uploads, "the transfer has begun")
        host.upload_time = 0.0
        lab.place.lose("the connection was reset")
        await until(lambda: len(host.codes()) == 2, "replies have come")
        assert set(host.codes().values()) == {""} and len(lab.place.uploads) == 2

    far(test)


def test_a_long_transfer_does_not_count_as_the_agents_time(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = 0.5
        lab.send(1, verb="disk.ensure", args={"disks": [overlay(origin)]}, timeout=0.2)
        await until(lambda: host.codes(), "the reply has come")
        assert host.codes() == {1: ""} and len(lab.place.uploads) == 1

    far(test)


def test_what_is_overtaken_during_the_transfer_is_not_sent(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = 0.2
        lab.send(1, verb="disk.ensure", args={"disks": [overlay(origin)]})
        await until(lambda: lab.place.uploads, "the transfer has begun")
        lab.end(1)
        await until(lambda: host.has, "the transfer has ended")
        assert await host.ensure(2, disks=[overlay(origin)]) == [""]
        assert len(lab.place.times("disk.ensure")) == 2 and set(host.codes()) == {2}

    far(test)


def test_a_host_that_misses_what_it_was_brought_is_believed_once(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        lab.place.answers["upload"] = {}
        assert await host.ensure(1, disks=[overlay(origin)]) == ["missing"]
        assert len(lab.place.uploads) == 1

    far(test)


def test_a_missing_file_that_is_no_base_of_ours_is_not_brought(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        lab.place.answers["disk.ensure"] = refusal("missing", file="/etc/shadow")
        assert await host.ensure(1, disks=[overlay(origin)]) == ["missing"]
        assert not lab.place.uploads

    far(test)


def test_an_image_that_is_gone_from_the_front_end(tmp_path: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        assert await host.ensure(1, disks=[overlay(tmp_path / "none")]) == ["missing"]
        assert "the front end lacks" in host.messages()[0]

    far(test)


def test_a_guest_may_not_write_to_a_file_that_only_the_front_end_has(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        disk = overlay(origin, base=str(origin), kind="link", disk=3)
        assert await host.ensure(1, disks=[disk]) == ["refused"]
        assert "disk 3 is the image" in host.messages()[0]
        assert not lab.place.verbs()
        assert await host.ensure(2, disks=[disk | {"readonly": True}]) == [""]
        assert host.sent()[-1]["base"] == f"bases/{hash_of(b'one disk')}"

    far(test)


def test_two_hosts_get_a_transfer_each(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        other = FarHost(lab)
        lab.places[0].answers |= {"disk.ensure": host._ensure, "upload": host._upload}
        await host.ensure(1, disks=[overlay(origin)])
        lab.send(2, place=1, verb="disk.ensure", args={"disks": [overlay(origin)]})
        await until(lambda: 2 in host.codes(), "the reply has come")
        assert host.has == other.has and len(lab.places[1].uploads) == 1

    far(test, hosts=2)


def test_closing_in_the_middle_of_a_transfer_leaves_nothing(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = SILENCE
        lab.send(1, 2, verb="disk.ensure", args={"disks": [overlay(origin)]})
        await until(lambda: lab.place.uploads, "the transfer has begun")

    far(test)


def test_a_link_that_cannot_carry_files_fails_in_the_end(origin: Path) -> None:
    async def test(lab: Lab, host: FarHost) -> None:
        host.upload_time = LinkLost("just now")
        assert await host.ensure(1, disks=[overlay(origin)]) == ["failed"]
        assert len(lab.place.uploads) == fleet.LOSSES

    far(test)
