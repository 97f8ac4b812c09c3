"""What strangers, readers, writers and guests find and may do in the admin."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from contexts import agents
from contexts.levels import GLOBAL, PROJECT, TASK
from contexts.models import Agent, Change, Context, Delegation, Membership, Role
from tests.conftest import Humans, make_organization
from tests.contexts.admin.pages import (
    ALL_LEVELS,
    change_url,
    decide_url,
    form_of,
    page,
    row_of,
    url,
)


def test_a_stranger_finds_nothing_of_another_organization(
    signed_in: Humans, pending: Delegation, chain: dict[str, Context]
) -> None:
    make_organization("elsewhere")
    agents.issue_key("secret-agent", "global", Role.WRITER)
    stranger = signed_in("sam", elsewhere=Role.ADMIN)
    for level in ALL_LEVELS:
        row = chain[level.name]
        assert "agent-7" not in page(stranger, url(level, "changelist"))
        assert stranger.get(change_url(level, row)).status_code == 404
        sent = form_of(level, row, data='{"stolen": 1}')
        assert stranger.post(change_url(level, row), sent).status_code == 404
        assert stranger.post(url(level, "delete", row.pk), {"cascade": "1"}).status_code == 404
        note = {"note-kind": "progress", "note-content": "no"}
        assert stranger.post(url(level, "note", row.pk), note).status_code == 404
        for name in ("versions", "revert"):
            version = [1] if name == "revert" else []
            address = url(level, name, "global", row.context_id, *version)
            assert stranger.post(address).status_code == 404
        assert row_of(level, row.context_id).version == 1
    assert stranger.post(decide_url(pending), {"decision": "approved"}).status_code == 404
    agent = Agent.objects.get()
    for name in ("rotate", "revoke"):
        address = reverse(f"admin:contexts_agent_{name}", args=[agent.pk])
        assert stranger.post(address).status_code == 404
    assert stranger.get(reverse("admin:contexts_membership_of", args=["global"])).status_code == 404
    sent = {"parent": chain["branch"].pk, "id": "t9", "progress": "0"}
    assert "Select a valid choice" in stranger.post(url(TASK, "add"), sent).content.decode()
    assert "agent-7" not in page(stranger, reverse("admin:index"))
    for name in ("change", "entry", "delegation", "agent", "membership"):
        body = page(stranger, reverse(f"admin:contexts_{name}_changelist"))
        assert "agent-7" not in body
        assert "secret-agent" not in body


def test_suggestions_for_a_parent_stay_inside_the_humans_organizations(
    signed_in: Humans, chain: dict[str, Context]
) -> None:
    make_organization("elsewhere")
    query = {"app_label": "contexts", "model_name": "taskcontext", "field_name": "parent"}
    found = {}
    for name, roles in (("alice", {"global": Role.WRITER}), ("sam", {"elsewhere": Role.ADMIN})):
        answer = signed_in(name, **roles).get(reverse("admin:autocomplete"), {**query, "term": "b"})
        found[name] = [each["text"] for each in answer.json()["results"]]
    assert found == {"alice": ["b1 (global)"], "sam": []}


def test_a_writer_edits_and_deletes_tasks_but_not_projects(
    signed_in: Humans, chain: dict[str, Context]
) -> None:
    bob = signed_in("bob", **{"global": Role.WRITER})
    row = chain["task"]
    bob.post(change_url(TASK, row), form_of(TASK, row, data='{"by": "bob"}'))
    assert row_of(TASK, "t1").updated_by == "bob"
    assert bob.post(url(PROJECT, "delete", chain["project"].pk)).status_code == 403
    assert bob.get(url(GLOBAL, "add")).status_code == 403
    assert bob.get(reverse("admin:contexts_agent_changelist")).status_code == 403
    bob.post(url(TASK, "delete", row.pk), {"revision": row_of(TASK, "t1").revision})
    assert Change.objects.latest("seq").operation == "deleted"


def test_a_reader_reads_and_changes_nothing(signed_in: Humans, chain: dict[str, Context]) -> None:
    rita = signed_in("rita", **{"global": Role.READER})
    for level in ALL_LEVELS:
        row = chain[level.name]
        assert 'name="data"' not in page(rita, change_url(level, row))
        assert rita.post(change_url(level, row), form_of(level, row)).status_code == 403
        assert rita.post(url(level, "delete", row.pk), {"cascade": "1"}).status_code == 403
        assert rita.get(url(level, "add")).status_code == 403
        note = {"note-kind": "progress", "note-content": "no"}
        assert rita.post(url(level, "note", row.pk), note).status_code == 403
        revert = url(level, "revert", "global", row.context_id, 1)
        assert rita.post(revert).status_code == 403
        assert row_of(level, row.context_id).version == 1


def test_who_is_no_staff_or_signed_out_is_sent_to_the_sign_in(
    organization: str, chain: dict[str, Context]
) -> None:
    user = User.objects.create_user("guest")
    Membership.objects.create(user=user, organization_id="global", role=Role.ADMIN)
    guest = Client()
    for _ in range(2):
        response = guest.get(change_url(TASK, chain["task"]))
        assert response["Location"].startswith(reverse("admin:login"))
        guest.force_login(user)


def test_only_instance_administrators_see_users(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    root = signed_in("root", superuser=True)
    users = reverse("admin:auth_user_changelist")
    assert alice.get(users).status_code == 403
    assert "alice" in page(root, users)
    page(root, reverse("admin:auth_user_add"))
    page(root, reverse("admin:auth_user_change", args=[User.objects.get(username="alice").pk]))
