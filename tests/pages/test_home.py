"""What the first page tells: the tree, the feed, who is at work."""

import json
import re
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contexts import entries, services
from contexts.changes import Author
from contexts.levels import GLOBAL, PROJECT, TASK
from contexts.models import Change, Entry
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
