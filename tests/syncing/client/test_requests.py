"""What the hub's client asks, and past what."""

from unittest import mock

import pytest
from django.test import override_settings

from syncing import client as cloud
from syncing.client import CloudClient
from tests.syncing.hubs import KEY, Listening, always


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
