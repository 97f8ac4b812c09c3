"""The admin as people use it: its pages and forms through Django's test client."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contexts import agents, delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.documents import revision_of
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Level
from contexts.models import Agent, Change, Context, Delegation, Entry, Membership, Role, owned
from tests.conftest import Humans, make_organization

EVIL = '"><script>alert(1)</script>'
ALL_LEVELS = list(LEVELS.values())


@pytest.fixture
def chain(organization: str) -> dict[str, Context]:
    """A project `p1`, its branch `b1` and a task `t1` in the organization `global`."""
    agent = Author(organization, "agent-7")
    for level, context_id, parent_id, data in (
        (PROJECT, "p1", "global", {"lang": "py", "style": {"width": 100}}),
        (BRANCH, "b1", "p1", {"goal": "ship"}),
        (TASK, "t1", "b1", {"status": "todo", "style": {"width": 88}}),
    ):
        parents = {level.parent_field: parent_id}
        services.create(agent, level, {"data": data}, context_id=context_id, parent_ids=parents)
    return {level.name: row_of(level, context_id) for level, context_id in IDS.items()}


IDS = {GLOBAL: "global", PROJECT: "p1", BRANCH: "b1", TASK: "t1"}


def row_of(level: Level, context_id: str, organization_id: str = "global") -> Any:
    return level.rows(organization_id, context_id=context_id).get()


def url(level: Level, name: str, *arguments: object) -> str:
    return reverse(f"admin:contexts_{level.model._meta.model_name}_{name}", args=arguments)


def change_url(level: Level, row: Context) -> str:
    return url(level, "change", row.pk)


def form_of(level: Level, row: Any, **texts: Any) -> dict[str, Any]:
    """What the page's form would send, with other texts in some fields."""
    values = {
        field.name: json.dumps(value) if field.kind in ("object", "list") else value
        for field, value in zip(level.fields, level.values(row).values(), strict=True)
    }
    return {**values, "revision": row.revision, "_continue": "1", **texts}


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


@pytest.mark.parametrize("level", ALL_LEVELS, ids=list(LEVELS))
def test_every_level_has_a_list_a_page_a_history_and_an_add_form(
    root: Client, chain: dict[str, Context], level: Level
) -> None:
    row = chain[level.name]
    assert row.context_id in page(root, url(level, "changelist"))
    assert row.context_id in page(root, change_url(level, row))
    assert "Created" in page(root, url(level, "versions", "global", row.context_id))
    assert 'name="data"' in page(root, url(level, "add"))


def test_a_page_links_up_the_chain_and_down_to_the_children(
    root: Client, chain: dict[str, Context]
) -> None:
    body = page(root, change_url(BRANCH, chain["branch"]))
    for level in (GLOBAL, PROJECT):
        assert f'href="{change_url(level, chain[level.name])}"' in body
    assert f'href="{change_url(TASK, chain["task"])}"' in body
    below = re.search(r'href="([^"]+)">All 1<', body)
    assert below is not None
    assert "t1" in page(root, below.group(1))


def test_a_list_says_how_many_children_and_leads_to_them(
    root: Client, chain: dict[str, Context]
) -> None:
    link = re.search(
        r'class="down" href="([^"]+)">1 branch<', page(root, url(PROJECT, "changelist"))
    )
    assert link is not None
    assert "b1" in page(root, link.group(1))


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


def test_the_resolved_document_tells_which_level_set_each_value(
    root: Client, chain: dict[str, Context]
) -> None:
    body = page(root, change_url(TASK, chain["task"]))
    for level, context_id, key in (
        ("project", "p1", "lang"),
        ("branch", "b1", "goal"),
        ("task", "t1", "width"),
    ):
        line = rf'level-{level}" title="set by {level} {context_id}">[^\n]*&quot;{key}&quot;'
        assert re.search(line, body), key


@pytest.fixture
def evil(organization: str) -> None:
    """Contexts and entries whose every text would like to be HTML."""
    agent = Author(organization, EVIL)
    names = {"project_name": EVIL, "data": {EVIL: [EVIL, {EVIL: EVIL}]}, "metadata": {EVIL: EVIL}}
    services.create(agent, PROJECT, names, context_id="p1", parent_ids={"global_id": "global"})
    services.update(agent, PROJECT, "p1", lambda values: {**values, "data": {EVIL: EVIL, "n": 1}})
    entries.add(agent, PROJECT, "p1", Entry.Kind.INSIGHT, EVIL, category="technical")
    entries.add(agent, PROJECT, "p1", Entry.Kind.ACTION, EVIL, details={EVIL: EVIL})
    caller = Caller(organization, EVIL, Role.WRITER)
    delegations.delegate(caller, PROJECT, "p1", to="global", data={EVIL: EVIL}, reason=EVIL)


