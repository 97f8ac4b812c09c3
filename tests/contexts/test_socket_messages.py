"""Conversations with the socket: every message that a client may send, and some it may not."""

import json
from typing import Any

import pytest

from contexts import access, agents, entries, services
from contexts.access import Caller
from contexts.history import read_feed
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Entry, Feed, Role
from tests.conftest import make_chain, make_organization
from tests.contexts.talking import Closing, Talk, doing, heard_until, subscribed, talking

pytestmark = pytest.mark.django_db(transaction=True)
OWNER = Caller("global", "owner", Role.ADMIN)


@pytest.fixture
def key(transactional_db: None) -> str:
    """The key of a writer in `global`, where there is a task `t1` in `b1` in `p1`."""
    make_organization("global")
    make_chain(OWNER)
    return agents.issue_key("agent-7", "global", Role.WRITER)


def set_data(level: Any, context_id: str, **data: Any) -> str:
    row = services.update(OWNER, level, context_id, lambda values: {**values, "data": data})
    return row.revision


def head() -> int:
    return read_feed("global", 0, 500).feed.head


def test_the_first_frame_tells_who_one_is_and_where_the_log_stands(key: str) -> None:
    async def scene() -> None:
        feed = (await doing(read_feed, "global", 0, 1)).feed
        async with Talk(key) as talk:
            assert await talk.hear() == {
                "type": "connected",
                "agent_id": "agent-7",
                "epoch": feed.epoch,
                "head": feed.head,
            }

    talking(scene)


def test_a_subscriber_hears_of_its_context_and_of_all_above_as_the_feed_tells(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            answer = await subscribed(talk, "task", "t1")
            assert (answer["subscription"], answer["head"]) == ("task/t1", begun)
            await doing(set_data, TASK, "t1", a=1)
            await doing(set_data, BRANCH, "b1", a=2)
            await doing(set_data, PROJECT, "p1", a=3)
            await doing(set_data, GLOBAL, "global", a=4)
            await doing(entries.add, OWNER, TASK, "t1", Entry.Kind.PROGRESS, "on it")
            heard = await heard_until(talk, begun + 5)
            feed = (await doing(read_feed, "global", begun, 10)).body()["changes"]
            assert heard == [{**change, "subscription": "task/t1"} for change in feed]
            assert [each["change_type"] for each in heard] == ["updated"] * 4 + ["entry_added"]

    talking(scene)


def test_what_concerns_others_is_not_sent_and_previous_seq_skips_it(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "branch", "b1", subscription="mine")
            await doing(set_data, TASK, "t1", a=1)
            assert await talk.silent()
            await doing(set_data, BRANCH, "b1", a=1)
            await doing(set_data, TASK, "t1", a=2)
            await doing(set_data, PROJECT, "p1", a=1)
            first, second = await heard_until(talk, begun + 4)
            assert (first["previous_seq"], first["seq"]) == (begun, begun + 2)
            assert (second["previous_seq"], second["seq"]) == (begun + 2, begun + 4)
            assert first["subscription"] == second["subscription"] == "mine"

    talking(scene)


def test_with_descendants_all_below_is_heard_of_also_what_comes_later(key: str) -> None:
    def make_more() -> None:
        parents = {"branch_id": "b2", "project_id": "p1"}
        services.create(OWNER, TASK, {}, context_id="t2", parent_ids=parents, create_parents=True)
        services.create(OWNER, PROJECT, {}, context_id="p2")

    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "project", "p1", descendants=True)
            await doing(make_more)
            await doing(set_data, TASK, "t2", a=1)
            heard = await heard_until(talk, begun + 4)
            assert [(each["context_id"], each["change_type"]) for each in heard] == [
                ("b2", "created"),
                ("t2", "created"),
                ("t2", "updated"),
            ]

    talking(scene)


def test_each_subscription_of_a_socket_has_a_stream_of_its_own(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "task", "t1")
            await subscribed(talk, "project", "p1", descendants=True, subscription="all")
            await doing(set_data, TASK, "t1", a=1)
            await doing(set_data, PROJECT, "p1", a=1)
            heard = [await talk.hear() for _ in range(4)]
            for name in ("task/t1", "all"):
                own = [each for each in heard if each["subscription"] == name]
                assert [(each["previous_seq"], each["seq"]) for each in own] == [
                    (begun, begun + 1),
                    (begun + 1, begun + 2),
                ]

    talking(scene)


def test_a_deletion_by_cascade_is_heard_at_every_level_of_the_chain(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "task", "t1")
            await subscribed(talk, "project", "p1", descendants=True)
            await doing(services.delete, OWNER, BRANCH, "b1", cascade=True)
            heard = [await talk.hear() for _ in range(4)]
            for name in ("task/t1", "project/p1"):
                own = [each for each in heard if each["subscription"] == name]
                assert [(each["context_id"], each["change_type"]) for each in own] == [
                    ("t1", "deleted"),
                    ("b1", "deleted"),
                ]
            assert {each["seq"] for each in heard} == {begun + 1, begun + 2}

    talking(scene)


