"""Reservations and overcommit."""

import pytest

from innkeeper.placement.capacity import capacity, without_reserved

from .worlds import GIB, cluster, host


@pytest.mark.parametrize(
    ("reserved", "left"),
    [
        ("", 400),
        ("100", 300),
        ("10%", 360),
        ("12.5 %", 350),
        ("-100", 500),
        ("-100%", 800),
        ("900", 0),
        ("150%", 0),
        ("much", 400),
        ("%", 400),
    ],
)
def test_a_reservation_is_absolute_or_a_share(reserved: str, left: int) -> None:
    assert without_reserved(400, reserved) == left


def test_the_hosts_own_reservation_counts_before_its_clusters() -> None:
    told = 'RESERVED_CPU = "50%"\nRESERVED_MEM = 1048576\n'
    assert capacity(host(1), cluster(0, text=told)) == (200, 7 * GIB)
    own = host(1, text='RESERVED_CPU = "0"\nRESERVED_MEM = ""\n')
    assert capacity(own, cluster(0, text=told)) == (400, 7 * GIB)


def test_without_a_cluster_nothing_more_is_reserved() -> None:
    assert capacity(host(1, text='RESERVED_MEM = "25%"\n'), None) == (400, 6 * GIB)