def test_no_text_of_a_document_becomes_html(root: Client, evil: None) -> None:
    project = row_of(PROJECT, "p1")
    looked_at = [
        reverse("admin:index"),
        url(PROJECT, "changelist"),
        change_url(PROJECT, project),
        url(PROJECT, "versions", "global", "p1"),
        url(PROJECT, "revert", "global", "p1", 1),
        url(PROJECT, "delete", project.pk),
    ]
    for model in (Change, Entry, Delegation):
        name = model._meta.model_name
        looked_at.append(reverse(f"admin:contexts_{name}_changelist"))
        looked_at += [
            reverse(f"admin:contexts_{name}_change", args=[row.pk])
            for row in model.objects.filter(level="project")
        ]
    for address in looked_at:
        body = page(root, address)
        assert "<script>alert" not in body, address
        assert "&lt;script&gt;alert" in body, address
    sent = form_of(PROJECT, project, data=EVIL, project_name=EVIL)
    assert "<script>alert" not in root.post(change_url(PROJECT, project), sent).content.decode()


def test_pages_have_no_inline_script_or_style_attribute(
    root: Client, chain: dict[str, Context]
) -> None:
    addresses = [reverse("admin:index"), url(TASK, "changelist"), url(TASK, "add")]
    for address in [*addresses, *(change_url(each, chain[each.name]) for each in ALL_LEVELS)]:
        body = page(root, address)
        assert re.findall(r"<script(?![^>]*\bsrc=)", body) == [], address
        assert re.findall(r'<[^>]*\s(?:style|on[a-z]+)="', body) == [], address


def test_a_new_context_is_made_below_the_chosen_parent(
    root: Client, chain: dict[str, Context]
) -> None:
    branch = chain["branch"]
    sent = {"parent": branch.pk, "id": "t2", "data": '{"a": 1}', "progress": "5"}
    response = root.post(url(TASK, "add"), sent)
    made = row_of(TASK, "t2")
    assert response["Location"] == change_url(TASK, made)
    assert (made.parent.context_id, made.data, made.updated_by) == ("b1", {"a": 1}, "root")
    assert Change.objects.latest("seq").operation == "created"


def test_a_new_context_without_an_id_gets_one(root: Client, chain: dict[str, Context]) -> None:
    root.post(url(TASK, "add"), {"parent": chain["branch"].pk, "progress": "0"})
    assert len(Change.objects.latest("seq").context_id) == 36


@pytest.mark.parametrize(
    ("context_id", "complaint"), [("t1", "already"), ("-bad id", "a letter or digit")]
)
def test_a_taken_or_wrong_id_is_refused_and_the_text_stays(
    root: Client, chain: dict[str, Context], context_id: str, complaint: str
) -> None:
    sent = {"parent": chain["branch"].pk, "id": context_id, "data": '{"a": 1}', "progress": "0"}
    body = root.post(url(TASK, "add"), sent).content.decode()
    assert complaint in body
    assert "{&quot;a&quot;: 1}" in body


def test_a_new_organization_has_a_feed_of_its_own(root: Client) -> None:
    root.post(url(GLOBAL, "add"), {"id": "acme", "organization_name": "Acme"})
    assert row_of(GLOBAL, "acme", "acme").name == "Acme"
    assert owned("acme", Change).get().seq == 1


@pytest.mark.parametrize("parent", ["abc", "²", "-1", "99999999999999999999999", ""])
def test_a_parent_that_cannot_be_is_a_mistake_in_the_form(
    root: Client, chain: dict[str, Context], parent: str
) -> None:
    assert 'name="parent"' in page(root, url(TASK, "add") + f"?parent={parent}")
    sent = {"parent": parent, "id": "t2", "data": '{"a": 1}', "progress": "0"}
    response = root.post(url(TASK, "add"), sent)
    assert response.status_code == 200
    assert response.context["errors"]["parent"]
    assert "{&quot;a&quot;: 1}" in response.content.decode()


def test_a_parent_in_the_address_is_chosen_in_the_form(
    root: Client, chain: dict[str, Context]
) -> None:
    key = chain["branch"].pk
    body = page(root, url(TASK, "add") + f"?parent={key}")
    assert re.search(rf'<option value="{key}" selected[^>]*>', body)


def set_field(name: str, value: Any) -> None:
    """An agent changes one field of `t1`."""
    author = Author("global", "agent-9")
    services.update(author, TASK, "t1", lambda values: {**values, name: value})


def test_history_shows_old_and_new_values(root: Client, chain: dict[str, Context]) -> None:
    set_field("progress", 60)
    body = page(root, url(TASK, "versions", "global", "t1"))
    assert re.search(r"/progress</code>.*<del>0</del>.*<ins>60</ins>", body)
    assert "agent-9" in body


