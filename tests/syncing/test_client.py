"""The hub's HTTP client against real sockets: time-outs, kept connections, TLS, and its key."""

import contextlib
import gzip
import logging
import os
import socket
import ssl
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.test import override_settings

from contexts import breaker
from syncing import client as cloud
from syncing.addresses import is_key, is_loopback, secure
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed, HubRefused, OrganizationMismatch, SyncError
from tests.syncing.hubs import KEY, Answer, Asked, Listening, ScriptedHub, always, away, listening
from tests.system.threads import failures, together

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


def failure_of(call: Callable[[], Any]) -> SyncError:
    with pytest.raises(SyncError) as failed:
        call()
    return failed.value


def reply(handler: BaseHTTPRequestHandler, body: bytes = b"{}", **headers: str) -> None:
    """An answer of 200 that keeps the connection."""
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize(
    ("url", "is_secure"),
    [
        ("https://hub.example", True),
        ("http://localhost:8000", True),
        ("http://app.localhost", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:8000", True),
        ("http://hub.example", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://localhost.example", False),
        ("http://notlocalhost", False),
        ("http://127.0.0.1.example", False),
        ("http://localhost@hub.example", False),
        ("", False),
    ],
)
def test_a_key_travels_by_tls_or_not_beyond_this_machine(url: str, is_secure: bool) -> None:
    assert secure(url) is is_secure


def test_a_name_is_loopback_only_when_it_is_this_machines() -> None:
    assert is_loopback("https://localhost")
    assert not is_loopback("https://hub.example")


def test_plain_http_to_another_machine_is_asked_only_when_allowed(server: Listening) -> None:
    # Not loopback by name, yet it leads there.
    elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")
    refused = failure_of(CloudClient(elsewhere, KEY).status)
    assert isinstance(refused, HubRefused)
    assert (refused.status, refused.code, server.peers) == (0, "insecure", [])
    allowed = CloudClient(elsewhere, KEY, insecure=True)
    assert allowed.status()["organization"] == "global"
    allowed.close()


@pytest.mark.parametrize("key", ["", "a b", "a\n", "a\r\nX: y", "ä", "\x00"])
def test_what_is_no_key_is_never_sent(server: Listening, key: str) -> None:
    assert not is_key(key)
    refused = failure_of(CloudClient(server.url, key).status)
    assert isinstance(refused, HubRefused)
    assert (refused.code, server.peers) == ("no_key", [])


def test_requests_say_who_asks_and_what_for(server: Listening, client: CloudClient) -> None:
    server.hub.script = always(200, {"ok": True})
    client.changes(node="n", since=3, last=None, wait=2.9)
    client.push({"entries": []})
    poll, push = server.hub.asked
    assert (poll.method, poll.path) == ("GET", "changes/")
    assert poll.query == {"node": "n", "since": "3", "wait": "2"}
    assert (push.method, push.path, push.body) == ("POST", "push/", {"entries": []})
    assert push.headers["Content-Type"] == "application/json"
    for asked in (poll, push):
        assert asked.headers["Authorization"] == f"Bearer {KEY}"
        assert asked.headers["User-Agent"].startswith("contextsys/")


def test_a_hub_below_a_path_is_found_and_a_user_in_the_address_is_not_sent(
    server: Listening,
) -> None:
    below = CloudClient(server.url.replace("//", "//me:secret@") + "/team/", KEY)
    server.hub.script = always(200, {"ok": True})
    below.status()
    assert server.hub.asked[0].path == "/team/api/v1/sync/status/"
    assert server.hub.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    below.close()


def test_a_session_that_the_hub_offers_is_not_taken(server: Listening, client: CloudClient) -> None:
    server.hub.script = always(200, {"ok": True}, Set_Cookie="sessionid=x; Path=/")
    client.status()
    client.status()
    assert "Cookie" not in server.hub.asked[1].headers


def test_this_machine_is_asked_past_any_proxy(
    client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.status()["organization"] == "global"


# Time-outs


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


# Connections


def test_one_connection_serves_call_after_call(server: Listening, client: CloudClient) -> None:
    for _ in range(5):
        client.status()
        client.push({"entries": [], "epoch": server.hub.epoch})
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


def test_the_settings_client_is_one_and_follows_the_settings(server: Listening) -> None:
    with (
        mock.patch.object(cloud, "_current", None),
        override_settings(CONTEXTSYS_CLOUD_URL=server.url, CONTEXTSYS_CLOUD_KEY=KEY),
    ):
        first = cloud.client()
        assert cloud.client() is first
        first.status()
        with override_settings(CONTEXTSYS_CLOUD_KEY="ctx_another"):
            second = cloud.client()
            assert second is not first
            second.status()
            second.close()
    assert [asked.headers["Authorization"] for asked in server.hub.asked] == [
        f"Bearer {KEY}",
        "Bearer ctx_another",
    ]


# The breaker


class Clock:
    """Time as the breaker sees it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_the_breaker_opens_for_a_while_when_the_hub_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, hub = Clock(), ScriptedHub()
    monkeypatch.setattr(breaker, "time", clock)
    client = hub.client()
    assert client.breaker.allows
    hub.script = away
    failure_of(client.status)
    assert not client.breaker.allows
    clock.now += breaker.PAUSE_SECONDS - 0.1
    assert not client.breaker.allows
    clock.now += 0.2
    assert client.breaker.allows


def test_an_answer_closes_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, hub = Clock(), ScriptedHub()
    monkeypatch.setattr(breaker, "time", clock)
    client = hub.client()
    hub.script = away
    failure_of(client.status)
    hub.script = answered
    client.status()
    assert client.breaker.allows


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 500])
def test_an_answer_of_any_kind_leaves_the_breaker_closed(status: int) -> None:
    hub = ScriptedHub()
    client = hub.client()
    hub.script = always(status)
    failure_of(client.status)
    assert client.breaker.allows


# Answers


def test_a_redirect_is_not_followed(server: Listening, client: CloudClient) -> None:
    with listening(ScriptedHub()) as other:
        server.hub.script = always(302, Location=f"{other.url}/api/v1/sync/status/")
        failure = failure_of(client.status)
        assert isinstance(failure, HubFailed)
        assert "redirects" in str(failure)
        assert other.peers == []


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    server: Listening, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "LARGEST_ANSWER", 1000)
    server.raw = lambda handler: reply(handler, b'{"a": "' + b"x" * 10**6 + b'"}')
    assert isinstance(failure := failure_of(client.status), HubFailed)
    assert "too large" in str(failure)
    packed = gzip.compress(b"x" * 10**6)
    server.raw = lambda handler: reply(handler, packed, Content_Encoding="gzip")
    assert "too large" in str(failure_of(client.status))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Hello</html>",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": ',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 99999999999999999999}',
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_an_answer_that_is_no_json_object_is_the_hubs_failure(body: bytes) -> None:
    hub = ScriptedHub()
    hub.script = lambda asked: Answer(200, body)
    failure = failure_of(hub.client().status)
    assert isinstance(failure, HubFailed)
    assert "no contextsys" in str(failure)


def test_an_answer_that_cannot_be_decoded_is_the_hubs_failure(
    server: Listening, client: CloudClient
) -> None:
    server.raw = lambda handler: reply(handler, b"junk", Content_Encoding="gzip")
    assert isinstance(failure_of(client.status), HubFailed)


def test_an_error_is_told_by_its_code_and_retry_after() -> None:
    hub = ScriptedHub()
    client = hub.client()
    hub.script = always(429, Retry_After="17")
    limited = failure_of(client.status)
    assert isinstance(limited, HubAway)
    assert limited.retry_after == 17
    hub.script = always(409, {"code": "organization_mismatch", "organization": "acme"})
    assert isinstance(failure_of(client.status), OrganizationMismatch)


# TLS


def certificate(folder: Path, *, host: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
    """A server's context with a certificate that it signed itself, kept in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    kept, private = folder / "hub.pem", folder / "hub.key"
    kept.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kept, private)
    return context


@pytest.mark.parametrize(
    ("trusted", "options", "why"),
    [
        (False, {}, "self-signed certificate"),
        (True, {"host": "127.0.0.2"}, "IP address mismatch"),
        (True, {"days": -1}, "certificate has expired"),
    ],
)
def test_a_hub_that_cannot_prove_who_it_is_gets_no_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
    options: dict[str, Any],
    why: str,
) -> None:
    context = certificate(tmp_path, **options)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "hub.pem"))
    with listening(ScriptedHub(), context) as server:
        failure = failure_of(CloudClient(server.url, KEY).status)
        assert server.peers == []
    assert isinstance(failure, HubAway)
    assert "cannot be trusted" in str(failure)
    assert why in str(failure)


