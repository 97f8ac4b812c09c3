"""What the other pages tell: a context, decisions, what was found, notices."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contexts import delegations, entries, services
from contexts.access import Caller
from contexts.admin import additions
from contexts.admin.additions import Notice
from contexts.changes import Author
from contexts.levels import BRANCH, PROJECT, TASK
from contexts.models import Entry, Role
from contexts.pages.resolved import MISSING, at, resolved
from tests.conftest import Humans
from tests.pages.conftest import edit, html

AT: list[tuple[Any, list[str], Any]] = [
    ({"a": {"b": 1}}, ["a", "b"], 1),
    ({"a": {"b": 1}}, ["a", "c"], MISSING),
    ({}, ["a"], MISSING),
    ({"a": 5}, ["a", "b", "c"], 5),
    ({"a": [1]}, ["a", "0"], [1]),
    ({"a": None}, ["a"], None),
    ({"a": {"b": {}}}, ["a"], {"b": {}}),
]


@pytest.mark.parametrize(("document", "path", "expected"), AT)
def test_what_a_document_has_at_a_path(document: Any, path: list[str], expected: Any) -> None:
    found = at(document, path)
    assert found is expected if expected is MISSING else found == expected


def test_each_value_is_marked_by_its_level_and_what_it_overrides(
    reader: Client, chain: Author
) -> None:
    found = resolved(TASK, "global", "t1")
    marks = {
        marked.line.leaf: (
            marked.link.level.name,
            [(each.link.level.name, each.text) for each in marked.overridden],
        )
        for marked in found.lines
        if marked.link is not None
    }
    assert marks == {
        ("rules", "style"): ("task", [("project", '"black"'), ("global", '"ruff"')]),
        ("rules", "width"): ("global", []),
        ("goal",): ("branch", []),
        ("status",): ("task", []),
    }
    assert [(step.link.level.name, step.values) for step in found.chain] == [
        ("global", 1), ("project", 0), ("branch", 1), ("task", 2)
    ]  # fmt: skip
    page = html(reader, "/contexts/task/t1/")
    assert "2 values overridden" in page
    assert "overrides project" in page


def test_the_timeline_has_versions_with_their_differences_and_entries_in_order(
    reader: Client, chain: Author
) -> None:
    entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, "half way")
    edit(chain, TASK, "t1", {"status": "done"})
    page = html(reader, "/contexts/task/t1/").partition('class="timeline"')[2]
    order = [page.index(text) for text in ("<strong>v2", "half way", "<strong>v1")]
    assert order == sorted(order)
    assert "/data/status" in page


def test_more_of_a_long_timeline_is_there_to_ask_for(reader: Client, chain: Author) -> None:
    for number in range(45):
        entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, f"step-{number}.")
    address = "/contexts/task/t1/"
    for shown, more in ((20, "40"), (40, "60"), (60, None)):
        page = html(reader, address)
        assert page.count('class="moment ') == min(shown, 46)
        found = re.search(r'data-more href="\?shown=(\d+)"', page)
        assert (found and found[1]) == more
        address = f"/contexts/task/t1/?shown={more}"
    for nonsense in ("x", "-1", "99999", "1e9", "²"):
        html(reader, f"/contexts/task/t1/?shown={nonsense}")


def test_a_deleted_context_keeps_its_page(writer: Client, chain: Author) -> None:
    services.delete(chain, TASK, "t1")
    page = html(writer, "/contexts/task/t1/")
    assert "is deleted" in page
    assert 'data-revert="1"' in page
    assert 'id="edit"' not in page


def test_decisions_show_what_approving_changes(admin: Client, chain: Author) -> None:
    caller = Caller("global", "agent-7", Role.WRITER)
    data = {"rules": {"style": "black", "new": True}}
    delegations.delegate(caller, TASK, "t1", to="global", data=data, reason="holds everywhere")
    page = html(admin, "/decisions/")
    cells = [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in page.split("<tr")[2:]]
    assert cells[0].endswith("rules.new not there true")
    assert "rules.style &quot;ruff&quot; &quot;black&quot;" in cells[1]
    assert "holds everywhere" in page
    assert '<span class="number">1</span>' in html(admin, "/")


def test_search_finds_ids_names_and_words_that_are_still_being_typed(
    reader: Client, chain: Author, signed_in: Humans
) -> None:
    services.update(
        chain, PROJECT, "p1", lambda values: {**values, "project_name": "Warehouse robots"}
    )
    entries.add(chain, BRANCH, "b1", Entry.Kind.PROGRESS, "coverage is back")
    for text, expected in (
        ("t1", ["task t1"]),
        ("T1", ["task t1"]),
        ("robot", ["project p1"]),
        ("shi", ["branch b1"]),
        ("rules no", ["task t1"]),
        ("cover", ["branch b1"]),
        ("is coverag", ["branch b1"]),
        ("overage", []),
        ("", []),
        ("   ", []),
        ("a " * 60, []),
        ("\0", []),
    ):
        page = client_get(reader, text)
        found = re.findall(r'<a class="found.*?</a>', page, re.DOTALL)
        told = [" ".join(re.sub("<[^>]+>", " ", each).split()) for each in found]
        assert [" ".join(each.split()[:2]) for each in told] == expected, text


def client_get(client: Client, text: str) -> str:
    """As the script of a page asks while someone types."""
    organization = {"X-Contextsys-Organization": "global"}
    response = client.get("/find/", {"q": text}, headers=organization)
    assert response.status_code in (200, 400)
    return response.content.decode()


def test_search_marks_where_the_word_stands(reader: Client, chain: Author) -> None:
    assert "goal: <mark>shi</mark>p" in client_get(reader, "shi")


def test_without_scripts_what_was_found_is_a_page(reader: Client, chain: Author) -> None:
    page = html(reader, "/find/?q=shi")
    assert "Found for “shi”" in page
    assert "<title>shi · contextsys</title>" in page
    links = re.findall(r'<a class="found[^>]*>', page)
    assert links == ['<a class="found level-branch" href="/contexts/branch/b1/">']
    assert "Nothing with “nowhere”." in html(reader, "/find/?q=nowhere")
    empty = html(reader, "/find/")
    assert "Type what to look for" in empty
    assert "<title>Search · contextsys</title>" in empty
    # A script gets no frame around it.
    assert "<html" not in client_get(reader, "shi")


def test_a_notice_leads_to_where_something_can_be_done(
    reader: Client, chain: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [
        Notice("A conflict here waits.", "Look", "/admin/conflict/", waits=True),
        Notice("A change was refused.", "See why", "/admin/journal/"),
    ]
    monkeypatch.setattr(additions, "notices", [lambda *_: told])
    monkeypatch.setattr(additions, "waiting", [lambda organization_id: 3])
    User.objects.update(is_staff=False)
    # Who may not go to the admin is not sent there, nor to decisions that are none.
    page = html(reader, "/contexts/task/t1/")
    assert re.findall(r'class="notice">(.*?)</p>', page) == [
        'A conflict here waits. <a href="/decisions/">Decide</a>',
        "A change was refused.",
    ]
    assert '<span class="number">3</span>' in page
    User.objects.update(is_staff=True)
    page = html(reader, "/contexts/task/t1/")
    assert 'A change was refused. <a href="/admin/journal/">See why</a>' in page
