"""Fixtures of the commands' tests."""

import pytest

from tests.commands.realm import Realm


@pytest.fixture
def realm() -> Realm:
    """A zone of one's own."""
    return Realm()