def test_a_hub_with_a_certificate_that_the_environment_trusts_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "hub.pem"))
    with listening(ScriptedHub(), context) as server:
        client = CloudClient(server.url, KEY)
        assert client.status()["organization"] == "global"
        client.close()


def test_https_to_a_hub_without_it_is_told_plainly(server: Listening) -> None:
    failure = failure_of(CloudClient(server.url.replace("http:", "https:"), KEY).status)
    assert isinstance(failure, HubAway)
    assert "TLS with the hub failed" in str(failure)


# The key


def echo(asked: Asked) -> Answer:
    """A hub that says the key back wherever it can."""
    told = {"success": False, "code": KEY, "error": f"wrong key {KEY}", "organization": KEY}
    return Answer(400, told, {"X-Echo": "yes"})


def answered(asked: Asked) -> Answer | None:
    """A hub in good health."""
    return None


@pytest.mark.parametrize("level", [None, logging.DEBUG])
def test_the_key_is_in_no_log_error_or_traceback(
    server: Listening, caplog: pytest.LogCaptureFixture, level: int | None
) -> None:
    caplog.set_level(logging.DEBUG)
    if level is not None:
        for name in ("httpx2", "httpcore2"):
            caplog.set_level(level, name)
    told: list[str] = []
    for script in (answered, echo, always(401), always(500), always(302), away):
        server.hub.script = script
        client = CloudClient(server.url, KEY)
        told.append(f"{client!r} {client}")
        if script is answered:
            client.status()
        else:
            error = failure_of(client.status)
            # What the hub said is not in a traceback, but in its frames.
            whole = traceback.TracebackException.from_exception(
                error, capture_locals=script is not echo
            )
            told += [str(error), repr(error), *whole.format()]
            assert error.__cause__ is None
            assert error.__context__ is None
        client.close()
    for text in (caplog.text, *told):
        assert KEY not in text
    if level is None:
        assert "httpcore2" not in caplog.text
