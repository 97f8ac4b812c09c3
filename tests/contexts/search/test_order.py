"""The best match comes first, in the same order on both databases, page by page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contexts import queries, search
from contexts.access import Caller
from contexts.levels import TASK, Document
from tests.contexts.search.finding import find, make, note

ORDERS: list[tuple[str, str, list[Document], list[list[str]]]] = [
    # description, query, data of t0 t1 …, entries of each, in the order expected: t0 is best
    ("more often", "zebra", [{"a": "zebra zebra zebra"}, {"a": "zebra zebra"}, {"a": "zebra"}], []),
    ("length is no matter", "zebra", [{"a": "zebra " * 2 + "x " * 500}, {"a": "zebra"}], []),
    ("data before entries", "zebra", [{"a": "zebra"}, {}], [[], ["zebra"]]),
    (
        "data before entries, though all have it",
        "zebra",
        [{"a": "zebra"}, {}, {}, {}],
        [[], ["zebra", "zebra"], ["zebra zebra"], ["zebra"]],
    ),
    ("in both", "zebra", [{"a": "zebra"}, {"a": "zebra"}], [["zebra"], []]),
    ("in more entries", "zebra", [{}, {}], [["zebra", "zebra"], ["zebra"]]),
    ("in many entries", "zebra", [{}, {"a": "zebra"}], [["zebra"] * 6, []]),
    ("two words", "lion zebra", [{"a": "zebra zebra lion"}, {"a": "zebra lion"}], []),
    ("key and value", "zebra", [{"zebra": "zebra"}, {"zebra": "lion"}], []),
    (
        "two words over two places",
        "lion zebra",
        [{"a": "zebra lion"}, {"a": "zebra"}, {}],
        [[], ["lion"], ["zebra", "lion"]],
    ),
]


@pytest.mark.parametrize(
    ("text", "data", "written"), [order[1:] for order in ORDERS], ids=[o[0] for o in ORDERS]
)
@pytest.mark.parametrize("made", [1, -1], ids=["best first", "best last"])
def test_the_best_match_comes_first(
    owner: Caller, text: str, data: list[Document], written: list[list[str]], made: int
) -> None:
    numbers = list(range(len(data)))
    for number in numbers[::made]:
        make(owner, f"t{number}", data[number])
        for content in written[number] if written else []:
            note(owner, f"t{number}", content)
    for number in range(20):
        make(owner, f"other{number}", {"a": "lion"})
    assert find(text) == [f"t{number}" for number in numbers]


def test_equals_come_newest_first_and_pages_fit_together(owner: Caller) -> None:
    names = [f"t{number}" for number in range(25)]
    for name in names:
        make(owner, name, {"a": "zebra"})
        note(owner, name, "lion")
        note(owner, name, "lion lion")
    matches = search.matching(TASK.rows("global"), TASK, "global", "zebra lion")
    pages = [matches[start : start + 10] for start in range(0, 40, 10)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [row.context_id for page in pages for row in page] == names[::-1]
    assert matches[3:3] == []


def test_a_page_is_cut_by_the_database(owner: Caller) -> None:
    for number in range(12):
        make(owner, f"t{number}", {"a": "zebra"})
    matches = search.matching(TASK.rows("global"), TASK, "global", "zebra")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        found = matches[2:5]
        assert [queries.present(TASK, row)["branch_id"] for row in found] == ["b1"] * 3
    assert len(captured) == 2
    assert "LIMIT 3 OFFSET 2" in captured[0]["sql"]