def test_a_list_whose_items_shift_shows_each_value_where_it_was(
    root: Client, chain: dict[str, Context]
) -> None:
    for steps in (["a", "b", "c", "d"], ["a", "d", "e"]):
        set_field("next_steps", steps)
    body = page(root, url(TASK, "versions", "global", "t1"))
    assert re.search(r"/next_steps/3</code>.*<del>&quot;d&quot;</del>", body)
    assert re.search(r"/next_steps/1</code>.*<del>&quot;b&quot;</del>.*<ins>&quot;d&quot;", body)


def test_history_comes_in_pages(root: Client, chain: dict[str, Context]) -> None:
    for number in range(30):
        set_field("progress", number + 1)
    first = page(root, url(TASK, "versions", "global", "t1"))
    second = page(root, url(TASK, "versions", "global", "t1") + "?p=2")
    assert "<strong>v31</strong>" in first
    assert "<strong>v6</strong>" not in first
    assert "<strong>v6</strong>" in second
    assert "Created" in second


def test_reverting_asks_first_and_makes_the_old_document_the_newest(
    root: Client, chain: dict[str, Context]
) -> None:
    set_field("progress", 60)
    address = url(TASK, "revert", "global", "t1", 1)
    assert "<del>60</del>" in page(root, address)
    assert row_of(TASK, "t1").version == 2
    root.post(address, {"revision": row_of(TASK, "t1").revision})
    now = row_of(TASK, "t1")
    assert (now.progress, now.version, now.updated_by) == (0, 3, "root")


def test_reverting_what_changed_meanwhile_shows_it_again(
    root: Client, chain: dict[str, Context]
) -> None:
    seen = chain["task"].revision
    set_field("progress", 60)
    response = root.post(url(TASK, "revert", "global", "t1", 1), {"revision": seen})
    assert response.status_code == 409
    assert "changed meanwhile" in response.content.decode()
    assert row_of(TASK, "t1").progress == 60


def test_a_deleted_context_keeps_its_history_and_can_come_back(
    root: Client, chain: dict[str, Context]
) -> None:
    services.delete(Author("global", "agent-9"), TASK, "t1")
    body = root.get(url(TASK, "at", "global", "t1"), follow=True).content.decode()
    assert "Deleted" in body
    root.post(url(TASK, "revert", "global", "t1", 1), {"revision": ""})
    assert row_of(TASK, "t1").data["status"] == "todo"


def test_deleting_names_what_lies_below_and_needs_a_yes_to_it(
    root: Client, chain: dict[str, Context]
) -> None:
    address = url(PROJECT, "delete", chain["project"].pk)
    body = page(root, address)
    assert "b1" in body
    assert "t1" in body
    refused = root.post(address, {"revision": chain["project"].revision})
    assert refused.status_code == 409
    assert row_of(PROJECT, "p1")
    root.post(address, {"revision": chain["project"].revision, "cascade": "yes"})
    newest = Change.objects.order_by("-seq").values_list("level", "operation", "actor")[:3]
    assert set(newest) == {(name, "deleted", "root") for name in ("project", "branch", "task")}


def test_deleting_many_asks_first_and_goes_through_the_services(
    root: Client, chain: dict[str, Context]
) -> None:
    sent = {"action": "delete_chosen", "_selected_action": [chain["task"].pk]}
    assert b"t1" in root.post(url(TASK, "changelist"), sent).content
    assert row_of(TASK, "t1")
    root.post(url(TASK, "changelist"), {**sent, "confirmed": "yes"})
    assert Change.objects.latest("seq").operation == "deleted"


def test_an_organization_cannot_be_deleted(root: Client, chain: dict[str, Context]) -> None:
    assert root.post(url(GLOBAL, "delete", chain["global"].pk)).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [chain["global"].pk], "post": "yes"}
    root.post(url(GLOBAL, "changelist"), sent)
    assert row_of(GLOBAL, "global")


@pytest.mark.parametrize("level", ALL_LEVELS, ids=list(LEVELS))
def test_lists_and_pages_take_as_many_queries_for_many_rows_as_for_few(
    root: Client, chain: dict[str, Context], level: Level
) -> None:
    addresses = [
        url(level, "changelist"),
        reverse("admin:contexts_change_changelist"),
        reverse("admin:contexts_entry_changelist"),
        *(change_url(each, chain[each.name]) for each in ALL_LEVELS),
    ]
    counts = []
    for stretch in (range(2, 4), range(4, 14)):
        for number in stretch:
            make_one(level, number)
            entries.add(Author("global", "a"), TASK, "t1", Entry.Kind.PROGRESS, f"step {number}")
            set_field("progress", number)
        for address in addresses:
            # Afterwards the resolved documents are cached, or those of other tests would count.
            page(root, address)
        with CaptureQueriesContext(connection) as captured:
            for address in addresses:
                page(root, address)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def make_one(level: Level, number: int) -> None:
    """Another context of a level, below the chain's parent."""
    name = f"{level.name}-{number}"
    parents = {level.parent_field: IDS[level.parent]} if level.parent is not None else {}
    author = Author("global", "agent-7")
    services.create(author, level, {}, context_id=name, parent_ids=parents)


