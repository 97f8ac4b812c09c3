"""Conflicts in the admin, to look at: both edits beside their base, the list, who sees what."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from contexts import services
from contexts.levels import TASK
from contexts.models import Role
from syncing.models import Conflict
from tests.conftest import Humans, make_organization
from tests.syncing.collisions import (
    AUTHOR,
    DATA,
    OURS,
    THEIRS,
    collide,
    edit,
    make,
    make_branch,
    page_of,
    push,
    read,
    row_of,
    rows_in,
    seen_of,
    settle,
    settle_url,
)

LIST = "/admin/syncing/conflict/"
EVIL = '"><script>alert(1)</script>'


@pytest.fixture(autouse=True)
def chain(organization: str) -> None:
    make_branch()
    make(data=DATA)


@pytest.fixture
def conflict(owner_client: APIClient) -> Conflict:
    """Two edits of `t1` that differ in `data.status`."""
    return collide(owner_client, OURS, THEIRS)


def test_the_page_has_both_edits_beside_what_they_began_from(
    root: Client, conflict: Conflict
) -> None:
    body = read(root, page_of(conflict))
    assert rows_in(body, "disputed") == [
        ['"status": "todo"', '"status": "doing"', '"status": "done"']
    ]
    one_sided = [row for row in rows_in(body, "differs") if row not in rows_in(body, "disputed")]
    assert sorted(one_sided) == [
        ['"goal": "ship"', '"goal": "test"', '"goal": "ship"'],
        ['"owner": "kim"', '"owner": "kim"', '"owner": "sam"'],
        ['"progress": 0', '"progress": 0', '"progress": 50'],
    ]
    assert ['"width": 80'] * 3 in rows_in(body, "")
    assert "by agent-there" in body
    assert 'href="#dispute-1"' in body
    assert 'id="dispute-1"' in body


def test_the_side_that_changed_a_value_is_marked(root: Client, conflict: Conflict) -> None:
    changed = re.findall(
        r'side side-(\w+) changed"><span[^>]*>\w+</span>.*?json-key">&quot;(\w+)',
        read(root, page_of(conflict)),
    )
    # The databases order keys each in their own way.
    assert sorted(changed) == [
        ("ours", "goal"),
        ("ours", "status"),
        ("theirs", "owner"),
        ("theirs", "progress"),
        ("theirs", "status"),
    ]


def test_what_is_not_there_on_one_side_is_said(root: Client, owner_client: APIClient) -> None:
    less = {name: value for name, value in DATA.items() if name != "style"}
    conflict = collide(owner_client, {"data": {**DATA, "style": {"width": 90}}}, {"data": less})
    assert conflict.paths == ["/data/style"]
    body = read(root, page_of(conflict))
    assert rows_in(body, "disputed") == [
        ['"style": {', '"style": {', "not there"],
        ['"width": 80', '"width": 90', ""],
        ["}", "}", ""],
    ]


def test_elements_of_a_list_stand_beside_each_other_by_their_id(
    root: Client, owner_client: APIClient
) -> None:
    def steps(*names: str) -> dict[str, Any]:
        return {"data": {"steps": [{"id": each[0], "state": each[1:]} for each in names]}}

    edit(**steps("a0", "b0", "c0"))
    conflict = collide(owner_client, steps("b1", "c0", "a0"), steps("a0", "b2", "c0", "d9"))
    assert conflict.paths == ["/data/steps/b/state"]
    body = read(root, page_of(conflict))
    assert rows_in(body, "disputed") == [['"state": "0"', '"state": "1"', '"state": "2"']]
    assert ["not there", "not there", "{"] in rows_in(body, "differs")


def test_long_stretches_without_a_difference_are_folded(
    root: Client, owner_client: APIClient
) -> None:
    edit(data={**DATA, "long": {f"key-{number:03}": number for number in range(300)}})
    long = row_of(TASK, "t1").data
    conflict = collide(owner_client, {"data": {**long, "zz": 1}}, {"data": {**long, "zz": 2}})
    body = read(root, page_of(conflict))
    folded = re.search(r"<summary>(\d+) lines that are the same", body)
    assert folded is not None
    assert int(folded.group(1)) > 290
    before_fold = body[: body.index("<details")]
    assert "key-150" not in before_fold
    assert rows_in(body, "disputed") == [["not there", '"zz": 1', '"zz": 2']]


def test_a_page_of_large_documents_is_cut_and_says_so(
    root: Client, owner_client: APIClient
) -> None:
    ours = {"data": {f"key-{number}": "ours" for number in range(3000)}}
    theirs = {"data": {f"key-{number}": "theirs" for number in range(3000)}}
    body = read(root, page_of(collide(owner_client, ours, theirs)))
    assert len(rows_in(body, "differs")) == 500
    assert "the API has them all" in body
    assert "and 2900 more" in body


def test_the_list_has_open_ones_first_with_their_paths(
    root: Client, conflict: Conflict, owner_client: APIClient
) -> None:
    make(context_id="t2", data=DATA)
    later = collide(owner_client, {"progress": 1}, {"progress": 2}, TASK, "t2")
    services.delete(AUTHOR, TASK, "t2")
    root.post(settle_url(later), {"strategy": "theirs", "revision": ""})
    body = read(root, LIST)
    assert body.index(">t1<") < body.index(">t2<")
    assert re.search(r"<code>/data/status</code>", body)
    assert "by root: Take theirs" in body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=open", True),
        ("?status=resolved", False),
        ("?level=task", True),
        ("?level=branch", False),
        ("?organization=global", True),
        ("?context_id=t1&level=task", True),
        ("?context_id=t2", False),
        ("?q=agent-there", True),
        ("?q=nobody", False),
        ("?at__gte=2001-01-01+00:00:00%2B00:00", True),
    ],
)
def test_filters_and_search_narrow_the_list(
    root: Client, conflict: Conflict, query: str, found: bool
) -> None:
    assert (">t1<" in read(root, LIST + query)) is found
    assert ">t1<" in read(root, f"{LIST}?q={conflict.conflict_id}")


def test_a_reader_looks_and_a_writer_settles(signed_in: Humans, conflict: Conflict) -> None:
    rita = signed_in("rita", **{"global": Role.READER})
    body = read(rita, page_of(conflict))
    assert "Merge" in body
    assert 'name="strategy"' not in body
    assert "<textarea" not in body
    assert rita.post(settle_url(conflict), {"strategy": "ours"}).status_code == 403
    bob = signed_in("bob", **{"global": Role.WRITER})
    settle(bob, conflict, strategy="ours")
    conflict.refresh_from_db()
    assert conflict.resolved_by == "bob"


def test_a_stranger_finds_no_conflict(signed_in: Humans, conflict: Conflict) -> None:
    make_organization("elsewhere")
    sam = signed_in("sam", elsewhere=Role.ADMIN)
    assert ">t1<" not in read(sam, LIST)
    assert ">t1<" not in read(sam, f"{LIST}?q={conflict.conflict_id}")
    assert sam.get(page_of(conflict)).status_code == 404
    assert sam.post(settle_url(conflict), {"strategy": "ours"}).status_code == 404
    assert "open conflict" not in read(sam, "/admin/")
    conflict.refresh_from_db()
    assert conflict.status == "open"


def test_odd_addresses_and_forms_are_answered_without_a_crash(
    root: Client, conflict: Conflict
) -> None:
    for odd in ("?q=%00", "?status=%00", "?p=x", "?status=x", "99999999999999999999/change/"):
        assert root.get(LIST + odd).status_code in (200, 302, 404), odd
    for odd in ("?nonsense=1", "?conflict_id__range=x"):
        assert root.get(LIST + odd).status_code == 400, odd
    assert root.get(f"{LIST}99999999999999999999/settle/").status_code == 404
    assert root.post(settle_url(conflict), {"strategy": "nonsense"}).status_code == 404
    assert root.get(settle_url(conflict)).status_code == 302
    assert root.get(reverse("admin:syncing_conflict_add")).status_code == 403
    delete = reverse("admin:syncing_conflict_delete", args=[conflict.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 403


def test_no_text_of_an_edit_becomes_html(root: Client, owner_client: APIClient) -> None:
    ours, theirs = {"data": {EVIL: [EVIL, 1]}}, {"data": {EVIL: [EVIL, 2], "x": EVIL}}
    conflict = collide(owner_client, ours, theirs)
    Conflict.objects.update(actor=EVIL, paths=[EVIL, *conflict.paths])
    for address in (LIST, page_of(conflict)):
        body = read(root, address)
        assert "<script>alert" not in body, address
        assert "&lt;script&gt;alert" in body, address
    sent = settle(root, conflict, data=EVIL)
    assert "<script>alert" not in sent.content.decode()


def test_pages_have_no_inline_script_or_style_attribute(root: Client, conflict: Conflict) -> None:
    for address in (LIST, page_of(conflict)):
        body = read(root, address)
        assert re.findall(r"<script(?![^>]*\bsrc=)", body) == [], address
        assert re.findall(r'<[^>]*\s(?:style|on[a-z]+)="', body) == [], address


def test_a_list_takes_as_many_queries_for_many_as_for_few_and_reads_no_document(
    root: Client, owner_client: APIClient
) -> None:
    counts = []
    for numbers in (range(2, 4), range(4, 9)):
        for number in numbers:
            make(context_id=f"t{number}", data=DATA)
            collide(owner_client, OURS, THEIRS, TASK, f"t{number}")
        read(root, LIST)
        with CaptureQueriesContext(connection) as captured:
            read(root, LIST)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert not [query for query in captured if '"syncing_conflict"."theirs"' in query["sql"]]


def test_a_contexts_page_leads_to_its_conflict(root: Client, conflict: Conflict) -> None:
    task = reverse("admin:contexts_taskcontext_change", args=[row_of(TASK, "t1").pk])
    notice = re.search(
        r'class="notice">A conflict here waits[^<]*<a href="([^"]+)"', read(root, task)
    )
    assert notice is not None
    assert unescape(notice.group(1)) == page_of(conflict)
    services.delete(AUTHOR, TASK, "t1")
    history = reverse("admin:contexts_taskcontext_versions", args=["global", "t1"])
    assert "A conflict here waits" in read(root, history)
    settle(root, conflict, strategy="ours")
    assert "conflict here" not in read(root, history)


def test_a_contexts_page_leads_to_the_list_of_several(
    root: Client, conflict: Conflict, owner_client: APIClient
) -> None:
    seen = seen_of(TASK, row_of(TASK, "t1"))
    edit(progress=1)
    push(owner_client, seen, TASK, progress=2)
    task = reverse("admin:contexts_taskcontext_change", args=[row_of(TASK, "t1").pk])
    notice = re.search(
        r'class="notice">2 conflicts here wait[^<]*<a href="([^"]+)"', read(root, task)
    )
    assert notice is not None
    assert "2 conflicts" in read(root, unescape(notice.group(1)))


def test_the_first_page_counts_open_conflicts_and_names_the_section(
    root: Client, conflict: Conflict
) -> None:
    body = read(root, "/admin/")
    assert re.search(r'figure-count">1</span>\s*<span class="figure-name">open conflict<', body)
    assert re.search(r'figure-count">1</span>\s*<span class="figure-name">node<', body)
    assert body.index(">Access<") < body.index(">Sync<")
    for name in ("Conflicts", "Journal", "Hub", "Nodes"):
        assert f">{name}<" in body
    assert read(root, "/admin/syncing/")
    other = settle(root, conflict, strategy="ours")
    assert other.status_code == 200
    assert "Next open conflict" not in other.content.decode()
