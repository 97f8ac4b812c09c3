"""What a client may say to a socket, and what it may not."""

import json
from typing import Any

import pytest

from contexts import access, agents
from contexts.levels import TASK
from contexts.models import Role
from tests.conftest import make_organization
from tests.contexts.talking import OWNER, Closing, Talk, doing, set_data, subscribed, talking

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_update_merges_and_answers_with_the_revision(key: str) -> None:
    async def scene() -> None:
        await doing(set_data, TASK, "t1", kept={"a": 1}, replaced=[1])
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "task", "t1")
            await talk.say(
                "update",
                level="task",
                context_id="t1",
                data={"kept": {"b": 2}, "replaced": [2]},
                request_id="r-1",
            )
            told = {frame["type"]: frame for frame in [await talk.hear(), await talk.hear()]}
            updated, changed = told["updated"], told["context_changed"]
            assert updated["request_id"] == "r-1"
            assert updated["revision"] == changed["revision"]
            assert (changed["changed_by"], changed["seq"]) == ("agent-7", begun + 1)
            row = await doing(lambda: TASK.rows("global", context_id="t1").get())
            assert row.data == {"kept": {"a": 1, "b": 2}, "replaced": [2]}
            assert row.revision == updated["revision"]

    talking(scene)


def test_an_update_at_another_revision_is_refused(key: str) -> None:
    async def scene() -> None:
        old = await doing(set_data, TASK, "t1", a=1)
        current = await doing(set_data, TASK, "t1", a=2)
        async with Talk(key) as talk:
            await talk.hear()
            change = {"level": "task", "context_id": "t1", "data": {"a": 3}}
            refused = await talk.ask("update", **change, if_revision=old, request_id=7)
            assert (refused["code"], refused["request_id"]) == ("revision_mismatch", 7)
            assert refused["revision"] == current
            done = await talk.ask("update", **change, if_revision=current, request_id=8)
            assert (done["type"], done["request_id"]) == ("updated", 8)
            # As with If-Match: any, but there must be one.
            done = await talk.ask("update", **change, if_revision="*", request_id=9)
            assert (done["type"], done["request_id"]) == ("updated", 9)
            missing = await talk.ask("update", **{**change, "context_id": "t9"}, if_revision="*")
            assert missing["code"] == "not_found"

    talking(scene)


def test_also_what_cannot_be_read_is_refused_under_its_request_id(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            for value in (
                "9007199254740993",
                "1e999",
                "NaN",
                '"\\u0000"',
                '"\\ud800"',
                "[" * 100 + "]" * 100,
            ):
                await talk.send(
                    '{"type": "update", "level": "task", "context_id": "t1",'
                    f' "data": {{"a": {value}}}, "request_id": "r-1"}}'
                )
                refused = await talk.hear()
                told = refused["type"], refused["code"], refused.get("request_id")
                assert told == ("error", "malformed_body", "r-1"), value
            # What may not stand in an answer does not.
            for request_id in (
                '"\\u0000"',
                "9007199254740993",
                "1.5",
                "[]",
                "true",
                '"' + "x" * 256,
            ):
                await talk.send(f'{{"type": "ping", "a": 1e999, "request_id": {request_id}}}')
                assert "request_id" not in await talk.hear()

    talking(scene)


def test_subscribing_does_not_read_what_the_context_holds(
    key: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1) as asked:
        assert access.place(OWNER, TASK, "t1") == "p1/b1/t1"
    assert "task_data" not in asked.captured_queries[0]["sql"]


REFUSED: list[tuple[dict[str, Any] | str, str]] = [
    ({"type": "subscribe", "level": "task", "context_id": "missing"}, "not_found"),
    ({"type": "subscribe", "level": "task", "context_id": "missing", "since": 0}, "not_found"),
    ({"type": "subscribe", "level": "global", "context_id": "elsewhere"}, "not_found"),
    ({"type": "subscribe", "level": "planet", "context_id": "t1"}, "invalid"),
    ({"type": "subscribe", "level": "task"}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": 5}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "since": "5"}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "since": -1}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "since": True}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "descendants": 1}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "epoch": 5}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "x": 5}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t1", "request_id": {}}, "invalid"),
    ({"type": "subscribe", "level": "task", "context_id": "t" * 300}, "invalid"),
    ({"type": "update", "level": "task", "context_id": "missing", "data": {}}, "not_found"),
    ({"type": "update", "level": "task", "context_id": "t1", "data": []}, "invalid"),
    ({"type": "update", "level": "task", "context_id": "t1"}, "invalid"),
    ({"type": "update", "level": "task", "context_id": "t1", "data": {}, "progress": 5}, "invalid"),
    ({"type": "unsubscribe", "level": "task", "context_id": "t1"}, "not_subscribed"),
    ({"type": "auth", "key": "again"}, "already_authenticated"),
    ({"type": "sing"}, "unknown_type"),
    ({"type": 5}, "unknown_type"),
    ({}, "unknown_type"),
    (" ", "malformed_body"),
    ("{", "malformed_body"),
    ("[]", "malformed_body"),
    ('{"type": "ping", "type": NaN}', "malformed_body"),
    ('{"type": "ping", "request_id": 9007199254740993}', "malformed_body"),
    ('{"type": "ping", "request_id": "\\u0000"}', "malformed_body"),
    ('{"type": "update", "data": ' + "[" * 100 + "]" * 100 + "}", "malformed_body"),
]


def test_what_is_wrong_is_refused_with_a_code_and_the_socket_stays(key: str) -> None:
    async def scene() -> None:
        await doing(make_organization, "elsewhere")
        async with Talk(key) as talk:
            await talk.hear()
            for message, code in REFUSED:
                text = message if isinstance(message, str) else json.dumps(message)
                await talk.send(text)
                answer = await talk.hear()
                assert (answer["type"], answer["code"]) == ("error", code), message
            assert (await talk.ask("ping", request_id=1)) == {"type": "pong", "request_id": 1}
            # Null is as if left out, as it is of every field that may be.
            assert (await talk.ask("ping", request_id=None)) == {"type": "pong"}

    talking(scene)


def test_a_reader_may_listen_and_not_write(key: str) -> None:
    reader = agents.issue_key("reader", "global", Role.READER)

    async def scene() -> None:
        async with Talk(reader) as talk:
            await talk.hear()
            await subscribed(talk, "task", "t1")
            refused = await talk.ask("update", level="task", context_id="t1", data={"a": 1})
            assert refused["code"] == "forbidden"

    talking(scene)


def test_a_binary_frame_is_refused_and_the_socket_stays(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            await talk.send(content=b"\x00\x01")
            assert (await talk.hear())["code"] == "malformed_body"
            assert (await talk.ask("ping"))["type"] == "pong"

    talking(scene)


def test_a_frame_over_the_document_size_ends_the_socket(key: str, settings: Any) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 1000

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            await talk.send('{"type": "ping"}'.ljust(1000))
            assert (await talk.hear())["type"] == "pong"
            await talk.send('{"type": "ping"}'.ljust(1001))
            with pytest.raises(Closing) as closing:
                await talk.hear()
            assert closing.value.code == 4409

    talking(scene)


def test_a_heartbeat_tells_how_far_all_was_sent(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contexts.consumers.socket.HEARTBEAT_SECONDS", 0.1)

    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            assert await talk.hear() == {"type": "heartbeat", "head": begun}
            await doing(set_data, TASK, "t1", a=1)
            while (beat := await talk.hear())["head"] == begun:
                assert beat["type"] == "heartbeat"
            assert beat == {"type": "heartbeat", "head": begun + 1}

    talking(scene)
