"""What the pages tell: the tree, the feed, who is at work, a context, decisions."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contexts import delegations, entries, services
from contexts.access import Caller
from contexts.admin import additions
from contexts.admin.additions import Notice
from contexts.changes import Author
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK
from contexts.models import Change, Entry, Role
from contexts.pages.resolved import MISSING, at, resolved
from tests.conftest import Humans
from tests.pages.conftest import edit, html


def keys(page: str) -> list[str]:
    return re.findall(r'data-key="([^"]+)"', page)


def tasks(author: Author, count: int, prefix: str = "t") -> None:
    for number in range(count):
        services.create(
            author,
            TASK,
            {},
            context_id=f"{prefix}{number:03}",
            parent_ids={"branch_id": "b1"},
        )


def test_the_first_page_opens_the_way_to_where_something_happens(
    reader: Client, chain: Author
) -> None:
    other = Author("global", "agent-9")
    services.create(other, PROJECT, {}, context_id="p2", parent_ids={})
    assert keys(html(reader, "/")) == ["global/global", "project/p2", "project/p1"]
    entries.add(other, TASK, "t1", Entry.Kind.PROGRESS, "under way")
    shown = ["global/global", "project/p1", "branch/b1", "task/t1", "project/p2"]
    page = html(reader, "/")
    assert keys(page) == shown
    assert "under way" in page
    assert "agent-9" in page


def test_an_organization_without_anything_says_how_to_begin(
    reader: Client, organization: str
) -> None:
    page = html(reader, "/")
    assert "No project yet" in page
    assert keys(page) == ["global/global"]


def test_a_long_list_comes_page_by_page_with_nothing_left_out(
    reader: Client, chain: Author
) -> None:
    tasks(chain, 120)
    # What the recent part of the log does not tell of any more.
    Change.objects.filter(level="task").update(path="")
    Change.objects.filter(level="task", context_id__startswith="t0").delete()
    seen: list[str] = []
    after: re.Match[str] | None = re.match("()", "")
    while after:
        place = after[1].replace("+", "%2B")
        page = html(reader, f"/contexts/branch/b1/children/?after={place}")
        seen += keys(page)
        after = re.search(r'data-after="([^"]+)"', page)
    assert sorted(set(seen)) == sorted(["task/t1", *(f"task/t{n:03}" for n in range(120))])


def test_what_is_alive_stands_first(reader: Client, chain: Author) -> None:
    tasks(chain, 60)
    entries.add(chain, TASK, "t003", Entry.Kind.PROGRESS, "still here")
    assert keys(html(reader, "/contexts/branch/b1/children/"))[0] == "task/t003"


def test_the_first_page_costs_the_same_however_many_tasks_there_are(
    reader: Client, chain: Author
) -> None:
    def cost() -> int:
        entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, "x")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            html(reader, "/")
        return len(queries)

    for number in range(30):
        entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, f"{number}")
    few = cost()
    tasks(chain, 80)
    for number in range(30):
        entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, f"{number}")
    assert cost() == few


def news(client: Client, since: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(html(client, f"/news/?since={since}"))
    return told


def head(page: str) -> int:
    found = re.search(r'data-head="(\d+)"', page)
    assert found
    return int(found[1])


def test_news_bring_the_rows_that_changed_and_those_above_them(
    reader: Client, chain: Author
) -> None:
    since = head(html(reader, "/"))
    assert news(reader, since)["rows"] == []
    edit(chain, TASK, "t1", {"status": "done"})
    told = news(reader, since)
    assert told["head"] == since + 1
    rows = {row["key"]: row for row in told["rows"]}
    assert set(rows) == {"global/global", "project/p1", "branch/b1", "task/t1"}
    assert [key for key, row in rows.items() if row["own"]] == ["task/t1"]
    assert rows["task/t1"]["parent"] == "branch/b1"
    assert "done" in rows["task/t1"]["html"]
    assert "rules.style" in told["feed"]
    assert "agent-7" in told["people"]
    assert news(reader, told["head"])["feed"].strip() == ""


def test_news_tell_what_is_gone(reader: Client, chain: Author) -> None:
    since = head(html(reader, "/"))
    services.delete(chain, TASK, "t1")
    told = news(reader, since)
    assert told["gone"] == ["task/t1"]
    assert {row["key"] for row in told["rows"]} == {"global/global", "project/p1", "branch/b1"}


def test_many_changes_of_few_contexts_leave_the_tree_as_it_is(
    reader: Client, chain: Author
) -> None:
    since = head(html(reader, "/"))
    for number in range(120):
        entries.add(chain, TASK, "t1", Entry.Kind.PROGRESS, f"{number}")
    told = news(reader, since)
    assert told["head"] == since + 120
    assert [row["key"] for row in told["rows"] if row["own"]] == ["task/t1"]
    # The feed's newest lines; what is before them is asked for by whoever wants to see it.
    lines = re.findall(r'data-seq="(\d+)"', told["feed"])
    assert lines == [str(since + 120 - back) for back in range(50)]


def test_who_missed_too_much_reads_the_page_anew(reader: Client, chain: Author) -> None:
    tasks(chain, 150)
    assert news(reader, 0) == {"anew": True}
    assert news(reader, 10_000) == {"anew": True}


def test_only_those_of_the_last_minutes_are_at_work(reader: Client, chain: Author) -> None:
    Change.objects.update(at=timezone.now() - timedelta(minutes=20))
    page = html(reader, "/")
    assert "Nobody in the last minutes" in page
    entries.add(Author("global", "agent-9"), TASK, "t1", Entry.Kind.PROGRESS, "x")
    page = html(reader, "/").partition('id="people"')[2].partition("</ul>")[0]
    assert "agent-9" in page
    assert "agent-7" not in page


def test_the_feed_tells_each_change_in_a_line(reader: Client, chain: Author) -> None:
    edit(chain, GLOBAL, "global", {"rules": {"style": "black", "width": 88}})
    entries.add(chain, TASK, "t1", Entry.Kind.INSIGHT, "Mock the clock", importance="high")
    services.delete(chain, TASK, "t1")
    feed = html(reader, "/").partition('id="feed"')[2]
    lines = [" ".join(re.sub("<[^>]+>", " ", line).split()) for line in feed.split("</li>")[:3]]
    assert "agent-7 deleted" in lines[0]
    assert "noted insight" in lines[1]
    assert "Mock the clock" in lines[1]
    assert "rules.style &quot;ruff&quot; → &quot;black&quot; and 1 more" in lines[2]


def test_earlier_changes_go_on_where_the_feed_ends(reader: Client, chain: Author) -> None:
    tasks(chain, 40)
    numbers = [int(n) for n in re.findall(r'data-seq="(\d+)"', html(reader, "/"))]
    numbers += [
        int(n)
        for n in re.findall(r'data-seq="(\d+)"', html(reader, f"/earlier/?before={numbers[-1]}"))
    ]
    assert numbers == list(range(numbers[0], numbers[0] - 45, -1))[: len(numbers)]
    assert len(numbers) > 40


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
