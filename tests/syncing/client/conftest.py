"""A scripted hub on a socket, and a client of it, without proxies."""

from collections.abc import Iterator

import pytest

from syncing.client import CloudClient
from tests.syncing.hubs import KEY, Listening, ScriptedHub, listening

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Listening]:
    with listening(ScriptedHub()) as server:
        yield server


@pytest.fixture
def client(server: Listening) -> Iterator[CloudClient]:
    client = CloudClient(server.url, KEY)
    yield client
    client.close()
