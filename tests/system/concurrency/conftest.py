"""A task that many write to."""

import pytest

from tests.system import writers


@pytest.fixture
def shared_task(db: None) -> str:
    """An organization with a task in a branch `b1` in a project `p1`."""
    writers.prepare()
    return writers.SHARED
