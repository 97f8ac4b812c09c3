"""Calls too large to be looked through at once, and secrets in them."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from rest_framework.test import APIClient

from contexts import tasks
from contexts.models import Change, Entry, PendingCall, owned
from contexts.transcripts import pending
from contexts.transcripts.hooks import LARGEST_AT_ONCE
from tests.contexts.hooks.events import SECRET, entries, post, used


def test_secrets_are_gone_before_anything_is_kept(teammate_client: APIClient) -> None:
    for number, size in enumerate((10, LARGEST_AT_ONCE)):
        text = "y" * size + f" {SECRET} " + "z" * size
        answer = {"stdout": text, "stderr": SECRET}
        post(teammate_client, used(number, tool_input={"command": text}, tool_response=answer))
        everything = json.dumps(list(owned("global", Entry).values("content", "details")))
        assert "a1B2" not in everything
        assert not any(b"a1B2" in bytes(row.sealed) for row in PendingCall.objects.all())
    tasks.finish_calls()
    assert "a1B2" not in json.dumps(list(owned("global", Entry).values("content", "details")))


def test_a_large_call_is_there_at_once_and_told_when_it_is_whole(
    teammate_client: APIClient,
) -> None:
    output = "compiling\n" * 8_000 + "= 3 failed, 5 passed in 1.50s ="
    large = used(tool_input={"command": "pytest"}, tool_response={"stdout": output})
    for _ in range(2):
        assert post(teammate_client, large).status_code == 200
    (entry,) = entries()
    assert entry.details["extracted"] == {"pending": True}
    assert entry.details["result"]["truncated"] is True
    assert entry.details["result"]["preview"].startswith('{"stdout": "compiling')
    assert not owned("global", Change, operation="entry_added").exists()
    activity = teammate_client.get("/api/v1/contexts/task/s1/activity/").json()
    assert activity["tests"] is None

    for _ in range(2):
        tasks.finish_calls()
    (entry,) = entries()
    assert entry.details["extracted"]["test_results"]["failed"] == 3
    told = owned("global", Change, operation="entry_added").get()
    assert told.entry == entry
    assert not PendingCall.objects.exists()
    activity = teammate_client.get("/api/v1/contexts/task/s1/activity/").json()
    assert activity["tests"]["test_results"]["passed"] == 5
    small = used(2, tool_input={"command": "pytest"}, tool_response={"stdout": output[-100:]})
    post(teammate_client, small)
    assert entries()[1].details.keys() == entry.details.keys()


def test_a_call_that_cannot_be_opened_is_finished_without_an_extraction(
    teammate_client: APIClient,
) -> None:
    post(teammate_client, used(tool_response={"stdout": "x" * LARGEST_AT_ONCE}))
    PendingCall.objects.update(sealed=b"another key's")
    tasks.finish_calls()
    (entry,) = entries()
    assert entry.details["extracted"] == {}
    assert owned("global", Change, operation="entry_added").count() == 1


def test_the_middle_of_a_very_long_output_is_left_out_and_that_is_said(
    teammate_client: APIClient,
) -> None:
    output = "first line\n" + "compiling\n" * 100_000 + "= 3 failed, 5 passed in 1.50s ="
    call = used(tool_input={"command": "pytest"}, tool_response={"stdout": output})
    post(teammate_client, call)
    assert 3 * len(PendingCall.objects.get().sealed) < len(output)
    tasks.finish_calls()
    extracted = entries()[0].details["extracted"]
    assert extracted["test_results"]["failed"] == 3
    assert 700_000 < extracted["cut"]["characters"] < len(output)


def test_one_thread_finishes_at_a_time_and_leaves_none_that_came_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting, finished = ["first"], list[str]()
    begun, may_end = threading.Event(), threading.Event()

    def finish(call: str) -> None:
        begun.set()
        assert may_end.wait(20)
        finished.append(call)

    monkeypatch.setattr(pending, "_claim", lambda: waiting.pop(0) if waiting else None)
    monkeypatch.setattr(pending, "_finish", finish)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(pending.finish_all)
        assert begun.wait(20)
        waiting.append("second")
        assert pending.finish_all() == 0
        may_end.set()
        assert first.result() == 2
    assert finished == ["first", "second"]
    assert pending.finish_all() == 0
