"""Whom the hub's client trusts with its key, and that nobody else sees it."""

import logging
import ssl
import traceback
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from syncing.addresses import is_key, is_loopback, secure
from syncing.client import CloudClient
from syncing.errors import HubAway, HubRefused
from tests.syncing.hubs import (
    KEY,
    Answer,
    Asked,
    Listening,
    ScriptedHub,
    always,
    away,
    failure_of,
    listening,
)


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
