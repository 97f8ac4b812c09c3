"""Who may open a socket, how long it stays open, and the codes that it is closed with."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from contexts import agents
from contexts.consumers import asyncapi
from contexts.models import Agent, Membership, Role
from tests.conftest import client_with, make_organization
from tests.contexts.talking import Closing, Talk, doing, subscribed, talking

pytestmark = pytest.mark.django_db(transaction=True)
OURS, FOREIGN = "http://localhost:8000", "https://evil.example"


@pytest.fixture
def browser(key: str) -> Client:
    """A signed-in human who is a writer in `global`."""
    user = User.objects.create_user("ann", password="x")
    Membership.objects.create(user=user, organization_id="global", role=Role.WRITER)
    client = Client()
    client.force_login(user)
    return client


def cookie_of(browser: Client) -> str:
    return f"sessionid={browser.cookies['sessionid'].value}"


def test_a_key_in_the_first_frame_opens_too(key: str) -> None:
    async def scene() -> None:
        async with Talk(origin=OURS) as talk:
            answer = await talk.ask("auth", key=key)
            assert (answer["type"], answer["agent_id"]) == ("connected", "agent-7")
            await subscribed(talk, "task", "t1")

    talking(scene)


def test_a_session_opens_from_our_origin(browser: Client) -> None:
    async def scene() -> None:
        async with Talk(origin=OURS, cookie=cookie_of(browser)) as talk:
            assert (await talk.hear())["agent_id"] == "ann"
            done = await talk.ask("update", level="task", context_id="t1", data={"a": 1})
            assert done["type"] == "updated"

    talking(scene)


def test_a_human_of_several_organizations_names_one(browser: Client) -> None:
    make_organization("second")
    user = User.objects.get(username="ann")
    Membership.objects.create(user=user, organization_id="second", role=Role.READER)

    async def scene() -> None:
        path = "/ws/contexts/?organization=second"
        async with Talk(path=path, origin=OURS, cookie=cookie_of(browser)) as talk:
            await talk.hear()
            await subscribed(talk, "global", "second")
        path = "/ws/contexts/?organization=third"
        async with Talk(path=path, origin=OURS, cookie=cookie_of(browser)) as talk:
            assert await talk.closed() == 4401

    talking(scene)


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://", "http://localhost.evil.example"])
def test_a_foreign_origin_is_refused_whatever_is_shown(
    browser: Client, key: str, origin: str
) -> None:
    async def scene() -> None:
        shown: list[dict[str, Any]] = [
            {},
            {"cookie": cookie_of(browser)},
            {"authorization": f"Bearer {key}"},
        ]
        for headers in shown:
            assert await Talk(origin=origin, **headers).open() == (False, 4403)

    talking(scene)


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic dXNlcg==", "Bearer ctx_é"]
)
def test_a_wrong_authorization_is_closed_after_the_handshake(key: str, authorization: str) -> None:
    async def scene() -> None:
        async with Talk(authorization=authorization) as talk:
            assert await talk.closed() == 4401

    talking(scene)


@pytest.mark.parametrize(
    "first",
    [
        '{"type": "auth", "key": "wrong"}',
        '{"type": "auth", "key": 5}',
        '{"type": "auth"}',
        '{"type": "subscribe", "level": "task", "context_id": "t1"}',
        "no JSON",
    ],
)
def test_a_first_frame_that_is_no_valid_key_is_closed(key: str, first: str) -> None:
    async def scene() -> None:
        async with Talk() as talk:
            await talk.send(first)
            assert await talk.closed() == 4401

    talking(scene)


def test_who_shows_nothing_in_time_is_closed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contexts.consumers.socket.AUTH_SECONDS", 0.2)

    async def scene() -> None:
        async with Talk() as talk:
            assert await talk.closed() == 4401

    talking(scene)


def test_a_session_without_an_origin_counts_for_nothing(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.consumers.socket.AUTH_SECONDS", 0.2)

    async def scene() -> None:
        async with Talk(cookie=cookie_of(browser)) as talk:
            assert await talk.closed() == 4401

    talking(scene)


def test_another_address_is_refused(key: str) -> None:
    async def scene() -> None:
        for path in ("/ws/", "/ws/contexts/x/", "/"):
            accepted, _ = await Talk(key, path=path).open()
            assert not accepted

    talking(scene)


def test_revoking_closes_open_sockets_at_once(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk, Talk(key) as other:
            for each in (talk, other):
                await each.hear()
            started = asyncio.get_running_loop().time()
            await doing(agents.revoke, "agent-7")
            assert await talk.closed() == await other.closed() == 4401
            assert asyncio.get_running_loop().time() - started < 5

    talking(scene)


def test_a_rotated_key_closes_the_sockets_of_the_former(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            new = await doing(agents.issue_key, "agent-7", "global")
            assert await talk.closed() == 4401
            async with Talk(new) as again:
                assert (await again.hear())["type"] == "connected"

    talking(scene)


def test_a_revocation_without_a_hint_is_noticed_by_looking(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS_WITHOUT_HINTS", 0.2)

    def revoke_silently() -> None:
        Agent.objects.update(revoked_at="2026-01-01T00:00:00Z")

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            await doing(revoke_silently)
            assert await talk.closed() == 4401

    talking(scene)


def test_a_lowered_role_counts_for_the_next_update(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            await doing(lambda: Agent.objects.update(role=Role.READER))
            refused = await talk.ask("update", level="task", context_id="t1", data={"a": 1})
            assert refused["code"] == "forbidden"

    talking(scene)


def test_a_human_who_signed_out_or_lost_the_place_is_closed_within_the_minute(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.consumers.socket.PERMISSION_SECONDS", 0.2)

    async def scene() -> None:
        shown = {"origin": OURS, "cookie": cookie_of(browser)}
        async with Talk(**shown) as talk:
            await talk.hear()
            await doing(lambda: Membership.objects.all().delete())
            assert await talk.closed() == 4401
        await doing(
            lambda: Membership.objects.create(
                user=User.objects.get(), organization_id="global", role=Role.READER
            )
        )
        async with Talk(**shown) as talk:
            await talk.hear()
            await doing(browser.logout)
            assert await talk.closed() == 4401

    talking(scene)


def test_an_agent_has_so_many_sockets_and_others_are_not_hindered(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.consumers.quota.MOST_SOCKETS", 2)
    other_key = agents.issue_key("agent-8", "global", Role.READER)

    async def scene() -> None:
        async with Talk(key) as first, Talk(key) as second:
            await first.hear()
            await second.hear()
            async with Talk(key) as third:
                assert await third.closed() == 4429
            async with Talk(other_key) as other:
                assert (await other.hear())["type"] == "connected"
        async with Talk(key) as again:
            assert (await again.hear())["type"] == "connected"

    talking(scene)


def test_a_stranger_hears_nothing_of_us(key: str) -> None:
    make_organization("elsewhere")
    stranger = agents.issue_key("stranger", "elsewhere", Role.ADMIN)

    async def scene() -> None:
        async with Talk(stranger) as talk:
            assert (await talk.hear())["head"] == 1
            missing = await talk.ask("subscribe", level="task", context_id="missing")
            ours = await talk.ask("subscribe", level="task", context_id="t1")
            assert ours == {**missing, "context_id": "t1"}
            await subscribed(talk, "global", "elsewhere", descendants=True)
            async with Talk(key) as us:
                await us.hear()
                await us.ask("update", level="task", context_id="t1", data={"a": 1})
            assert await talk.silent()

    talking(scene)


def test_the_server_ending_tells_its_clients(key: str) -> None:
    async def scene() -> None:
        talk = Talk(key)
        await talk.open()
        await talk.hear()
        talk._socket.future.cancel()
        with pytest.raises(Closing) as closing:
            await talk.hear()
        assert closing.value.code == 1012

    talking(scene)


def test_the_asyncapi_document_is_served_to_who_may_read(key: str) -> None:
    address = reverse("asyncapi")
    assert address == "/api/v1/schema/asyncapi/"
    assert Client().get(address).status_code == 401
    answer = client_with(key).get(address)
    document = answer.json()
    assert (answer.status_code, document["asyncapi"]) == (200, "3.0.0")
    assert document["servers"]["this"]["host"] == "testserver"
    sent, received = asyncapi.payloads()
    assert set(document["components"]["messages"]) == {*sent, *received}


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi.document("localhost:8000", secure=False)

    def references(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert isinstance(node, dict)
