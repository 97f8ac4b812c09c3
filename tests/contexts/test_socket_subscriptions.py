"""What a subscriber hears, and from when to when."""

import pytest

from contexts import entries, services
from contexts.history import read_feed
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Entry
from tests.contexts.talking import (
    OWNER,
    Talk,
    doing,
    head,
    heard_until,
    set_data,
    subscribed,
    talking,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
