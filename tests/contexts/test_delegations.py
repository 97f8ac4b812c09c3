"""Handing patterns upwards, and deciding about what was handed to the organization."""

import uuid
from typing import Any

import pytest

from contexts import delegations, queries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import (
    AlreadyDecided,
    ContextError,
    DocumentTooLarge,
    Invalid,
    NotFound,
    RevisionMismatch,
)
from contexts.history import head_of, read_feed
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Document
from contexts.models import Delegation, Role, owned
from tests.conftest import make_chain, make_organization
from tests.contexts.replay import assert_log_is_the_state

IDS = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}
Status = Delegation.Status


@pytest.fixture
def chain(owner: Caller) -> Caller:
    """The owner of an organization with one context a level, each with some data."""
    make_chain(owner)
    for name in IDS:
        set_data(owner, name, {"kept": {"of": name}})
    return owner


def set_data(author: Caller, level_name: str, data: Document) -> None:
    services.update(
        author, LEVELS[level_name], IDS[level_name], lambda values: {**values, "data": data}
    )


def writer_of(organization_id: str) -> Caller:
    return Caller(organization_id, "writer", Role.WRITER)


def data_of(level_name: str) -> Document:
    data: Document = LEVELS[level_name].rows("global", context_id=IDS[level_name]).get().data
    return data


def count() -> tuple[int, int]:
    return owned("global", Delegation).count(), head_of("global")


@pytest.mark.parametrize(
    ("source", "to"),
    [("task", "branch"), ("task", "project"), ("branch", "project")],
)
def test_branch_and_project_take_a_delegation_at_once(chain: Caller, source: str, to: str) -> None:
    before = data_of(source)
    made = delegations.delegate(
        writer_of("global"),
        LEVELS[source],
        IDS[source],
        to=to,
        data={"kept": {"new": [1]}},
        reason="useful",
    )
    assert (made.status, made.decided_by) == (Status.APPROVED, "writer")
    assert made.decided_at is not None
    assert data_of(to) == {"kept": {"of": to, "new": [1]}}
    assert data_of(source) == before
    told = read_feed("global", 0, 100).changes[-1]
    assert (told.level, told.context_id, told.operation) == (to, IDS[to], "delegated")
    assert told.makes_version
    assert_log_is_the_state("global")


@pytest.mark.parametrize("source", ["task", "branch", "project"])
def test_an_admin_delegates_to_the_organization_at_once(chain: Caller, source: str) -> None:
    made = delegations.delegate(chain, LEVELS[source], IDS[source], to="global", data={"a": 1})
    assert made.status == Status.APPROVED
    assert data_of("global") == {"kept": {"of": "global"}, "a": 1}


def test_a_writers_delegation_to_the_organization_waits_and_is_told_of(chain: Caller) -> None:
    made = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": 1})
    assert (made.status, made.decided_at) == (Status.PENDING, None)
    assert data_of("global") == {"kept": {"of": "global"}}
    told = read_feed("global", 0, 100).changes[-1]
    assert (told.level, told.context_id, told.operation) == ("task", "t1", "delegated")
    assert not told.makes_version
    assert_log_is_the_state("global")


@pytest.mark.parametrize(
    ("source", "to"),
    [
        ("global", "global"),
        ("project", "project"),
        ("project", "branch"),
        ("branch", "task"),
        ("task", "task"),
        ("task", "nowhere"),
    ],
)
def test_delegation_goes_upwards_only(chain: Caller, source: str, to: str) -> None:
    before = count()
    with pytest.raises(Invalid) as refused:
        delegations.delegate(chain, LEVELS[source], IDS[source], to=to, data={})
    assert list(refused.value.details["validation_errors"]) == ["delegate_to"]
    assert count() == before


def test_approving_merges_the_data_and_keeps_who_decided(chain: Caller) -> None:
    asked = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": {"b": 1}})
    services.update(
        chain, GLOBAL, "global", lambda values: {**values, "data": {"a": {"c": 2}, "z": 0}}
    )
    decided = delegations.decide(chain, asked.delegation_id, Status.APPROVED)
    assert (decided.status, decided.decided_by, decided.requested_by) == (
        "approved",
        "owner",
        "writer",
    )
    assert data_of("global") == {"a": {"b": 1, "c": 2}, "z": 0}
    assert_log_is_the_state("global")


def test_rejecting_changes_no_document_and_is_told_of(chain: Caller) -> None:
    asked = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": 1})
    delegations.decide(chain, asked.delegation_id, Status.REJECTED)
    assert "a" not in data_of("global")
    told = read_feed("global", 0, 100).changes[-1]
    assert (told.context_id, told.operation) == ("t1", "delegated")
    assert told.record is not None
    assert told.record["status"] == "rejected"
    assert_log_is_the_state("global")


@pytest.mark.parametrize("first", [Status.APPROVED, Status.REJECTED])
@pytest.mark.parametrize("second", [Status.APPROVED, Status.REJECTED])
def test_deciding_twice_is_refused(
    chain: Caller, first: Delegation.Status, second: Delegation.Status
) -> None:
    asked = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": 1})
    delegations.decide(chain, asked.delegation_id, first)
    before = count()
    with pytest.raises(AlreadyDecided):
        delegations.decide(chain, asked.delegation_id, second)
    assert count() == before
    assert owned("global", Delegation).get().status == first


