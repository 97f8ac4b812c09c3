"""The admin's lists: search, filters, and what they ask of the database."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contexts import entries
from contexts.changes import Author
from contexts.levels import LEVELS, PROJECT, TASK, Level
from contexts.models import Agent, Change, Context, Delegation, Entry, Membership
from tests.contexts.admin.pages import ALL_LEVELS, change_url, make_one, page, set_field, url


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
