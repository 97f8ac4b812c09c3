"""An archive into an organization that has a history of its own."""

from pathlib import Path

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, GLOBAL, TASK
from contexts.models import Change, Feed, owned
from tests.contexts.archives.archive import export, forget, import_text, state
from tests.contexts.archives.work import make_task, set_data


def test_an_archive_into_an_organization_that_moved_on_keeps_the_longer_history(
    owner: Caller, tmp_path: Path
) -> None:
    make_task(owner)
    make_task(owner, "t2")
    make_task(owner, "t3")
    shared = export()
    set_data(owner, TASK, "t1", {"there": 1})
    set_data(owner, TASK, "t1", {"there": 2})
    set_data(owner, TASK, "t2", {"there": 1})
    theirs = export()
    forget("global")
    import_text(shared, tmp_path)
    set_data(owner, TASK, "t1", {"here": 1})
    set_data(owner, TASK, "t2", {"here": 1})
    set_data(owner, TASK, "t2", {"here": 2})
    set_data(owner, TASK, "t3", {"here": 1})

    said = import_text(theirs, tmp_path)

    assert {row.context_id: row.data for row in TASK.rows("global")} == {
        "t1": {"there": 2},
        "t2": {"here": 2},
        "t3": {"here": 1},
    }
    assert "task t1 had another history here: the imported one is current" in said
    assert "task t2 had another history here: the one of this instance is current" in said
    assert "t3" not in said
    documents = [change.document for change in owned("global", Change, context_id="t2", version=2)]
    assert [each["data"] for each in documents if each] == [{"here": 1}, {"there": 1}]
    feed = owned("global", Feed).get()
    numbers = owned("global", Change).order_by("seq").values_list("seq", flat=True)
    assert list(numbers) == list(range(1, feed.head + 1))
    assert " 0 changes new" in import_text(theirs, tmp_path)


def test_an_archive_into_an_organization_that_was_just_made(owner: Caller, tmp_path: Path) -> None:
    set_data(owner, GLOBAL, "global", {"rule": "be kind"})
    make_task(owner, data={"n": 1})
    before, exported = state("global"), export()
    forget("global")
    services.create(owner, GLOBAL, {"organization_name": "as new"}, context_id="global")

    import_text(exported, tmp_path)

    assert state("global")["contexts"] == before["contexts"]


def test_a_deletion_spares_a_context_that_has_children_here(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    shared = export()
    services.delete(owner, TASK, "t1")
    services.delete(owner, BRANCH, "b1")
    theirs = export()
    forget("global")
    import_text(shared, tmp_path)
    make_task(owner, "t2")

    said = import_text(theirs, tmp_path)

    assert "branch b1 had another history here: the one of this instance is current" in said
    assert [row.context_id for row in TASK.rows("global")] == ["t2"]
