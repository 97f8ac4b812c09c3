"""Where words are looked for: in data and entries of one context, of one organization."""

from typing import Any

from contexts import entries, search, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.levels import BRANCH, TASK
from contexts.models import Entry, TaskContext
from tests.conftest import make_organization
from tests.contexts.search.finding import find, make, note


def test_words_may_stand_in_data_and_in_several_entries(owner: Caller) -> None:
    make(owner, "t1", {"topic": "billing"})
    make(owner, "t2", {"topic": "billing"})
    note(owner, "t1", "wrote the migration")
    note(owner, "t1", "tests are green")
    note(owner, "t2", "wrote the migration")
    assert find("billing migration green") == ["t1"]
    assert find("billing migration") == ["t2", "t1"]
    assert find("green migration") == ["t1"]


def test_details_of_actions_are_searched_by_their_values(owner: Caller) -> None:
    make(owner, "t1", {})
    details = {
        "command": 'pytest -k "search\nnow" C:\\new',
        "result": {"files": ["src/app.py", None, True, 17]},
    }
    note(owner, "t1", "command", details)
    for text in ("pytest", "app.py", "search now", "new", "17", "true", "command"):
        assert find(text) == ["t1"], text
    for text in ("result", "files", "null", "nnow", "ew"):
        assert find(text) == [], text


def test_entries_of_other_levels_and_contexts_do_not_count(owner: Caller) -> None:
    make(owner, "b1", {})
    entries.add(owner, BRANCH, "b1", Entry.Kind.INSIGHT, "zebra", importance="low")
    assert find("zebra", level=BRANCH) == ["b1"]
    assert find("zebra") == []


def test_entries_are_found_again_with_a_context_made_again(owner: Caller) -> None:
    make(owner, "t1", {"topic": "old"})
    note(owner, "t1", "zebra")
    services.delete(owner, TASK, "t1")
    assert find("zebra") == find("old") == []
    make(owner, "t1", {"topic": "new"})
    assert find("zebra") == ["t1"]
    assert find("old") == []


def test_other_organizations_are_neither_found_nor_counted(owner: Caller) -> None:
    make_organization("elsewhere")
    stranger = Author("elsewhere", "stranger")
    make(owner, "t1", {"text": "shared zebra"})
    make(owner, "t2", {"text": "shared"})
    make(stranger, "t1", {"text": "shared"})
    make(stranger, "t3", {"text": "shared"})
    note(stranger, "t1", "zebra secret")
    assert find("shared") == ["t2", "t1"]
    assert find("secret") == []
    assert find("zebra") == ["t1"]
    assert find("shared secret", "elsewhere") == ["t1"]
    everything = TaskContext.objects.all()
    found = search.matching(everything, TASK, "global", "shared")[:]
    assert {row.organization_id for row in found} == {"global"}


def test_the_rows_given_are_the_ones_searched(owner: Caller) -> None:
    for name in ("t1", "t2", "t3"):
        make(owner, name, {"a": "zebra", "status": name})
    rows: Any = TASK.rows("global")

    def found(narrowed: Any) -> list[str]:
        return [row.context_id for row in search.matching(narrowed, TASK, "global", "zebra")[:]]

    assert found(rows.filter(data__status="t2")) == ["t2"]
    assert found(rows.filter(parent__parent__context_id="p1").order_by("context_id")) == [
        "t3",
        "t2",
        "t1",
    ]
    assert found(rows.filter(parent__context_id="absent")) == []
    assert found(rows.filter(context_id__in=["t1", "100%"])) == ["t1"]
    assert found(rows.none()) == []
