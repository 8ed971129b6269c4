"""Guests' screens: their ports, connections to them, pictures of them."""

from __future__ import annotations

import ipaddress
import socket
import struct
import xml.etree.ElementTree as ET
import zlib
from typing import Any

from ..errors import FailedError, RefusedError
from ..xmltree import parse
from .binding import libvirt

#: Bytes of a picture at most: in base64 it still fits the line of an answer.
_LONGEST_PICTURE = 3 * 1024 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def with_free_ports(domain_xml: str) -> str:
    """A domain's XML in which libvirt is to choose the ports on loopback that somebody else has here.

    A guest is worth more than its screen's number, which nobody but this host can see. Where a screen is
    shown to others its port is kept: they were told it.
    """
    root = parse(domain_xml)
    taken = [item for item in root.iterfind("devices/graphics[@port]") if _is_taken(item)]
    if not taken:
        return domain_xml
    for element in taken:
        del element.attrib["port"]
        element.set("autoport", "yes")
    return ET.tostring(root, encoding="unicode")


def _is_taken(graphics: ET.Element) -> bool:
    listen, port = graphics.get("listen", ""), int(graphics.get("port", "-1"))
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return False
    if not address.is_loopback or port < 1:
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As QEMU does: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen, port))
        except OSError:
            return True
    return False


def connect(domain: Any) -> int:
    """An open file that speaks with the VNC server of a domain: neither port nor password matter to it."""
    shown = parse(domain.XMLDesc()).findall("devices/graphics")
    for index, graphics in enumerate(shown):
        if graphics.get("type") == "vnc":
            flags = libvirt().VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH
            descriptor: int = domain.openGraphicsFD(index, flags)
            return descriptor
    raise RefusedError(f"{domain.name()} has no VNC screen")


def picture(connection: Any, domain: Any) -> bytes:
    """What a domain's screen shows, as PNG."""
    model = parse(domain.XMLDesc()).find("devices/video/model")
    if model is None or model.get("type") == "none":
        raise RefusedError(f"{domain.name()} has no screen")
    stream = connection.newStream(0)
    pieces: list[bytes] = []
    domain.screenshot(stream, 0, 0)
    stream.recvAll(lambda _stream, piece, _opaque: pieces.append(piece), None)
    stream.finish()
    image = b"".join(pieces)
    png = image if image.startswith(_PNG) else png_of_ppm(image)
    if len(png) > _LONGEST_PICTURE:
        raise FailedError(
            f"the picture has {len(png)} bytes, {_LONGEST_PICTURE} at most can be told"
        )
    return png


def png_of_ppm(image: bytes) -> bytes:
    """A portable pixmap (P6, 8 bits a channel), which is what older QEMUs draw, as PNG."""
    head = image[:100].split(maxsplit=4)
    if len(head) < 5 or head[0] != b"P6" or head[3] != b"255":
        raise FailedError(f"QEMU's picture is of a kind that is not known: {image[:20]!r}")
    width, height = int(head[1]), int(head[2])
    pixels = memoryview(image)[-3 * width * height :]
    if len(pixels) < 3 * width * height:
        raise FailedError(f"QEMU's picture of {width}x{height} ends after {len(image)} bytes")
    # Each line begins with its filter; 0 is none.
    lines = b"".join(
        b"\0" + pixels[3 * width * line : 3 * width * (line + 1)] for line in range(height)
    )
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)