def test_what_was_applied_at_once_cannot_be_decided_any_more(chain: Caller) -> None:
    made = delegations.delegate(chain, TASK, "t1", to="branch", data={"a": 1})
    with pytest.raises(AlreadyDecided):
        delegations.decide(chain, made.delegation_id, Status.REJECTED)


def test_strangers_can_neither_delegate_nor_decide(chain: Caller) -> None:
    asked = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": 1})
    make_organization("elsewhere")
    stranger = Caller("elsewhere", "stranger", Role.ADMIN)
    before = count()
    with pytest.raises(NotFound):
        delegations.decide(stranger, asked.delegation_id, Status.APPROVED)
    with pytest.raises(NotFound):
        delegations.decide(chain, uuid.uuid4(), Status.APPROVED)
    with pytest.raises(NotFound):
        delegations.delegate(stranger, TASK, "t1", to="project", data={})
    assert count() == before


@pytest.mark.parametrize("decision", [Status.APPROVED, Status.REJECTED])
def test_a_delegation_outlives_the_context_it_came_from(
    chain: Caller, decision: Delegation.Status
) -> None:
    asked = delegations.delegate(writer_of("global"), TASK, "t1", to="global", data={"a": 1})
    services.delete(chain, PROJECT, "p1", cascade=True)
    decided = delegations.decide(chain, asked.delegation_id, decision)
    assert decided.status == decision
    assert ("a" in data_of("global")) == (decision == Status.APPROVED)
    assert_log_is_the_state("global")


def test_delegating_what_is_there_already_is_told_of_without_a_version(chain: Caller) -> None:
    delegations.delegate(chain, TASK, "t1", to="branch", data={"a": 1})
    branch = BRANCH.rows("global").get()
    delegations.delegate(chain, TASK, "t1", to="branch", data={"a": 1})
    assert BRANCH.rows("global").get().revision == branch.revision
    told = read_feed("global", 0, 100).changes[-1]
    assert (told.operation, told.makes_version) == ("delegated", False)
    assert owned("global", Delegation).count() == 2
    assert_log_is_the_state("global")


@pytest.mark.parametrize("to", ["branch", "global"])
@pytest.mark.parametrize("role", [Role.WRITER, Role.ADMIN])
def test_the_revision_that_is_checked_is_the_sources(chain: Caller, to: str, role: Role) -> None:
    caller = Caller("global", "any", role)
    revision = TASK.rows("global").get().revision
    before = count()
    with pytest.raises(RevisionMismatch):
        delegations.delegate(caller, TASK, "t1", to=to, data={}, precondition=lambda _: False)
    assert count() == before
    delegations.delegate(
        caller, TASK, "t1", to=to, data={"a": 1}, precondition=lambda current: current == revision
    )
    assert count() == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("to", ["branch", "global"])
@pytest.mark.parametrize("role", [Role.WRITER, Role.ADMIN])
def test_a_source_that_goes_at_this_moment_has_no_revision_to_check(
    chain: Caller, monkeypatch: pytest.MonkeyPatch, to: str, role: Role
) -> None:
    """Deleted between the look at its chain and everything that follows."""
    look = queries.ancestor_id

    def look_and_lose(*arguments: Any) -> str:
        found = look(*arguments)
        services.delete(chain, BRANCH, "b1", cascade=True)
        return found

    monkeypatch.setattr("contexts.delegations.ancestor_id", look_and_lose)
    with pytest.raises(NotFound):
        delegations.delegate(
            Caller("global", "any", role),
            TASK,
            "t1",
            to=to,
            data={"a": 1},
            precondition=lambda _: True,
        )


def test_secrets_are_handed_to_nobody(chain: Caller) -> None:
    secret = "ghp_" + "a1B2" * 9
    made = delegations.delegate(chain, TASK, "t1", to="branch", data={"n": secret}, reason=secret)
    told = read_feed("global", 0, 100).changes[-1]
    assert secret not in repr([made.data, made.reason, told.record, told.document])
    assert data_of("branch")["n"] == "[redacted:github_token]"


@pytest.mark.parametrize(
    ("data", "error"),
    [([], Invalid), (None, Invalid), ({"n": "x" * 400}, DocumentTooLarge)],
)
def test_data_that_does_not_fit_is_refused_and_nothing_is_kept(
    chain: Caller, settings: Any, data: Any, error: type[ContextError]
) -> None:
    before = count()
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 400
    with pytest.raises(error):
        delegations.delegate(chain, TASK, "t1", to="branch", data=data)
    assert count() == before


def test_two_tasks_delegations_to_one_project_are_both_kept(chain: Caller) -> None:
    services.create(
        Author("global", "owner"), TASK, {}, context_id="t2", parent_ids={"branch_id": "b1"}
    )
    for task in ("t1", "t2"):
        delegations.delegate(chain, TASK, task, to="project", data={"found": {task: True}})
    assert data_of("project")["found"] == {"t1": True, "t2": True}
