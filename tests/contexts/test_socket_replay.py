"""What a subscriber hears of what was written before it came."""

import pytest

from contexts import services
from contexts.levels import TASK
from contexts.models import Feed
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
