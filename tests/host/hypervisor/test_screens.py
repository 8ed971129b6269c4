"""Ports of screens that another program of this host has, and pictures."""

from __future__ import annotations

import socket
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator

import pytest

from innkeeper.host.errors import FailedError
from innkeeper.host.hypervisor.screens import png_of_ppm, with_free_ports


def domain(listen: str, port: int | None) -> str:
    attributes = f"port='{port}' autoport='no'" if port else "autoport='yes'"
    return (
        f"<domain><devices><graphics type='vnc' listen='{listen}' {attributes}/></devices></domain>"
    )


def shown(text: str) -> tuple[str | None, str | None]:
    graphics = ET.fromstring(text).find("devices/graphics")
    assert graphics is not None
    return graphics.get("port"), graphics.get("autoport")


def test_a_free_port_is_kept_and_a_taken_one_left_to_libvirt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert shown(with_free_ports(domain("127.0.0.1", taken))) == (None, "yes")
        # Others were told this one: the start fails, and says why.
        assert shown(with_free_ports(domain("0.0.0.0", taken))) == (str(taken), "no")
        assert shown(with_free_ports(domain("some.host", taken))) == (str(taken), "no")
    assert shown(with_free_ports(domain("127.0.0.1", taken))) == (str(taken), "no")


def test_a_domain_without_a_port_is_left_as_it_is() -> None:
    for text in (domain("127.0.0.1", None), "<domain><devices/></domain>"):
        assert with_free_ports(text) == text


def test_a_pixmap_becomes_a_png_with_the_same_pixels() -> None:
    pixels = bytes(range(3 * 5 * 2))
    png = png_of_ppm(b"P6\n5 2\n255\n" + pixels)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks = dict(chunks_of(png))
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (5, 2, 8, 2, 0, 0, 0)
    lines = zlib.decompress(chunks[b"IDAT"])
    assert lines == b"\0" + pixels[:15] + b"\0" + pixels[15:]


@pytest.mark.parametrize(
    "image", [b"", b"P5\n1 1\n255\nx", b"P6\n1 1\n65535\nxxxxxx", b"P6\n9 9\n255\nx"]
)
def test_what_is_no_pixmap(image: bytes) -> None:
    with pytest.raises(FailedError, match="QEMU's picture"):
        png_of_ppm(image)


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size) == (zlib.crc32(kind + body),)
        yield kind, body
        at += 12 + size
