"""Ports of screens that another program of this host has."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ET

from innkeeper.host.hypervisor.screens import with_free_ports


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
