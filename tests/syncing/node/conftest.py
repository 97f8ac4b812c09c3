"""A node that is in step with its hub, which goes by script."""

from collections.abc import Iterator

import pytest

from syncing.client import CloudClient
from tests.syncing.hubs import ScriptedHub, exchange, linked_to


@pytest.fixture
def hub() -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub, organization: str) -> Iterator[CloudClient]:
    """The node's, which is in step with its hub."""
    with linked_to(hub) as client:
        exchange(client)
        hub.asked.clear()
        yield client
