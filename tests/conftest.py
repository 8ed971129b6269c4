"""What every test shares.

Tests marked `real` use the machine's bridges, firewall and processors. Under xdist each worker has a machine of its
own (`tests/real/machine.sh`), and they form two groups of about the same length: those whose hosts are namespaces, and
those whose host is the machine itself. The tests of a group run one after the other on one worker; the groups come
first, so that the other workers do the pure tests meanwhile.
"""

import pytest

_GROUPS = _HOSTS, _MACHINE = "real-hosts", "real-machine"


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: item.get_closest_marker("real") is None)


def _group(item: pytest.Item) -> str:
    apart = item.nodeid.startswith(("tests/host/", "tests/fleet/"))
    return _HOSTS if apart or "lab" in getattr(item, "fixturenames", ()) else _MACHINE


def pytest_collection_finish(session: pytest.Session) -> None:
    """Real tests that ran beside each other on one machine would fail in ways that nobody understands."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    for item in session.items:
        if item.get_closest_marker("real") and item.nodeid.rpartition("@")[2] not in _GROUPS:
            raise pytest.UsageError("this pytest-xdist does not group tests under this pytest")
