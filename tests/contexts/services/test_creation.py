"""Making contexts: ids, defaults, parents, and what is refused."""

import uuid
from typing import Any

import pytest

from contexts import services
from contexts.access import Caller
from contexts.changes import Author
from contexts.documents import MAX_DEPTH
from contexts.errors import DocumentTooLarge, IdTaken, Invalid, ParentMissing
from contexts.history import read_feed
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Document, Level
from tests.conftest import make_organization
from tests.contexts.replay import assert_log_is_the_state
from tests.contexts.services.tasks import CHAIN, make_task, rows_and_head


def nested(depth: int) -> Document:
    document: Document = {}
    for _ in range(depth - 1):
        document = {"a": document}
    return document


def test_fields_left_out_take_their_defaults(owner: Caller) -> None:
    task = make_task(owner)
    assert TASK.values(task) == {"data": {}, "metadata": {}, "progress": 0, "next_steps": []}
    project = PROJECT.rows(owner.organization_id).get()
    assert PROJECT.document(project) == {
        "global_id": "global",
        "project_name": "",
        "data": {},
        "metadata": {},
    }
    assert (task.version, task.updated_by) == (1, "owner")
    assert task.created_at == task.updated_at


def test_an_id_left_out_becomes_a_uuid_of_version_7(owner: Caller) -> None:
    made = services.create(owner, PROJECT, {})
    assert uuid.UUID(made.context_id).version == 7
    assert made.context_id == str(uuid.UUID(made.context_id))


@pytest.mark.parametrize("context_id", ["a", "0", "A.b_c:d@e-f", "x" * 36])
def test_ids_of_letters_digits_and_six_signs_are_taken(owner: Caller, context_id: str) -> None:
    assert services.create(owner, PROJECT, {}, context_id=context_id).context_id == context_id


@pytest.mark.parametrize(
    "context_id", ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "a\0", "x" * 37, 5, True, ["a"]]
)
def test_other_ids_are_refused(owner: Caller, context_id: Any) -> None:
    with pytest.raises(Invalid) as refused:
        services.create(owner, PROJECT, {}, context_id=context_id)
    assert list(refused.value.details["validation_errors"]) == ["id"]


def test_an_organizations_id_may_be_longer_than_the_others(db: None) -> None:
    make_organization("o" * 50)
    with pytest.raises(Invalid):
        make_organization("o" * 51)


@pytest.mark.parametrize(
    ("level", "values", "field"),
    [
        (PROJECT, {"data": []}, "data"),
        (PROJECT, {"data": None}, "data"),
        (PROJECT, {"metadata": "x"}, "metadata"),
        (PROJECT, {"project_name": 5}, "project_name"),
        (PROJECT, {"project_name": "x" * 256}, "project_name"),
        (PROJECT, {"git_branch_name": "x"}, "git_branch_name"),
        (PROJECT, {"version": 7}, "version"),
        (PROJECT, {"data": nested(MAX_DEPTH + 1)}, "data"),
        (TASK, {"progress": "50"}, "progress"),
        (TASK, {"progress": True}, "progress"),
        (TASK, {"progress": -1}, "progress"),
        (TASK, {"progress": 101}, "progress"),
        (TASK, {"progress": 1.5}, "progress"),
        (TASK, {"next_steps": {}}, "next_steps"),
        (TASK, {"data": {"n": float("nan")}}, "data"),
        (TASK, {"data": {"n": 2**53}}, "data"),
    ],
)
def test_values_of_the_wrong_type_are_refused_and_nothing_is_written(
    owner: Caller, level: Level, values: Document, field: str
) -> None:
    before = rows_and_head(owner.organization_id)
    with pytest.raises(Invalid) as refused:
        services.create(owner, level, values, parent_ids=CHAIN, create_parents=True)
    assert list(refused.value.details["validation_errors"]) == [field]
    assert rows_and_head(owner.organization_id) == before


def test_a_document_may_be_nested_as_deep_as_the_limit(owner: Caller) -> None:
    made = services.create(owner, PROJECT, {"data": nested(MAX_DEPTH)}, context_id="p1")
    assert PROJECT.rows(owner.organization_id).get().data == made.data