def test_a_list_does_not_read_the_documents(root: Client, chain: dict[str, Context]) -> None:
    with CaptureQueriesContext(connection) as captured:
        page(root, url(PROJECT, "changelist"))
    assert not [query for query in captured if '"project_settings"' in query["sql"]]


def test_search_finds_ids_names_documents_and_entries(
    root: Client, chain: dict[str, Context]
) -> None:
    make_one(TASK, 2)
    entries.add(
        Author("global", "a"), TASK, "t1", Entry.Kind.PROGRESS, "found the missing semicolon"
    )
    for words in ("t1", "todo", "semicolon"):
        body = page(root, url(TASK, "changelist") + f"?q={words}")
        assert ">t1<" in body, words
        assert ">task-2<" not in body, words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=todo", True),
        ("?status=done", False),
        ("?progress=none", True),
        ("?progress=done", False),
        ("?organization=global", True),
        ("?organization=elsewhere", False),
        ("?project=999999", False),
        ("?project=nonsense", False),
        ("?project=²", False),
        ("?project=99999999999999999999999", False),
        ("?updated_at__gte=2001-01-01+00:00:00%2B00:00", True),
        ("?updated_at__lt=2001-01-01+00:00:00%2B00:00", False),
    ],
)
def test_filters_narrow_the_list(
    root: Client, chain: dict[str, Context], query: str, found: bool
) -> None:
    assert (">t1<" in page(root, url(TASK, "changelist") + query)) is found


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


def test_odd_addresses_are_answered_without_a_crash(
    root: Client, chain: dict[str, Context]
) -> None:
    for odd in (
        "?organization=%00",
        "?context_id=%00",
        "?q=%00",
        "?p=x",
        "?p=99999999999999999999999",
        "?status=%00",
        "?branch=%C2%B2",
        "?updated_at__gte=x",
    ):
        assert root.get(url(TASK, "changelist") + odd).status_code in (200, 302), odd
    for odd in ("at/%00/t1/", "versions/global/%00/", "99999999999999999999/change/", "x/change/"):
        address = url(TASK, "changelist") + odd
        assert root.get(address, follow=True).status_code in (200, 404), odd
    for odd in ("?nonsense=1", "?version__in=99999999999999999999", "?context_id__range=x"):
        assert root.get(url(TASK, "changelist") + odd).status_code == 400, odd
    for odd in ("x", "²", "99999999999999999999"):
        chosen = {"action": "delete_chosen", "_selected_action": [odd]}
        assert root.post(url(TASK, "changelist"), chosen).status_code == 302, odd
    sent = form_of(TASK, chain["task"], data="oops", seen="\0")
    assert root.post(change_url(TASK, chain["task"]), sent).status_code == 200


def test_the_change_log_and_the_entries_are_to_read_only(
    root: Client, chain: dict[str, Context]
) -> None:
    entries.add(Author("global", "a"), TASK, "t1", Entry.Kind.INSIGHT, "note", importance="high")
    for name, row in (("change", Change.objects.latest("seq")), ("entry", Entry.objects.get())):
        detail = reverse(f"admin:contexts_{name}_change", args=[row.pk])
        assert "t1" in page(root, detail)
        assert root.post(detail, {"actor": "me"}).status_code == 403
        assert root.get(reverse(f"admin:contexts_{name}_add")).status_code == 403
        delete = reverse(f"admin:contexts_{name}_delete", args=[row.pk])
        assert root.post(delete, {"post": "yes"}).status_code == 403
        assert "t1" in page(root, reverse(f"admin:contexts_{name}_changelist") + "?level=task")


def log_page(client: Client, change: Change) -> str:
    return page(client, reverse("admin:contexts_change_change", args=[change.pk]))


def elsewhere(change: Change, **values: Any) -> services.ForeignChange:
    """The version that another node made instead of `change`."""
    document = {**(change.document or {}), **values}
    revision = revision_of(change.version, change.parent_revision, document)
    return services.ForeignChange(
        level=TASK,
        context_id=change.context_id,
        operation="updated",
        version=change.version,
        revision=revision,
        parent_revision=change.parent_revision,
        makes_version=True,
        document=document,
        record=None,
        entry=None,
        actor="far-away",
        origin_node="peer",
        mutation_id=uuid4(),
        at=change.at,
    )


def test_the_page_of_a_forked_version_tells_what_it_changed_of_the_one_before(
    root: Client, chain: dict[str, Context]
) -> None:
    set_field("data", {"status": "doing", "ours": 1})
    ours = Change.objects.latest("seq")
    outcome = services.adopt("global", elsewhere(ours, data={"status": "done"}))
    assert outcome is services.Outcome.TOOK_THEIRS
    body = log_page(root, Change.objects.latest("seq"))
    assert re.search(r"/data/status</code>.*<del>&quot;doing&quot;.*<ins>&quot;done&quot;", body)
    assert re.search(r"/data/ours</code>.*<del>1</del>", body)
    assert re.search(r"/data/status</code>.*<del>&quot;todo&quot;", log_page(root, ours))


