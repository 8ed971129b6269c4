"""Ports of guests' screens. The front end gives each VM a port of its own; another program of this host may have it."""

from __future__ import annotations

import ipaddress
import socket
import xml.etree.ElementTree as ET

from ..xmltree import parse


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