def test_a_context_made_again_elsewhere_is_followed_there(key: str) -> None:
    def move() -> None:
        services.delete(OWNER, TASK, "t1")
        services.create(
            OWNER,
            TASK,
            {},
            context_id="t1",
            parent_ids={"branch_id": "b2", "project_id": "p2"},
            create_parents=True,
        )

    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "task", "t1")
            await doing(move)
            await doing(set_data, BRANCH, "b1", old=True)
            await doing(set_data, BRANCH, "b2", new=True)
            await doing(set_data, PROJECT, "p2", new=True)
            live = await heard_until(talk, await doing(head))
            assert [(each["context_id"], each["change_type"]) for each in live] == [
                ("t1", "deleted"),
                ("t1", "created"),
                ("b2", "updated"),
                ("p2", "updated"),
            ]
        async with Talk(key) as again:
            await again.hear()
            await subscribed(again, "task", "t1", since=begun)
            assert await heard_until(again, live[-1]["seq"]) == live

    talking(scene)


def test_who_was_away_hears_what_came_meanwhile_and_nothing_twice(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            epoch = (await talk.hear())["epoch"]
            begun = (await subscribed(talk, "task", "t1"))["head"]
            await doing(set_data, TASK, "t1", a=1)
            await heard_until(talk, begun + 1)
        await doing(set_data, TASK, "t1", a=2)
        await doing(services.delete, OWNER, TASK, "t1")
        async with Talk(key) as talk:
            await talk.hear()
            await subscribed(talk, "task", "t1", epoch=epoch, since=begun + 1)
            heard = await heard_until(talk, begun + 3)
            assert [(each["previous_seq"], each["seq"]) for each in heard] == [
                (begun + 1, begun + 2),
                (begun + 2, begun + 3),
            ]
            assert heard[-1]["change_type"] == "deleted"
            assert await talk.silent()

    talking(scene)


def test_a_long_absence_is_replayed_in_pages(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("replay", "tail"):
        monkeypatch.setattr(f"contexts.{module}.PAGE", 7)
    monkeypatch.setattr("contexts.tail.KEPT", 10)

    def write() -> None:
        for number in range(60):
            set_data(TASK, "t1", number=number)

    async def scene() -> None:
        begun = await doing(head)
        await doing(write)
        async with Talk(key) as talk:
            await talk.hear()
            await subscribed(talk, "task", "t1", since=begun)
            # A second one that is elsewhere in the log, while the first is led up.
            await talk.say("subscribe", level="task", context_id="t1", since=begun + 30,
                           subscription="late")  # fmt: skip
            await doing(write)
            heard = [await talk.hear() for _ in range(1 + 120 + 90)]
            for name, since in (("task/t1", begun), ("late", begun + 30)):
                own = [each for each in heard if each.get("subscription") == name]
                own = [each for each in own if each["type"] == "context_changed"]
                assert [each["seq"] for each in own] == list(range(since + 1, begun + 121))
                assert [each["previous_seq"] for each in own] == list(range(since, begun + 120))

    talking(scene)


@pytest.mark.parametrize("asked", ["another epoch", "beyond the head", "below the floor"])
def test_what_cannot_be_replayed_is_reset_and_goes_on_from_the_head(key: str, asked: str) -> None:
    def raise_floor() -> None:
        Feed.objects.update(floor=2)

    async def scene() -> None:
        await doing(raise_floor)
        async with Talk(key) as talk:
            connected = await talk.hear()
            since = {"beyond the head": 1000, "below the floor": 1}.get(asked, connected["head"])
            epoch = "0" * 32 if asked == "another epoch" else connected["epoch"]
            answer = await talk.ask(
                "subscribe", level="task", context_id="t1", epoch=epoch, since=since
            )
            assert answer == {
                "type": "reset",
                "subscription": "task/t1",
                "level": "task",
                "context_id": "t1",
                "epoch": connected["epoch"],
                "head": connected["head"],
            }
            await doing(set_data, TASK, "t1", a=1)
            (heard,) = await heard_until(talk, connected["head"] + 1)
            assert heard["previous_seq"] == connected["head"]

    talking(scene)


def test_after_unsubscribing_nothing_more_comes(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            await subscribed(talk, "task", "t1")
            answer = await talk.ask("unsubscribe", level="task", context_id="t1")
            assert answer == {
                "type": "unsubscribed",
                "subscription": "task/t1",
                "level": "task",
                "context_id": "t1",
            }
            await doing(set_data, TASK, "t1", a=1)
            assert await talk.silent()
            again = await talk.ask("unsubscribe", level="task", context_id="t1")
            assert (again["type"], again["code"]) == ("error", "not_subscribed")

    talking(scene)


def test_subscribing_again_takes_the_place_of_the_former(key: str) -> None:
    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            await subscribed(talk, "task", "t1")
            await doing(set_data, TASK, "t1", a=1)
            await heard_until(talk, begun + 1)
            await subscribed(talk, "task", "t1", since=begun)
            heard = await heard_until(talk, begun + 1)
            assert [each["previous_seq"] for each in heard] == [begun]
            await doing(set_data, TASK, "t1", a=2)
            heard = await heard_until(talk, begun + 2)
            assert len(heard) == 1

    talking(scene)


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


def test_a_socket_has_so_many_subscriptions_and_no_more(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.consumers.handling.MOST_SUBSCRIPTIONS", 3)

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            for number in range(3):
                await subscribed(talk, "task", "t1", subscription=str(number))
            answer = await talk.ask(
                "subscribe", level="task", context_id="t1", subscription="one more"
            )
            assert answer["code"] == "too_many_subscriptions"
            # One that is there already may begin again.
            await subscribed(talk, "task", "t1", subscription="2")

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
