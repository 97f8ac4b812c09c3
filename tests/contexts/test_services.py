"""Making, changing, deleting and reverting contexts: what the services write and refuse."""

import uuid
from typing import Any

import pytest
from django.dispatch import Signal
from pytest_django import DjangoCaptureOnCommitCallbacks

from contexts import broadcast, merging, services
from contexts.access import Caller
from contexts.changes import Author, context_changed
from contexts.documents import MAX_DEPTH
from contexts.errors import (
    ContextError,
    DocumentTooLarge,
    Gone,
    HasChildren,
    IdTaken,
    Invalid,
    NotFound,
    ParentMissing,
    PatchFailed,
    RevisionMismatch,
)
from contexts.history import head_of, read_feed
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Document, Level
from contexts.models import Change, Context, Role, owned
from tests.conftest import make_organization
from tests.contexts.deeds import patched
from tests.contexts.replay import assert_log_is_the_state, stored

CHAIN = {"branch_id": "b1", "project_id": "p1"}


def make_task(author: Author, context_id: str = "t1", **values: Any) -> Context:
    """A task in branch `b1` of project `p1`, which are made when missing."""
    return services.create(
        author, TASK, values, context_id=context_id, parent_ids=CHAIN, create_parents=True
    )


def rows_and_head(organization_id: str) -> tuple[Any, int]:
    return stored(organization_id), head_of(organization_id)


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


def test_a_context_with_children_is_deleted_with_them_or_not_at_all(owner: Caller) -> None:
    for name in ("t1", "t2"):
        make_task(owner, name)
    make_organization("elsewhere")
    make_task(Author("elsewhere", "stranger"))
    before = rows_and_head(owner.organization_id)
    for level, context_id in ((PROJECT, "p1"), (BRANCH, "b1")):
        with pytest.raises(HasChildren):
            services.delete(owner, level, context_id)
    assert rows_and_head(owner.organization_id) == before
    services.delete(owner, PROJECT, "p1", cascade=True)
    told = read_feed(owner.organization_id, before[1], 10).changes
    # From the leaves up: at no number stands a child without its parent.
    assert [(each.context_id, each.operation, each.version) for each in told] == [
        ("t1", "deleted", 2),
        ("t2", "deleted", 2),
        ("b1", "deleted", 2),
        ("p1", "deleted", 2),
    ]
    assert {key[0] for key in stored(owner.organization_id)} == {"global"}
    assert len(stored("elsewhere")) == 4
    assert_log_is_the_state(owner.organization_id)


def test_a_cascade_over_many_rows_is_one_stretch_of_the_feed(owner: Caller) -> None:
    for number in range(600):
        make_task(owner, f"t{number}")
    head = head_of(owner.organization_id)
    services.delete(owner, PROJECT, "p1", cascade=True)
    assert head_of(owner.organization_id) == head + 602
    assert_log_is_the_state(owner.organization_id)


def test_what_is_made_again_under_its_id_goes_on_counting_versions(owner: Caller) -> None:
    first = make_task(owner, data={"a": 1})
    services.delete(owner, TASK, "t1")
    again = make_task(owner, data={"a": 1})
    assert (again.version, again.revision.split("-")[0]) == (3, "3")
    assert again.revision.split("-")[1] != first.revision.split("-")[1]
    assert again.created_at > first.created_at
    assert_log_is_the_state(owner.organization_id)


def test_reverting_makes_the_old_document_a_new_version(owner: Caller) -> None:
    task = make_task(owner, data={"a": 1}, progress=10)
    services.update(owner, TASK, "t1", lambda values: {**values, "data": {}, "progress": 20})
    back = services.revert(owner, TASK, "t1", 1)
    assert (back.version, back.data, TASK.values(back)["progress"]) == (3, {"a": 1}, 10)
    assert back.revision != task.revision
    head = head_of(owner.organization_id)
    assert services.revert(owner, TASK, "t1", 3).version == 3
    assert head_of(owner.organization_id) == head


