"""A chain of contexts of which nothing is cached."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from contexts import cache
from contexts.access import Caller
from tests.conftest import make_chain


@pytest.fixture
def cold_cache(settings: Any) -> Iterator[None]:
    """Nothing is cached, in Redis neither: equal histories of other runs have equal keys."""
    own = {**settings.CACHES["default"], "KEY_PREFIX": uuid.uuid4().hex}
    settings.CACHES = {"default": own}
    cache.near.clear()
    yield
    cache.near.clear()


@pytest.fixture
def chain(owner: Caller, cold_cache: None) -> Caller:
    """The owner of an organization with one empty context a level."""
    make_chain(owner)
    return owner
