"""A task by its data."""

from collections.abc import Callable

import pytest

from contexts.access import Caller
from contexts.models import Context
from tests.contexts.search.finding import make


@pytest.fixture
def make_task(owner: Caller) -> Callable[..., Context]:
    return lambda context_id, data: make(owner, context_id, data)