def test_reverting_brings_a_deleted_context_back(owner: Caller) -> None:
    make_task(owner, data={"a": 1})
    services.delete(owner, TASK, "t1")
    with pytest.raises(NotFound):
        services.revert(owner, TASK, "t1", 2)
    with pytest.raises(NotFound):
        services.revert(owner, TASK, "t1", 9)
    back = services.revert(owner, TASK, "t1", 1)
    assert (back.version, back.data) == (3, {"a": 1})
    services.delete(owner, BRANCH, "b1", cascade=True)
    with pytest.raises(ParentMissing):
        services.revert(owner, TASK, "t1", 1)
    assert_log_is_the_state(owner.organization_id)


def test_a_compacted_version_cannot_be_reverted_to(owner: Caller) -> None:
    make_task(owner)
    services.update(owner, TASK, "t1", lambda values: {**values, "progress": 1})
    owned(owner.organization_id, Change, context_id="t1", version=1).update(document=None)
    with pytest.raises(Gone):
        services.revert(owner, TASK, "t1", 1)


SECRET = "ghp_" + "a1B2" * 9


def test_secrets_are_kept_neither_in_the_row_nor_in_the_log(owner: Caller) -> None:
    made = make_task(owner, data={"note": f"use {SECRET}"}, next_steps=[SECRET])
    services.update(owner, TASK, "t1", lambda values: {**values, "metadata": {"seen": SECRET}})
    kept = TASK.rows(owner.organization_id).get()
    assert made.data == {"note": "use [redacted:github_token]"}
    assert kept.metadata == {"seen": "[redacted:github_token]"}
    logged = owned(owner.organization_id, Change).values_list("document", flat=True)
    assert SECRET not in repr([TASK.values(kept), *logged])


def test_redaction_can_be_turned_off(owner: Caller, settings: Any) -> None:
    settings.CONTEXTSYS_REDACT = False
    assert make_task(owner, data={"note": SECRET}).data == {"note": SECRET}


@pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))
def test_numbers_and_texts_come_back_equal_from_every_level(owner: Caller, level: Level) -> None:
    data = {
        "numbers": [0, -1, 1.5, 1e2, 1e-7, 1e16, 1e22, 1e308, -5e-324, 2**53 - 1, 0.1, -0.0],
        "texts": ["", "ü", "\U0001f600", "\u2028", '"\\/', "\x7f"],
        "rest": [None, True, False, {}, []],
        "keys": {"": 1, "a/b": 2, "~": 3, "A": 4, "a": 5},
    }
    make_task(owner)
    ids = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
    services.update(owner, level, ids[level.name], lambda values: {**values, "data": data})
    kept = level.rows(owner.organization_id).get()
    assert merging.same(kept.data, data)
    assert_log_is_the_state(owner.organization_id)


def test_listeners_take_part_in_the_transaction_and_hints_wait_for_the_commit(
    owner: Caller,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    order: list[str] = []
    monkeypatch.setattr(broadcast, "look", lambda *_: order.append("hint"))

    def listen(sender: type, organization_id: str, changes: list[Change], **_: Any) -> None:
        order.append(f"{organization_id} {[change.seq for change in changes]}")

    context_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            make_task(owner)
            order.append("written")
    finally:
        context_changed.disconnect(listen)
    assert order == ["global [2, 3, 4]", "written", "hint"]


def test_a_listener_that_fails_takes_the_write_with_it(owner: Caller) -> None:
    before = rows_and_head(owner.organization_id)

    def refuse(**_: Any) -> None:
        raise RuntimeError("no journal, no write")

    assert isinstance(context_changed, Signal)
    context_changed.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            make_task(owner)
    finally:
        context_changed.disconnect(refuse)
    assert rows_and_head(owner.organization_id) == before


@pytest.mark.django_db(transaction=True)
def test_a_hint_that_fails_fails_no_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(organization_id: str) -> None:
        raise ConnectionError("no channel layer")

    monkeypatch.setattr(broadcast, "look", fail)
    make_organization("global")
    task = make_task(Caller("global", "owner", Role.ADMIN))
    assert TASK.rows("global").get().revision == task.revision


def test_an_organization_begins_with_a_feed_of_its_own(db: None) -> None:
    make_organization("acme")
    row = GLOBAL.rows("acme").get()
    assert (row.organization_id, row.context_id, row.version) == ("acme", "acme", 1)
    page = read_feed("acme", 0, 10)
    assert [(each.seq, each.level, each.operation) for each in page.changes] == [
        (1, "global", "created")
    ]
    assert len(page.feed.epoch) == 32