def test_the_page_of_a_version_knows_its_context_from_a_twin(
    root: Client, chain: dict[str, Context]
) -> None:
    author = Author("global", "agent-7")
    for context_id in ("twin-1", "twin-2"):
        parents = {"branch_id": "b1"}
        data = {"deep": {"a": 1}}
        services.create(author, TASK, {"data": data}, context_id=context_id, parent_ids=parents)
        services.update(
            author, TASK, context_id, lambda values: {**values, "data": {"deep": {"a": 2}}}
        )
    firsts = Change.objects.filter(version=1, context_id__startswith="twin")
    assert len(set(firsts.values_list("revision", flat=True))) == 1
    firsts.filter(context_id="twin-1").update(document=None)
    newest = {change.context_id: change for change in Change.objects.filter(version=2)}
    assert re.search(r"/data/deep/a</code>.*<del>1</del>", log_page(root, newest["twin-2"]))
    assert "Compacted" in log_page(root, newest["twin-1"])


def test_no_filter_looks_through_all_rows_for_its_choices(
    root: Client, chain: dict[str, Context]
) -> None:
    models: list[type[Model]] = [Change, Entry, Delegation, Agent, Membership, User]
    models += [level.model for level in ALL_LEVELS]
    for model in models:
        meta = model._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        with CaptureQueriesContext(connection) as captured:
            page(root, address)
        assert not [query for query in captured if "DISTINCT" in query["sql"]], address


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?importance=high", True),
        ("?importance=low", False),
        ("?category=technical", True),
        ("?category=business", False),
        ("?level=task", True),
        ("?level=branch", False),
        ("?kind__exact=insight", True),
        ("?context_id=t1&level=task", True),
        ("?context_id=t2&level=task", False),
    ],
)
def test_entries_are_filtered_by_the_words_that_they_can_have(
    root: Client, chain: dict[str, Context], query: str, found: bool
) -> None:
    entries.add(
        Author("global", "a"),
        TASK,
        "t1",
        Entry.Kind.INSIGHT,
        "mind the gap",
        importance="high",
        category="technical",
    )
    address = reverse("admin:contexts_entry_changelist")
    assert "?category=discovery" in page(root, address)
    assert ("mind the gap" in page(root, address + query)) is found


@pytest.fixture
def pending(chain: dict[str, Context]) -> Delegation:
    """What an agent hands to the organization."""
    caller = Caller("global", "agent-7", Role.WRITER)
    return delegations.delegate(caller, TASK, "t1", to="global", data={"rule": "new"}, reason="why")


def decide_url(delegation: Delegation) -> str:
    return reverse("admin:contexts_delegation_decide", args=[delegation.pk])


def test_approving_a_delegation_shows_and_then_makes_the_change(
    root: Client, pending: Delegation
) -> None:
    body = page(root, reverse("admin:contexts_delegation_change", args=[pending.pk]))
    assert re.search(r"/rule</code>.*<ins>&quot;new&quot;</ins>", body)
    root.post(decide_url(pending), {"decision": "approved"})
    assert row_of(GLOBAL, "global").data == {"rule": "new"}
    pending.refresh_from_db()
    assert (pending.status, pending.decided_by) == ("approved", "root")


def test_a_rejected_delegation_changes_nothing_and_is_decided_for_good(
    root: Client, pending: Delegation
) -> None:
    root.post(decide_url(pending), {"decision": "rejected"})
    again = root.post(decide_url(pending), {"decision": "approved"}, follow=True)
    assert "root rejected it" in again.content.decode()
    assert row_of(GLOBAL, "global").data == {}


def test_many_delegations_are_decided_at_once(root: Client, pending: Delegation) -> None:
    sent = {"action": "approve_chosen", "_selected_action": [pending.pk]}
    root.post(reverse("admin:contexts_delegation_changelist"), sent)
    pending.refresh_from_db()
    assert pending.status == "approved"


def test_a_writer_sees_delegations_but_does_not_decide(
    signed_in: Humans, pending: Delegation
) -> None:
    writer = signed_in("bob", **{"global": Role.WRITER})
    detail = reverse("admin:contexts_delegation_change", args=[pending.pk])
    assert "Approve" not in page(writer, detail)
    assert writer.post(decide_url(pending), {"decision": "approved"}).status_code == 403
    pending.refresh_from_db()
    assert pending.status == "pending"


def key_in(body: str) -> str:
    found = re.search(r"ctx_[A-Za-z0-9_-]{40,}", body)
    assert found is not None
    return found.group()


