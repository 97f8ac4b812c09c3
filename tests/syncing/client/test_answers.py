"""What the hub's answers mean to its client, also those that no hub gives."""

import gzip

import pytest

from syncing import client as cloud
from syncing.client import CloudClient
from syncing.errors import HubAway, HubFailed, OrganizationMismatch
from tests.syncing.client.replies import reply
from tests.syncing.hubs import Answer, Listening, ScriptedHub, always, failure_of, listening


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
    there = "Sun, 01 Mar 2026 12:00:00 GMT"
    hub.script = always(429, Date=there, Retry_After=there.replace("12:00:00", "12:00:20"))
    limited = failure_of(client.status)
    assert isinstance(limited, HubAway)
    assert limited.retry_after == 20
    hub.script = always(409, {"code": "organization_mismatch", "organization": "acme"})
    assert isinstance(failure_of(client.status), OrganizationMismatch)
