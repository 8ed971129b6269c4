"""What every test shares.

Tests marked `real` use the machine's bridges, firewall and processors: under xdist they form one
group, so that one worker runs them one after the other, and they come first, so that the other
worker does the pure tests meanwhile.
"""

import pytest


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.xdist_group("real"))
    items.sort(key=lambda item: item.get_closest_marker("real") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Real tests that ran beside each other would fail in ways that nobody understands."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    for item in session.items:
        if item.get_closest_marker("real") and not item.nodeid.endswith("@real"):
            raise pytest.UsageError("this pytest-xdist does not group tests under this pytest")
