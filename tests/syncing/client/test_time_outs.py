"""What a hub costs at most that does not answer, or not to the end."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest

from syncing import client as cloud
from syncing.client import CloudClient
from syncing.errors import HubAway, SyncError
from tests.syncing.client.replies import reply
from tests.syncing.hubs import KEY, Listening, failure_of


def timed(call: Callable[[], Any]) -> tuple[SyncError, float]:
    began = time.monotonic()
    failure = failure_of(call)
    return failure, time.monotonic() - began


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """Set at the end, so that a server that hangs need not hang for long."""
    event = threading.Event()
    yield event
    event.set()


def test_a_hub_that_says_nothing_costs_the_time_that_was_given(
    server: Listening, client: CloudClient, hung: threading.Event
) -> None:
    def hang(handler: BaseHTTPRequestHandler) -> None:
        hung.wait(20)
        handler.close_connection = True

    server.raw = hang
    failure, seconds = timed(lambda: client.changes(seconds=0.3))
    assert isinstance(failure, HubAway)
    assert 0.25 < seconds < 2
    # Not repeated: the hub may be at work on it.
    assert len(server.peers) == 1


def test_a_hub_that_takes_no_connection_costs_the_connect_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cloud, "CONNECT_SECONDS", 0.3)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        client = CloudClient(f"http://127.0.0.1:{full.getsockname()[1]}", KEY)
        failure, seconds = timed(client.status)
    assert isinstance(failure, HubAway)
    assert "in time" in str(failure)
    assert seconds < 2


def test_no_free_connection_costs_the_pool_time_out(
    server: Listening, client: CloudClient, hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "LIMITS", httpx2.Limits(max_connections=1))
    monkeypatch.setattr(cloud, "POOL_SECONDS", 0.3)

    def answer_late(handler: BaseHTTPRequestHandler) -> None:
        hung.wait(20)
        reply(handler)

    server.raw = answer_late
    holding = threading.Thread(target=client.status)
    holding.start()
    while not server.peers:
        time.sleep(0.01)
    failure, seconds = timed(client.status)
    hung.set()
    holding.join(20)
    assert isinstance(failure, HubAway)
    assert seconds < 2


def test_an_answer_that_only_trickles_in_ends_too(
    server: Listening, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "LONGEST_ANSWER_SECONDS", 0.3)

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b" ")
                time.sleep(0.02)
        handler.close_connection = True

    server.raw = trickle
    failure, seconds = timed(client.status)
    assert isinstance(failure, HubAway)
    assert seconds < 3
