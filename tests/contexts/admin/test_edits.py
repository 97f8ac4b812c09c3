"""A context edited on its page: what is refused keeps the text, also beside others' edits."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from contexts import services
from contexts.changes import Author
from contexts.levels import LEVELS, TASK, Level
from contexts.models import Change, Context, Entry
from tests.contexts.admin.pages import ALL_LEVELS, change_url, form_of, row_of, url


@pytest.mark.parametrize("level", ALL_LEVELS, ids=list(LEVELS))
def test_an_edit_goes_through_the_services_into_the_change_log_under_the_users_name(
    root: Client, chain: dict[str, Context], level: Level
) -> None:
    row = chain[level.name]
    sent = form_of(level, row, data='{"edited": {"by": "hand"}}')
    response = root.post(change_url(level, row), sent, follow=True)
    assert "as version 2" in response.content.decode()
    now = row_of(level, row.context_id)
    assert (now.data, now.version, now.updated_by) == ({"edited": {"by": "hand"}}, 2, "root")
    change = Change.objects.latest("seq")
    assert (change.level, change.operation, change.actor) == (level.name, "updated", "root")
    assert change.document is not None
    assert change.document["data"] == {"edited": {"by": "hand"}}


def test_an_edit_that_changes_nothing_makes_no_version(
    root: Client, chain: dict[str, Context]
) -> None:
    row = chain["task"]
    response = root.post(change_url(TASK, row), form_of(TASK, row), follow=True)
    assert "no new version" in response.content.decode()
    assert row_of(TASK, "t1").version == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{\n  "a": 1,\n  "b": oops\n}', "line 3, column 8"),
        ('{"a": 1', "line 1, column 8"),
        ('{"a": 1, "a": 2}', "The key &quot;a&quot; stands twice"),
        ('{"deep": {"a": 1, "a": 2}}', "The key &quot;a&quot; stands twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": 12345678901234567890}', "2^53"),
        ('{"a": "\\ud800"}', "surrogates"),
        ("[1]", "This must be an object."),
        ('"text"', "This must be an object."),
        ('{"a":' * 70 + "1" + "}" * 70, "Nested deeper than 64."),
        ('{"a":' * 9000 + "1" + "}" * 9000, "Nested deeper than 64."),
    ],
    ids=str,
)
def test_a_mistake_in_the_json_is_named_and_the_text_stays(
    root: Client, chain: dict[str, Context], text: str, complaint: str
) -> None:
    row = chain["task"]
    sent = form_of(TASK, row, data=text, progress="40", metadata='{"kept": "too"}')
    response = root.post(change_url(TASK, row), sent)
    body = response.content.decode()
    assert response.status_code == 200
    assert complaint in body
    assert response.context["form"]["data"].value() == text
    assert "{&quot;kept&quot;: &quot;too&quot;}" in body
    assert row_of(TASK, "t1").version == 1


def test_what_a_service_refuses_is_shown_and_the_text_stays(
    root: Client, chain: dict[str, Context], settings: Any
) -> None:
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 300
    text = json.dumps({"long": "x" * 400})
    row = chain["task"]
    response = root.post(change_url(TASK, row), form_of(TASK, row, data=text))
    body = response.content.decode()
    assert "larger than 300 bytes" in body
    assert "x" * 400 in body


def test_progress_beyond_100_is_refused(root: Client, chain: dict[str, Context]) -> None:
    row = chain["task"]
    response = root.post(change_url(TASK, row), form_of(TASK, row, progress="101"))
    assert "less than or equal to 100" in response.content.decode()
    assert row_of(TASK, "t1").version == 1


def conflicting_edit(root: Client, row: Any) -> Any:
    """An agent changes `t1` while a human edits it; the answer to the human's save."""
    services.update(
        Author("global", "agent-9"),
        TASK,
        "t1",
        lambda values: {**values, "data": {**values["data"], "status": "doing"}, "progress": 30},
    )
    mine = {**row.data, "mine": True}
    return root.post(change_url(TASK, row), form_of(TASK, row, data=json.dumps(mine)))


def test_whoever_was_slower_sees_what_changed_and_keeps_the_text(
    root: Client, chain: dict[str, Context]
) -> None:
    response = conflicting_edit(root, chain["task"])
    body = response.content.decode()
    assert response.status_code == 409
    assert "Someone was faster" in body
    assert "<strong>agent-9</strong> made version 2" in body
    assert re.search(r"/data/status</code>.*<del>&quot;todo&quot;.*<ins>&quot;doing&quot;", body)
    assert "&quot;mine&quot;: true" in body
    assert "mine" not in row_of(TASK, "t1").data


def test_after_a_conflict_both_edits_can_be_put_together(
    root: Client, chain: dict[str, Context]
) -> None:
    row = chain["task"]
    response = conflicting_edit(root, row)
    sent = {name: field.value() for name, field in bound(response).items()}
    merging = root.post(change_url(TASK, row), {**sent, "seen": row.revision, "_merge": "1"})
    assert row_of(TASK, "t1").version == 2
    sent = {name: field.value() for name, field in bound(merging).items()}
    root.post(change_url(TASK, row), {**sent, "_continue": "1"})
    now = row_of(TASK, "t1")
    assert (now.data["status"], now.data["mine"], now.progress) == ("doing", True, 30)


def test_after_a_conflict_saving_again_is_knowingly_over_the_others(
    root: Client, chain: dict[str, Context]
) -> None:
    row = chain["task"]
    sent = {name: field.value() for name, field in bound(conflicting_edit(root, row)).items()}
    root.post(change_url(TASK, row), {**sent, "seen": row.revision, "_continue": "1"})
    now = row_of(TASK, "t1")
    assert (now.data["status"], now.data["mine"], now.version) == ("todo", True, 3)


def bound(response: Any) -> dict[str, Any]:
    """The fields of the form that a page shows."""
    form = response.context["form"]
    return {name: form[name] for name in form.fields}


def test_text_for_a_context_deleted_meanwhile_is_shown_to_be_kept(
    root: Client, chain: dict[str, Context]
) -> None:
    row = chain["task"]
    services.delete(Author("global", "agent-9"), TASK, "t1")
    response = root.post(change_url(TASK, row), form_of(TASK, row, data='{"hours": "of work"}'))
    assert response.status_code == 404
    assert "&quot;hours&quot;: &quot;of work&quot;" in response.content.decode()


def test_a_human_adds_an_insight_under_their_own_name(
    root: Client, chain: dict[str, Context]
) -> None:
    address = url(TASK, "note", chain["task"].pk)
    sent = {"note-kind": "insight", "note-content": "Mind the gap", "note-importance": "high"}
    assert "Mind the gap" in root.post(address, sent, follow=True).content.decode()
    entry = Entry.objects.get()
    assert (entry.kind, entry.importance, entry.agent) == ("insight", "high", "root")
    assert Change.objects.latest("seq").operation == "entry_added"
    refused = root.post(address, {**sent, "note-kind": "progress"}).content.decode()
    assert "Only insights have" in refused
    assert ">\nMind the gap</textarea>" in refused
    assert Entry.objects.count() == 1
