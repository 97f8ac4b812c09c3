"""Changing contexts: each kind of patch, what is refused, and on which condition."""

from typing import Any

import pytest

from contexts import services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import (
    ContextError,
    DocumentTooLarge,
    Invalid,
    NotFound,
    ParentMissing,
    PatchFailed,
    RevisionMismatch,
)
from contexts.history import head_of
from contexts.levels import TASK, Document
from tests.conftest import make_organization
from tests.contexts.deeds import patched
from tests.contexts.services.tasks import make_task, rows_and_head


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("merge", {"data": {"a": {"y": 2}}}, {"data": {"a": {"x": 1, "y": 2}, "b": [1]}}),
        ("merge", {"data": {"a": None}}, {"data": {"a": None, "b": [1]}}),
        ("merge", {"next_steps": ["ship"]}, {"next_steps": ["ship"]}),
        ("merge_patch", {"data": {"a": None}}, {"data": {"b": [1]}}),
        ("merge_patch", {"progress": 7}, {"progress": 7}),
        (
            "json_patch",
            [{"op": "add", "path": "/data/b/-", "value": 2}, {"op": "remove", "path": "/data/a"}],
            {"data": {"b": [1, 2]}},
        ),
    ],
)
def test_each_kind_of_patch_makes_one_version(
    owner: Caller, kind: str, body: Any, expected: Document
) -> None:
    task = make_task(owner, data={"a": {"x": 1}, "b": [1]}, metadata={"m": 1})
    before = TASK.values(task)
    edited = services.update(
        Author(owner.organization_id, "teammate"),
        TASK,
        "t1",
        lambda values: patched(kind, values, body),
    )
    kept = TASK.rows(owner.organization_id).get()
    assert TASK.values(kept) == {**before, **expected}
    assert (kept.version, kept.revision) == (2, edited.revision)
    assert (kept.updated_by, kept.created_at) == ("teammate", task.created_at)
    assert kept.updated_at > task.updated_at
    assert head_of(owner.organization_id) == 5


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("merge", {}),
        ("merge", {"data": {"a": 100}}),
        ("merge", {"data": {}, "metadata": {}}),
        ("merge_patch", {"data": {"absent": None}}),
        ("json_patch", []),
        ("json_patch", [{"op": "test", "path": "/data/a", "value": 1e2}]),
        (
            "json_patch",
            [
                {"op": "add", "path": "/data/b", "value": 1},
                {"op": "remove", "path": "/data/b"},
            ],
        ),
    ],
)
def test_a_patch_that_changes_nothing_makes_no_version_and_no_news(
    owner: Caller, kind: str, body: Any
) -> None:
    made = make_task(owner, data={"a": 100})
    before = rows_and_head(owner.organization_id)
    same = services.update(owner, TASK, "t1", lambda values: patched(kind, values, body))
    assert same.revision == made.revision
    assert rows_and_head(owner.organization_id) == before


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda values: patched("json_patch", values, [{"op": "remove"}]), PatchFailed),
        (
            lambda values: patched(
                "json_patch",
                values,
                [
                    {"op": "replace", "path": "/progress", "value": 9},
                    {"op": "test", "path": "/data", "value": {"other": 1}},
                ],
            ),
            PatchFailed,
        ),
        (lambda values: {**values, "version": 9}, Invalid),
        (lambda values: {**values, "branch_id": "b2"}, Invalid),
        (lambda values: [values], Invalid),
        (lambda values: {**values, "data": {"text": "ü" * 150}}, DocumentTooLarge),
    ],
)
def test_a_refused_edit_changes_nothing(
    owner: Caller, settings: Any, edit: Any, error: type[ContextError]
) -> None:
    make_task(owner)
    before = rows_and_head(owner.organization_id)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 300
    with pytest.raises(error):
        services.update(owner, TASK, "t1", edit)
    assert rows_and_head(owner.organization_id) == before


def test_the_limit_counts_the_bytes_of_the_whole_document(owner: Caller, settings: Any) -> None:
    make_task(owner)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 300
    # A field that was left out counts nothing: a body of exactly the limit is taken.
    empty = b'{"branch_id":"b1","data":{"t":""}}'
    room = 300 - len(empty)
    services.update(owner, TASK, "t1", lambda values: {**values, "data": {"t": "x" * room}})
    with pytest.raises(DocumentTooLarge):
        services.update(
            owner, TASK, "t1", lambda values: {**values, "data": {"t": "x" * room + "x"}}
        )


def test_every_write_can_be_bound_to_a_revision(owner: Caller) -> None:
    task = make_task(owner)
    services.update(owner, TASK, "t1", lambda values: {**values, "progress": 5})
    before = rows_and_head(owner.organization_id)

    def still_first(revision: str) -> bool:
        return revision == task.revision

    with pytest.raises(RevisionMismatch) as refused:
        services.update(owner, TASK, "t1", dict, precondition=still_first)
    assert refused.value.details["revision"].startswith("2-")
    with pytest.raises(RevisionMismatch):
        services.delete(owner, TASK, "t1", precondition=still_first)
    with pytest.raises(RevisionMismatch):
        services.revert(owner, TASK, "t1", 1, precondition=still_first)
    assert rows_and_head(owner.organization_id) == before
    services.delete(owner, TASK, "t1", precondition=lambda revision: revision.startswith("2-"))
    with pytest.raises(RevisionMismatch):
        services.revert(owner, TASK, "t1", 1, precondition=lambda _: True)


def test_a_stranger_can_neither_change_nor_delete_nor_hang_anything_on_a_context(
    owner: Caller,
) -> None:
    make_task(owner)
    make_organization("elsewhere")
    before = rows_and_head(owner.organization_id)
    stranger = Author("elsewhere", "stranger")
    with pytest.raises(NotFound):
        services.update(stranger, TASK, "t1", lambda values: {**values, "progress": 1})
    with pytest.raises(NotFound):
        services.delete(stranger, TASK, "t1")
    with pytest.raises(NotFound):
        services.revert(stranger, TASK, "t1", 1)
    with pytest.raises(ParentMissing):
        services.create(stranger, TASK, {}, parent_ids={"branch_id": "b1"})
    assert rows_and_head(owner.organization_id) == before
    assert head_of("elsewhere") == 1
