"""What must hold of every socket, whatever is done: old state and events are the new state."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from django.db.backends.utils import CursorWrapper
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts import agents
from contexts.access import Caller
from contexts.errors import ContextError
from contexts.levels import LEVELS, TASK, Key
from contexts.models import Entry, Feed, Role, owned
from tests.conftest import make_chain, make_organization
from tests.contexts.deeds import perform, random_deed
from tests.contexts.talking import Frame, Talk, doing, heard_until, set_data, subscribed, talking

pytestmark = pytest.mark.django_db(transaction=True)
State = dict[Key, str]
numbers = itertools.count(1)
PLACES = [("global", None, True), ("project", "p1", True), ("branch", "b1", True)]


def fetched(organization_id: str) -> State:
    """All contexts of an organization with their revisions, as a client would fetch them."""
    return {
        (level.name, row.context_id): row.revision
        for level in LEVELS.values()
        for row in level.rows(organization_id)
    }


def under(organization_id: str, key: Key) -> set[Key]:
    """A context and all below, as far as they are there."""
    found = set()
    for level in LEVELS.values():
        for row in level.rows(organization_id):
            place = level.path(row).split("/")
            if key == ("global", organization_id) or key[1] in place[:3]:
                found.add((level.name, row.context_id))
    return found


def entries_of(organization_id: str) -> dict[Key, int]:
    counted: dict[Key, int] = {}
    for level, context_id in owned(organization_id, Entry).values_list("level", "context_id"):
        counted[level, context_id] = counted.get((level, context_id), 0) + 1
    return counted


class Model:
    """A client that keeps what it was told, and never asks again."""

    def __init__(self, organization_id: str, key: Key) -> None:
        self.key = key
        self.state = {
            each: revision
            for each, revision in fetched(organization_id).items()
            if each in under(organization_id, key)
        }
        self.entries = entries_of(organization_id)
        self.since: int | None = None

    def apply(self, frame: Frame) -> None:
        assert self.since is None or frame["previous_seq"] == self.since
        self.since = frame["seq"]
        key = (frame["level"], frame["context_id"])
        if list(LEVELS).index(key[0]) < list(LEVELS).index(self.key[0]):
            # What is above may become another: the client would fetch it anew.
            return
        if frame["change_type"] == "deleted":
            self.state.pop(key)
        elif frame["change_type"] == "entry_added":
            self.entries[key] = self.entries.get(key, 0) + 1
        elif frame["change_type"] == "created" or key in self.state:
            # A delegation may tell of a context that is deleted by now.
            self.state[key] = frame["revision"]


async def play(seed: int, steps: int, cuts: set[int]) -> None:
    organization_id = f"o{next(numbers)}"
    caller = Caller(organization_id, "owner", Role.ADMIN)
    rng = random.Random(seed)

    def begin() -> tuple[str, list[Model]]:
        make_organization(organization_id)
        make_chain(caller)
        key = agents.issue_key(f"agent-{organization_id}", organization_id, Role.READER)
        places = [(level, name or organization_id) for level, name, _ in PLACES]
        return key, [Model(organization_id, place) for place in places]

    def step(number: int) -> None:
        try:
            perform(caller, random_deed(rng, number))
        except ContextError:
            return

    async def listen(talk: Talk) -> None:
        await talk.hear()
        for number, model in enumerate(models):
            more = {} if model.since is None else {"since": model.since}
            level, context_id = model.key
            await talk.say(
                "subscribe",
                level=level,
                context_id=context_id,
                descendants=True,
                subscription=str(number),
                **more,
            )
        ready = 0
        while ready < len(models):
            ready += (await take(talk))["type"] == "subscribed"

    async def take(talk: Talk) -> Frame:
        frame = await talk.hear()
        if frame["type"] == "context_changed":
            models[int(frame["subscription"])].apply(frame)
        elif frame["type"] == "subscribed":
            model = models[int(frame["subscription"])]
            model.since = frame["head"] if model.since is None else model.since
        return frame

    async def catch_up(talk: Talk) -> None:
        head = await doing(lambda: owned(organization_id, Feed).get().head)
        while (models[0].since or 0) < head:
            await take(talk)
        # The others were sent their part before the answer to a ping that comes late enough.
        await asyncio.sleep(0.05)
        await talk.say("ping")
        while (await take(talk))["type"] != "pong":
            continue

    key, models = await doing(begin)
    talk = Talk(key)
    await talk.open()
    try:
        await listen(talk)
        for number in range(steps):
            await doing(step, number)
            if number in cuts:
                await talk.__aexit__()
                talk = Talk(key)
                await talk.open()
                await listen(talk)
        await catch_up(talk)
    finally:
        await talk.__aexit__()
    fresh = await doing(fetched, organization_id)
    told = await doing(entries_of, organization_id)
    for model in models:
        about = await doing(under, organization_id, model.key)
        assert model.state == {each: fresh[each] for each in about}
    assert models[0].entries == told


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 25), st.sets(st.integers(0, 25), max_size=3))
def test_old_state_and_events_are_what_a_fresh_fetch_gives(
    seed: int, steps: int, cuts: set[int]
) -> None:
    talking(lambda: play(seed, steps, cuts))


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL of all threads."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def note(cursor: CursorWrapper, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        return execute(cursor, sql, *arguments)

    with mock.patch.object(CursorWrapper, "execute", note):
        yield seen


def test_a_change_costs_a_process_one_query_whatever_the_number_of_sockets(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is looked at anyway, now and then, is not meant.
    for name in ("LOOK_SECONDS", "LOOK_SECONDS_WITHOUT_HINTS"):
        monkeypatch.setattr(f"contexts.tail.{name}", 1000)

    async def scene() -> None:
        talks = [Talk(key) for _ in range(20)]
        for talk in talks:
            await talk.open()
            await talk.hear()
            begun = (await subscribed(talk, "task", "t1"))["head"]
        with statements() as seen:
            for number in range(10):
                await doing(set_data, TASK, "t1", a=number)
                for talk in talks:
                    await heard_until(talk, begun + number + 1)
        reads = [sql for sql in seen if "SELECT" in sql and '"contexts_change"."seq" >' in sql]
        assert len(reads) == 10
        assert not [sql for sql in seen if '"contexts_feed"' in sql and "SELECT" in sql]
        for talk in talks:
            await talk.__aexit__()

    talking(scene)


def test_a_layer_that_drops_all_but_one_message_loses_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = channel_layers.set("default", InMemoryChannelLayer(capacity=1))

    def burst() -> None:
        for number in range(100):
            set_data(TASK, "t1", a=number)

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            begun = (await subscribed(talk, "task", "t1"))["head"]
            await doing(burst)
            heard = await heard_until(talk, begun + 100)
            assert [each["seq"] for each in heard] == list(range(begun + 1, begun + 101))

    try:
        talking(scene)
    finally:
        channel_layers.set("default", before)


def test_without_any_hint_the_log_is_looked_at(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS_WITHOUT_HINTS", 0.2)
    monkeypatch.setattr("contexts.broadcast.look", lambda *_: None)

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            begun = (await subscribed(talk, "task", "t1"))["head"]
            await doing(set_data, TASK, "t1", a=1)
            await heard_until(talk, begun + 1)

    talking(scene)


def test_a_log_that_was_put_back_resets_every_subscription(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("contexts.tail.LOOK_SECONDS_WITHOUT_HINTS", 0.2)

    async def scene() -> None:
        async with Talk(key) as talk:
            await talk.hear()
            begun = (await subscribed(talk, "task", "t1"))["head"]
            await doing(lambda: Feed.objects.update(epoch="another"))
            frame = await talk.hear()
            assert (frame["type"], frame["epoch"], frame["head"]) == ("reset", "another", begun)
            await doing(set_data, TASK, "t1", a=1)
            (heard,) = await heard_until(talk, begun + 1)
            assert heard["previous_seq"] == begun

    talking(scene)


def test_subscribing_while_there_is_writing_misses_and_doubles_nothing(key: str) -> None:
    def write() -> None:
        for number in range(150):
            set_data(TASK, "t1", n=number)

    async def scene() -> None:
        async with Talk(key) as talk:
            begun = (await talk.hear())["head"]
            writing = asyncio.create_task(doing(write))
            for number in range(30):
                await talk.say("subscribe", level="task", context_id="t1", subscription=str(number))
                await asyncio.sleep(0.01)
            await writing
            reached: dict[str, int] = {}
            while len(reached) < 30 or min(reached.values()) < begun + 150:
                frame = await talk.hear()
                name = frame["subscription"]
                if frame["type"] == "subscribed":
                    reached[name] = frame["head"]
                else:
                    assert frame["previous_seq"] == reached[name] == frame["seq"] - 1
                    reached[name] = frame["seq"]

    talking(scene)