@pytest.mark.parametrize(
    ("level", "parent_ids"),
    [(BRANCH, {"project_id": "none"}), (TASK, {"branch_id": "none"})],
)
def test_a_missing_parent_is_named(owner: Caller, level: Level, parent_ids: dict[str, str]) -> None:
    with pytest.raises(ParentMissing) as refused:
        services.create(owner, level, {}, parent_ids=parent_ids)
    assert refused.value.details["validation_errors"] == {
        level.parent_field: ["Parent context must exist"]
    }


@pytest.mark.parametrize("parent_id", [5, None, ["b1"], ""])
def test_a_parent_id_of_the_wrong_type_is_refused(owner: Caller, parent_id: Any) -> None:
    with pytest.raises(Invalid) as refused:
        services.create(owner, TASK, {}, parent_ids={"branch_id": parent_id})
    assert list(refused.value.details["validation_errors"]) == ["branch_id"]


def test_a_projects_parent_can_only_be_its_own_organization(owner: Caller) -> None:
    make_organization("elsewhere")
    with pytest.raises(ParentMissing):
        services.create(owner, PROJECT, {}, parent_ids={"global_id": "elsewhere"})


def test_missing_parents_are_made_with_empty_data_and_told_of_first(owner: Caller) -> None:
    make_task(owner, data={"a": 1})
    told = read_feed(owner.organization_id, 1, 10).changes
    assert [(each.seq, each.level, each.context_id, each.operation) for each in told] == [
        (2, "project", "p1", "created"),
        (3, "branch", "b1", "created"),
        (4, "task", "t1", "created"),
    ]
    make_task(owner, "t2")
    assert [each.context_id for each in read_feed(owner.organization_id, 4, 10).changes] == ["t2"]
    assert_log_is_the_state(owner.organization_id)


def test_parents_are_not_made_when_the_context_is_refused(owner: Caller, settings: Any) -> None:
    before = rows_and_head(owner.organization_id)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 200
    with pytest.raises(DocumentTooLarge):
        make_task(owner, data={"text": "x" * 200})
    assert rows_and_head(owner.organization_id) == before


def test_a_task_with_a_missing_branch_must_name_its_project(owner: Caller) -> None:
    with pytest.raises(Invalid) as refused:
        services.create(owner, TASK, {}, parent_ids={"branch_id": "b1"}, create_parents=True)
    assert list(refused.value.details["validation_errors"]) == ["project_id"]


def test_an_existing_branch_is_never_moved_to_the_project_that_was_named(owner: Caller) -> None:
    make_task(owner)
    with pytest.raises(Invalid) as refused:
        services.create(
            owner,
            TASK,
            {},
            parent_ids={"branch_id": "b1", "project_id": "p2"},
            create_parents=True,
        )
    assert list(refused.value.details["validation_errors"]) == ["project_id"]
    assert PROJECT.rows(owner.organization_id).count() == 1


def test_an_id_can_be_taken_once_in_a_level_of_an_organization(owner: Caller) -> None:
    make_task(owner, "same")
    with pytest.raises(IdTaken):
        make_task(owner, "same")
    services.create(owner, BRANCH, {}, context_id="same", parent_ids={"project_id": "p1"})
    services.create(owner, PROJECT, {}, context_id="same")
    make_organization("elsewhere")
    stranger = Author("elsewhere", "stranger")
    make_task(stranger, "same", data={"theirs": True})
    assert TASK.rows(owner.organization_id, context_id="same").get().data == {}
    with pytest.raises(IdTaken):
        make_organization("elsewhere")


def test_an_organization_begins_with_a_feed_of_its_own(db: None) -> None:
    make_organization("acme")
    row = GLOBAL.rows("acme").get()
    assert (row.organization_id, row.context_id, row.version) == ("acme", "acme", 1)
    page = read_feed("acme", 0, 10)
    assert [(each.seq, each.level, each.operation) for each in page.changes] == [
        (1, "global", "created")
    ]
    assert len(page.feed.epoch) == 32
