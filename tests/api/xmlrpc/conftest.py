"""Fixtures of the XML-RPC tests."""

from collections.abc import Iterator

import pytest

from tests.api.xmlrpc.cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """An empty cloud."""
    made = Cloud()
    yield made
    made.close()
