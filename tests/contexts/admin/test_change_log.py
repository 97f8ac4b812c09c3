"""The change log and the entries in the admin: to read only."""

import re
from typing import Any
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from contexts import entries, services
from contexts.changes import Author
from contexts.documents import revision_of
from contexts.levels import TASK
from contexts.models import Change, Context, Entry
from tests.contexts.admin.pages import page, set_field


def test_the_change_log_and_the_entries_are_to_read_only(
    root: Client, chain: dict[str, Context]
) -> None:
    entries.add(Author("global", "a"), TASK, "t1", Entry.Kind.INSIGHT, "note", importance="high")
    for name, row in (("change", Change.objects.latest("seq")), ("entry", Entry.objects.get())):
        detail = reverse(f"admin:contexts_{name}_change", args=[row.pk])
        assert "t1" in page(root, detail)
        assert root.post(detail, {"actor": "me"}).status_code == 403
        assert root.get(reverse(f"admin:contexts_{name}_add")).status_code == 403
        delete = reverse(f"admin:contexts_{name}_delete", args=[row.pk])
        assert root.post(delete, {"post": "yes"}).status_code == 403
        assert "t1" in page(root, reverse(f"admin:contexts_{name}_changelist") + "?level=task")


def log_page(client: Client, change: Change) -> str:
    return page(client, reverse("admin:contexts_change_change", args=[change.pk]))


def elsewhere(change: Change, **values: Any) -> services.ForeignChange:
    """The version that another node made instead of `change`."""
    document = {**(change.document or {}), **values}
    revision = revision_of(change.version, change.parent_revision, document)
    return services.ForeignChange(
        level=TASK,
        context_id=change.context_id,
        operation="updated",
        version=change.version,
        revision=revision,
        parent_revision=change.parent_revision,
        makes_version=True,
        document=document,
        record=None,
        entry=None,
        actor="far-away",
        origin_node="peer",
        mutation_id=uuid4(),
        at=change.at,
    )


def test_the_page_of_a_forked_version_tells_what_it_changed_of_the_one_before(
    root: Client, chain: dict[str, Context]
) -> None:
    set_field("data", {"status": "doing", "ours": 1})
    ours = Change.objects.latest("seq")
    outcome = services.adopt("global", elsewhere(ours, data={"status": "done"}))
    assert outcome is services.Outcome.TOOK_THEIRS
    body = log_page(root, Change.objects.latest("seq"))
    assert re.search(r"/data/status</code>.*<del>&quot;doing&quot;.*<ins>&quot;done&quot;", body)
    assert re.search(r"/data/ours</code>.*<del>1</del>", body)
    assert re.search(r"/data/status</code>.*<del>&quot;todo&quot;", log_page(root, ours))


def test_the_page_of_a_version_knows_its_context_from_a_twin(
    root: Client, chain: dict[str, Context]
) -> None:
    author = Author("global", "agent-7")
    for context_id in ("twin-1", "twin-2"):
        parents = {"branch_id": "b1"}
        data = {"deep": {"a": 1}}
        services.create(author, TASK, {"data": data}, context_id=context_id, parent_ids=parents)
        services.update(
            author, TASK, context_id, lambda values: {**values, "data": {"deep": {"a": 2}}}
        )
    firsts = Change.objects.filter(version=1, context_id__startswith="twin")
    assert len(set(firsts.values_list("revision", flat=True))) == 1
    firsts.filter(context_id="twin-1").update(document=None)
    newest = {change.context_id: change for change in Change.objects.filter(version=2)}
    assert re.search(r"/data/deep/a</code>.*<del>1</del>", log_page(root, newest["twin-2"]))
    assert "Compacted" in log_page(root, newest["twin-1"])
