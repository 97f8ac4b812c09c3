"""An organization's members: who adds, changes and removes them."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from contexts.levels import GLOBAL
from contexts.models import Membership, Role, owned
from tests.conftest import Humans, make_organization
from tests.contexts.admin.pages import change_url, page, row_of

MEMBERS = "admin:contexts_membership_of"


def rows_of(*rows: tuple[str, str] | None, organization_id: str = "global") -> dict[str, Any]:
    """What the page sends: for each member by name the role or None; then (name, role) to add."""
    members = owned(organization_id, Membership).order_by("user__username")
    sent: dict[str, Any] = {
        "memberships-TOTAL_FORMS": str(members.count() + len(rows)),
        "memberships-INITIAL_FORMS": str(members.count()),
    }
    for number, member in enumerate(members):
        sent |= {f"memberships-{number}-id": member.pk, f"memberships-{number}-role": member.role}
    for number, row in enumerate(rows, members.count()):
        if row is not None:
            name, role = row
            sent |= {f"memberships-{number}-username": name, f"memberships-{number}-role": role}
    return sent


def told_in_the_log() -> list[tuple[int, str, str, str]]:
    """The rows of Django's log about memberships, oldest first."""
    rows = LogEntry.objects.filter(content_type__model="membership").order_by("pk")
    return [
        (row.action_flag, row.user.get_username(), row.object_repr, row.get_change_message())
        for row in rows
    ]


def test_an_administrator_of_the_instance_adds_changes_and_removes_members(
    root: Client, organization: str
) -> None:
    User.objects.create_user("carol")
    members = reverse(MEMBERS, args=["global"])
    body = page(root, change_url(GLOBAL, row_of(GLOBAL, "global")))
    assert "Save members" in body
    assert reverse("admin:auth_user_add") in body
    root.post(members, rows_of(("carol", "writer")))
    carol = Membership.objects.get()
    assert (str(carol), carol.role) == ("carol in global", "writer")
    assert "A member already" in root.post(members, rows_of(("carol", "admin"))).content.decode()
    assert "no user of that name" in root.post(members, rows_of(("x", "admin"))).content.decode()
    root.post(members, {**rows_of(), "memberships-0-role": "reader"})
    root.post(members, {**rows_of(), "memberships-0-DELETE": "on"})
    assert not Membership.objects.exists()
    assert told_in_the_log() == [
        (ADDITION, "root", "carol in global", "Made carol writer in global."),
        (
            CHANGE,
            "root",
            "carol in global",
            "Changed carol from writer in global to reader in global.",
        ),
        (DELETION, "root", "carol in global", "Removed carol, who was reader in global."),
    ]


def test_memberships_changed_on_a_users_page_are_logged_too(
    root: Client, organization: str
) -> None:
    carol = User.objects.create_user("carol")
    Membership.objects.create(user=carol, organization_id="global", role=Role.READER)
    address = reverse("admin:auth_user_change", args=[carol.pk])
    sent = {
        "username": "carol",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": Membership.objects.get().pk,
        "memberships-0-user": carol.pk,
        "memberships-0-organization": "global",
        "memberships-0-role": "admin",
    }
    assert root.post(address, sent).status_code == 302
    root.post(reverse("admin:auth_user_delete", args=[carol.pk]), {"post": "yes"})
    assert [message for *_, message in told_in_the_log()] == [
        "Changed carol from reader in global to admin in global.",
        "Removed carol, who was admin in global.",
    ]


def test_an_admin_changes_roles_and_removes_members(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("bob", **{"global": Role.READER})
    signed_in("carol", **{"global": Role.READER})
    sent = {**rows_of(), "memberships-1-role": "writer", "memberships-2-DELETE": "on"}
    alice.post(reverse(MEMBERS, args=["global"]), sent)
    members = Membership.objects.order_by("user__username")
    assert [(str(each), each.role) for each in members] == [
        ("alice in global", "admin"),
        ("bob in global", "writer"),
    ]
    assert [row[1] for row in told_in_the_log()] == ["alice", "alice"]


@pytest.mark.parametrize(
    "deed",
    [
        {"memberships-0-role": "writer"},
        {"memberships-0-DELETE": "on"},
        {"memberships-0-DELETE": "on", "memberships-0-role": "nonsense"},
        {"memberships-0-DELETE": "on", "memberships-1-role": "admin"},
    ],
    ids=["demoted", "removed", "removed beside a mistake", "for one who cannot sign in"],
)
def test_the_last_admin_cannot_leave_the_organization_without_one(
    signed_in: Humans, organization: str, deed: dict[str, str]
) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    bob = User.objects.create_user("bob")
    Membership.objects.create(user=bob, organization_id="global", role=Role.READER)
    members = reverse(MEMBERS, args=["global"])
    body = alice.post(members, {**rows_of(), **deed}).content.decode()
    assert "make someone else admin before you leave" in body
    assert [each.role for each in Membership.objects.order_by("pk")] == ["admin", "reader"]
    assert told_in_the_log() == []


def test_an_admin_leaves_when_another_stays(signed_in: Humans, organization: str) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("bob", **{"global": Role.ADMIN})
    sent = {**rows_of(), "memberships-0-DELETE": "on"}
    response = alice.post(reverse(MEMBERS, args=["global"]), sent, follow=True)
    assert response.status_code == 200
    assert [str(each) for each in Membership.objects.all()] == ["bob in global"]


def test_the_last_admin_is_removed_by_an_administrator_of_the_instance(
    root: Client, signed_in: Humans, organization: str
) -> None:
    signed_in("alice", **{"global": Role.ADMIN})
    root.post(reverse(MEMBERS, args=["global"]), {**rows_of(), "memberships-0-DELETE": "on"})
    assert not Membership.objects.exists()


def test_an_admin_learns_of_no_user_outside_of_the_own_organizations(
    signed_in: Humans, organization: str
) -> None:
    for name in ("second", "elsewhere"):
        make_organization(name)
    alice = signed_in("alice", **{"global": Role.ADMIN, "second": Role.ADMIN})
    signed_in("bob", second=Role.READER)
    signed_in("sam", elsewhere=Role.READER)
    members = reverse(MEMBERS, args=["global"])
    refusals = set()
    for name in ("sam", "nobody"):
        body = alice.post(members, rows_of((name, "reader"))).content.decode()
        refusals |= set(re.findall(r'<ul class="errorlist[^>]*><li>([^<]+)', body))
    [refusal] = refusals
    assert "an administrator of this instance adds everyone else" in refusal
    alice.post(members, rows_of(("bob", "writer")))
    assert [str(each) for each in owned("global", Membership).order_by("pk")] == [
        "alice in global",
        "bob in global",
    ]


def test_an_admin_of_one_organization_is_told_who_adds_members(
    signed_in: Humans, organization: str
) -> None:
    alice = signed_in("alice", **{"global": Role.ADMIN})
    signed_in("sam")
    body = page(alice, reverse(MEMBERS, args=["global"]))
    assert "added by an administrator of this instance" in body
    assert 'name="memberships-1-username"' not in body
    alice.post(reverse(MEMBERS, args=["global"]), rows_of(("sam", "reader")))
    assert Membership.objects.count() == 1