def test_an_agents_key_is_shown_once_and_works(root: Client, organization: str) -> None:
    sent = {"agent_id": "builder", "organization": organization, "role": "writer"}
    response = root.post(reverse("admin:contexts_agent_add"), sent)
    key = key_in(response.content.decode())
    agent = agents.with_key(key)
    assert agent is not None
    assert (agent.agent_id, agent.role) == ("builder", "writer")
    assert "no-store" in response["Cache-Control"]
    assert key not in str(response.cookies)
    detail = reverse("admin:contexts_agent_change", args=[Agent.objects.get().pk])
    for address in (detail, reverse("admin:contexts_agent_changelist"), reverse("admin:index")):
        assert key not in page(root, address)
    again = root.post(reverse("admin:contexts_agent_add"), sent)
    assert "There is an agent builder already" in again.content.decode()
    assert agents.with_key(key) is not None


def test_rotating_ends_the_old_key_and_a_reload_does_not_rotate_again(
    root: Client, organization: str
) -> None:
    old = agents.issue_key("builder", organization, Role.WRITER)
    agent = Agent.objects.get()
    address = reverse("admin:contexts_agent_rotate", args=[agent.pk])
    seen = re.search(r'name="seen" value="([^"]+)"', page(root, address))
    assert seen is not None
    new = key_in(root.post(address, {"seen": seen.group(1)}).content.decode())
    assert agents.with_key(old) is None
    root.post(address, {"seen": seen.group(1)})
    assert agents.with_key(new) is not None


def test_revoking_asks_first_and_ends_the_key(root: Client, organization: str) -> None:
    key = agents.issue_key("builder", organization)
    address = reverse("admin:contexts_agent_revoke", args=[Agent.objects.get().pk])
    page(root, address)
    assert agents.with_key(key) is not None
    root.post(address)
    assert agents.with_key(key) is None


def test_changing_a_role_leaves_the_key_and_the_organization(
    root: Client, organization: str
) -> None:
    key = agents.issue_key("builder", organization, Role.WRITER)
    address = reverse("admin:contexts_agent_change", args=[Agent.objects.get().pk])
    root.post(address, {"role": "reader", "organization": "elsewhere"})
    agent = agents.with_key(key)
    assert agent is not None
    assert (agent.role, agent.organization_id) == ("reader", organization)


MEMBERS = "admin:contexts_membership_of"


def rows_of(*rows: tuple[str, str] | None, organization_id: str = "global") -> dict[str, Any]:
    """What the page sends: for each member by name the role or None; then (name, role) to add."""
    members = owned(organization_id, Membership).order_by("user__username")
    sent: dict[str, Any] = {
        "memberships-TOTAL_FORMS": str(members.count() + len(rows)),
        "memberships-INITIAL_FORMS": str(members.count()),
    }
    for number, member in enumerate(members):
        sent |= {f"memberships-{number}-id": member.pk, f"memberships-{number}-role": member.role}
    for number, row in enumerate(rows, members.count()):
        if row is not None:
            name, role = row
            sent |= {f"memberships-{number}-username": name, f"memberships-{number}-role": role}
    return sent


def told_in_the_log() -> list[tuple[int, str, str, str]]:
    """The rows of Django's log about memberships, oldest first."""
    rows = LogEntry.objects.filter(content_type__model="membership").order_by("pk")
    return [
        (row.action_flag, row.user.get_username(), row.object_repr, row.get_change_message())
        for row in rows
    ]


def test_an_administrator_of_the_instance_adds_changes_and_removes_members(
    root: Client, organization: str
) -> None:
    User.objects.create_user("carol")
    members = reverse(MEMBERS, args=["global"])
    body = page(root, change_url(GLOBAL, row_of(GLOBAL, "global")))
    assert "Save members" in body
    assert reverse("admin:auth_user_add") in body
    root.post(members, rows_of(("carol", "writer")))
    carol = Membership.objects.get()
    assert (str(carol), carol.role) == ("carol in global", "writer")
    assert "A member already" in root.post(members, rows_of(("carol", "admin"))).content.decode()
    assert "no user of that name" in root.post(members, rows_of(("x", "admin"))).content.decode()
    root.post(members, {**rows_of(), "memberships-0-role": "reader"})
    root.post(members, {**rows_of(), "memberships-0-DELETE": "on"})
    assert not Membership.objects.exists()
    assert told_in_the_log() == [
        (ADDITION, "root", "carol in global", "Made carol writer in global."),
        (
            CHANGE,
            "root",
            "carol in global",
            "Changed carol from writer in global to reader in global.",
        ),
        (DELETION, "root", "carol in global", "Removed carol, who was reader in global."),
    ]


def test_memberships_changed_on_a_users_page_are_logged_too(
    root: Client, organization: str
) -> None:
    carol = User.objects.create_user("carol")
    Membership.objects.create(user=carol, organization_id="global", role=Role.READER)
    address = reverse("admin:auth_user_change", args=[carol.pk])
    sent = {
        "username": "carol",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": Membership.objects.get().pk,
        "memberships-0-user": carol.pk,
        "memberships-0-organization": "global",
        "memberships-0-role": "admin",
    }
    assert root.post(address, sent).status_code == 302
    root.post(reverse("admin:auth_user_delete", args=[carol.pk]), {"post": "yes"})
    assert [message for *_, message in told_in_the_log()] == [
        "Changed carol from reader in global to admin in global.",
        "Removed carol, who was admin in global.",
    ]


