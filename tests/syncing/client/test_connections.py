"""Connections that the hub's client keeps: used again, opened again, of one process alone."""

import os
import threading
import warnings
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

from syncing import client as cloud
from syncing.client import CloudClient
from syncing.errors import HubAway
from tests.syncing.client.replies import reply
from tests.syncing.hubs import Answer, Listening, always, away, failure_of
from tests.system.threads import failures, together


def test_one_connection_serves_call_after_call(server: Listening, client: CloudClient) -> None:
    server.hub.script = always(200, {"ok": True})
    for _ in range(5):
        client.status()
        client.push({"entries": []})
    assert len(set(server.peers)) == 1


def test_a_kept_connection_that_the_hub_closed_is_opened_again_and_the_call_repeated(
    server: Listening, client: CloudClient
) -> None:
    served: set[int] = set()

    def close_at_the_second(handler: BaseHTTPRequestHandler) -> None:
        port = handler.client_address[1]
        if port in served:
            handler.close_connection = True
            return
        served.add(port)
        reply(handler, b'{"ok": true}')

    server.raw = close_at_the_second
    for _ in range(3):
        assert client.push({"entries": []}) == {"ok": True}
    assert len(served) == 3
    assert client.breaker.allows


def test_many_kept_connections_closed_at_once_cost_no_call(
    server: Listening, client: CloudClient
) -> None:
    """As after the hub was started again while nobody asked it."""
    served: set[int] = set()
    gate = threading.Barrier(cloud.KEPT_CONNECTIONS)

    def close_at_the_second(handler: BaseHTTPRequestHandler) -> None:
        port = handler.client_address[1]
        if port in served:
            handler.close_connection = True
            return
        served.add(port)
        if len(served) <= cloud.KEPT_CONNECTIONS:
            gate.wait(20)
        reply(handler)

    server.raw = close_at_the_second
    assert failures(together([client.status] * cloud.KEPT_CONNECTIONS)) == []
    assert client.status() == {}
    assert len(served) == cloud.KEPT_CONNECTIONS + 1


def test_a_new_connection_that_is_closed_without_an_answer_is_a_hub_away(
    server: Listening, client: CloudClient
) -> None:
    server.hub.script = away
    assert isinstance(failure_of(client.status), HubAway)
    assert len(server.peers) == 1
    assert not client.breaker.allows


def test_threads_share_it_safely(server: Listening, client: CloudClient) -> None:
    server.hub.script = lambda asked: Answer(body={"since": asked.query["since"]})

    def ask(first: int) -> list[Any]:
        return [client.changes(since=first + step)["since"] for step in range(15)]

    found = together([partial(ask, 100 * each) for each in range(8)])
    assert found == [[str(100 * each + step) for step in range(15)] for each in range(8)]


def test_a_forked_process_gets_connections_of_its_own(
    server: Listening, client: CloudClient
) -> None:
    client.status()
    with warnings.catch_warnings():
        # Later versions of Python warn of what this is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if client.status()["organization"] == "global" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.status()
    mine, childs, again = server.peers
    assert childs != mine == again
