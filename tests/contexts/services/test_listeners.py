"""Who listens takes part in a write; who is hinted at hears after it."""

from typing import Any

import pytest
from django.dispatch import Signal
from pytest_django import DjangoCaptureOnCommitCallbacks

from contexts import broadcast
from contexts.access import Caller
from contexts.changes import context_changed
from contexts.levels import TASK
from contexts.models import Change, Role
from tests.conftest import make_organization
from tests.contexts.services.tasks import make_task, rows_and_head


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