def test_an_admin_changes_roles_and_removes_members(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("bob", **{"global": Role.READER})
    signed_in("carol", **{"global": Role.READER})
    sent = {**rows_of(), "memberships-1-role": "writer", "memberships-2-DELETE": "on"}
    alice.post(reverse(MEMBERS, args=["global"]), sent)
    members = Membership.objects.order_by("user__username")
    assert [(str(each), each.role) for each in members] == [
        ("alice in global", "admin"),
        ("bob in global", "writer"),
    ]
    assert [row[1] for row in told_in_the_log()] == ["alice", "alice"]


@pytest.mark.parametrize(
    "deed",
    [
        {"memberships-0-role": "writer"},
        {"memberships-0-DELETE": "on"},
        {"memberships-0-DELETE": "on", "memberships-0-role": "nonsense"},
        {"memberships-0-DELETE": "on", "memberships-1-role": "admin"},
    ],
    ids=["demoted", "removed", "removed beside a mistake", "for one who cannot sign in"],
)
def test_the_last_admin_cannot_leave_the_organization_without_one(
    signed_in: Humans, organization: str, deed: dict[str, str]
) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    bob = User.objects.create_user("bob")
    Membership.objects.create(user=bob, organization_id="global", role=Role.READER)
    members = reverse(MEMBERS, args=["global"])
    body = alice.post(members, {**rows_of(), **deed}).content.decode()
    assert "make someone else admin before you leave" in body
    assert [each.role for each in Membership.objects.order_by("pk")] == ["admin", "reader"]
    assert told_in_the_log() == []


def test_an_admin_leaves_when_another_stays(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("bob", **{"global": Role.ADMIN})
    sent = {**rows_of(), "memberships-0-DELETE": "on"}
    response = alice.post(reverse(MEMBERS, args=["global"]), sent, follow=True)
    assert response.status_code == 200
    assert [str(each) for each in Membership.objects.all()] == ["bob in global"]


def test_the_last_admin_is_removed_by_an_administrator_of_the_instance(
    root: Client, signed_in: Humans, organization: str
) -> None:
    signed_in("alice", **{"global": Role.ADMIN})
    root.post(reverse(MEMBERS, args=["global"]), {**rows_of(), "memberships-0-DELETE": "on"})
    assert not Membership.objects.exists()


def test_an_admin_learns_of_no_user_outside_of_the_own_organizations(
    signed_in: Humans, organization: str
) -> None:
    for name in ("second", "elsewhere"):
        make_organization(name)
    alice = signed_in("alice", **{"global": Role.ADMIN, "second": Role.ADMIN})
    signed_in("bob", second=Role.READER)
    signed_in("sam", elsewhere=Role.READER)
    members = reverse(MEMBERS, args=["global"])
    refusals = set()
    for name in ("sam", "nobody"):
        body = alice.post(members, rows_of((name, "reader"))).content.decode()
        refusals |= set(re.findall(r'<ul class="errorlist[^>]*><li>([^<]+)', body))
    [refusal] = refusals
    assert "an administrator of this instance adds everyone else" in refusal
    alice.post(members, rows_of(("bob", "writer")))
    assert [str(each) for each in owned("global", Membership).order_by("pk")] == [
        "alice in global",
        "bob in global",
    ]


def test_an_admin_of_one_organization_is_told_who_adds_members(
    signed_in: Humans, organization: str
) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("sam")
    body = page(alice, reverse(MEMBERS, args=["global"]))
    assert "added by an administrator of this instance" in body
    assert 'name="memberships-1-username"' not in body
    alice.post(reverse(MEMBERS, args=["global"]), rows_of(("sam", "reader")))
    assert Membership.objects.count() == 1


def test_a_stranger_finds_nothing_of_another_organization(
    signed_in: Humans, pending: Delegation, chain: dict[str, Context]
) -> None:
    make_organization("elsewhere")
    agents.issue_key("secret-agent", "global", Role.WRITER)
    stranger = signed_in("sam", elsewhere=Role.ADMIN)
    for level in ALL_LEVELS:
        row = chain[level.name]
        assert "agent-7" not in page(stranger, url(level, "changelist"))
        assert stranger.get(change_url(level, row)).status_code == 404
        sent = form_of(level, row, data='{"stolen": 1}')
        assert stranger.post(change_url(level, row), sent).status_code == 404
        assert stranger.post(url(level, "delete", row.pk), {"cascade": "1"}).status_code == 404
        note = {"note-kind": "progress", "note-content": "no"}
        assert stranger.post(url(level, "note", row.pk), note).status_code == 404
        for name in ("versions", "revert"):
            version = [1] if name == "revert" else []
            address = url(level, name, "global", row.context_id, *version)
            assert stranger.post(address).status_code == 404
        assert row_of(level, row.context_id).version == 1
    assert stranger.post(decide_url(pending), {"decision": "approved"}).status_code == 404
    agent = Agent.objects.get()
    for name in ("rotate", "revoke"):
        address = reverse(f"admin:contexts_agent_{name}", args=[agent.pk])
        assert stranger.post(address).status_code == 404
    assert stranger.get(reverse("admin:contexts_membership_of", args=["global"])).status_code == 404
    sent = {"parent": chain["branch"].pk, "id": "t9", "progress": "0"}
    assert "Select a valid choice" in stranger.post(url(TASK, "add"), sent).content.decode()
    assert "agent-7" not in page(stranger, reverse("admin:index"))
    for name in ("change", "entry", "delegation", "agent", "membership"):
        body = page(stranger, reverse(f"admin:contexts_{name}_changelist"))
        assert "agent-7" not in body
        assert "secret-agent" not in body


def test_suggestions_for_a_parent_stay_inside_the_humans_organizations(
    signed_in: Humans, chain: dict[str, Context]
) -> None:
    make_organization("elsewhere")
    query = {"app_label": "contexts", "model_name": "taskcontext", "field_name": "parent"}
    found = {}
    for name, roles in (("alice", {"global": Role.WRITER}), ("sam", {"elsewhere": Role.ADMIN})):
        answer = signed_in(name, **roles).get(reverse("admin:autocomplete"), {**query, "term": "b"})
        found[name] = [each["text"] for each in answer.json()["results"]]
    assert found == {"alice": ["b1 (global)"], "sam": []}


def test_a_writer_edits_and_deletes_tasks_but_not_projects(
    signed_in: Humans, chain: dict[str, Context]
) -> None:
    bob = signed_in("bob", **{"global": Role.WRITER})
    row = chain["task"]
    bob.post(change_url(TASK, row), form_of(TASK, row, data='{"by": "bob"}'))
    assert row_of(TASK, "t1").updated_by == "bob"
    assert bob.post(url(PROJECT, "delete", chain["project"].pk)).status_code == 403
    assert bob.get(url(GLOBAL, "add")).status_code == 403
    assert bob.get(reverse("admin:contexts_agent_changelist")).status_code == 403
    bob.post(url(TASK, "delete", row.pk), {"revision": row_of(TASK, "t1").revision})
    assert Change.objects.latest("seq").operation == "deleted"


def test_a_reader_reads_and_changes_nothing(signed_in: Humans, chain: dict[str, Context]) -> None:
    rita = signed_in("rita", **{"global": Role.READER})
    for level in ALL_LEVELS:
        row = chain[level.name]
        assert 'name="data"' not in page(rita, change_url(level, row))
        assert rita.post(change_url(level, row), form_of(level, row)).status_code == 403
        assert rita.post(url(level, "delete", row.pk), {"cascade": "1"}).status_code == 403
        assert rita.get(url(level, "add")).status_code == 403
        note = {"note-kind": "progress", "note-content": "no"}
        assert rita.post(url(level, "note", row.pk), note).status_code == 403
        revert = url(level, "revert", "global", row.context_id, 1)
        assert rita.post(revert).status_code == 403
        assert row_of(level, row.context_id).version == 1


def test_who_is_no_staff_or_signed_out_is_sent_to_the_sign_in(
    organization: str, chain: dict[str, Context]
) -> None:
    user = User.objects.create_user("guest")
    Membership.objects.create(user=user, organization_id="global", role=Role.ADMIN)
    guest = Client()
    for _ in range(2):
        response = guest.get(change_url(TASK, chain["task"]))
        assert response["Location"].startswith(reverse("admin:login"))
        guest.force_login(user)


def test_only_instance_administrators_see_users(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    root = signed_in("root", superuser=True)
    users = reverse("admin:auth_user_changelist")
    assert alice.get(users).status_code == 403
    assert "alice" in page(root, users)
    page(root, reverse("admin:auth_user_add"))
    page(root, reverse("admin:auth_user_change", args=[User.objects.get(username="alice").pk]))


def test_the_first_page_counts_and_shows_the_latest_changes(
    root: Client, pending: Delegation
) -> None:
    body = page(root, reverse("admin:index"))
    assert re.search(
        r'figure-count">1</span>\s*<span class="figure-name">pending delegations', body
    )
    assert "agent-7" in body
    assert body.index(">Contexts<") < body.index(">Activity<") < body.index(">Access<")


def test_every_page_leads_out_to_the_pages_for_everyone(
    root: Client, chain: dict[str, Context]
) -> None:
    for address in (reverse("admin:index"), change_url(TASK, chain["task"])):
        assert 'href="/"' in page(root, address)
