"""Who sees which page, under which headers, with which controls."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contexts import delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.levels import PROJECT, TASK
from contexts.models import Entry, Membership, Role, owned
from tests.conftest import Humans, make_organization
from tests.pages.conftest import EVIL, edit, html, without_tokens

TASK_PAGE = "/contexts/task/t1/"
PAGES = (
    "/",
    TASK_PAGE,
    "/contexts/global/global/",
    "/contexts/project/p1/children/",
    "/decisions/",
    "/find/?q=ship",
    "/news/?since=0",
    "/earlier/?before=5",
)


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_to_the_instance_is_led_to_the_sign_in_and_back(
    client: Client, chain: Author, address: str
) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/?next=/")


def test_a_script_of_a_page_left_open_is_told_that_the_session_ended(
    client: Client, chain: Author
) -> None:
    html(client, "/news/?since=0", 401, **{"X-Contextsys-Organization": "global"})


def test_members_sign_in_without_being_staff_and_out_again(
    client: Client, organization: str
) -> None:
    user = User.objects.create_user("mia", password="a long password")
    Membership.objects.create(user=user, organization_id=organization, role=Role.READER)
    form = {"username": "mia", "password": "a long password"}
    assert client.post("/sign-in/?next=/decisions/", form).headers["Location"] == "/decisions/"
    page = html(client, "/")
    assert "mia" in page
    assert "/admin/" not in page
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_a_wrong_password_is_told_and_what_was_typed_stays(client: Client, db: None) -> None:
    page = client.post("/sign-in/", {"username": EVIL, "password": "x"}).content.decode()
    assert 'role="alert"' in page
    assert EVIL not in page
    assert "&quot;&gt;&lt;script&gt;" in page


def test_nobody_is_led_to_another_site(client: Client, organization: str) -> None:
    user = User.objects.create_user("mia", password="a long password")
    Membership.objects.create(user=user, organization_id=organization, role=Role.READER)
    form = {"username": "mia", "password": "a long password", "next": "https://evil.example/"}
    assert client.post("/sign-in/", form).headers["Location"] == "/"


def test_without_a_membership_there_is_nothing_to_see(signed_in: Humans, chain: Author) -> None:
    page = html(signed_in("nobody"), "/", 403)
    assert "member of no organization" in page
    assert "global" not in page


@pytest.mark.parametrize("address", [*PAGES, "/contexts/task/nope/", "/sign-in/"])
def test_every_page_forbids_what_is_not_served_by_us(
    admin: Client, client: Client, chain: Author, address: str
) -> None:
    response = (client if "sign-in" in address else admin).get(address)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://(?!testserver)", page)


def test_the_admins_pages_and_the_api_keep_their_own_headers(admin: Client, chain: Author) -> None:
    assert "Content-Security-Policy" not in admin.get("/api/v1/contexts/task/t1/").headers


@pytest.mark.parametrize("level", ["global", "project", "branch", "task"])
def test_anothers_context_and_a_missing_one_are_the_same_page(
    signed_in: Humans, chain: Author, level: str
) -> None:
    make_organization("elsewhere")
    stranger = signed_in("stan", elsewhere=Role.ADMIN)
    known = {"global": "global", "project": "p1", "branch": "b1", "task": "t1"}[level]
    theirs = html(stranger, f"/contexts/{level}/{known}/", 404)
    missing = html(stranger, f"/contexts/{level}/nope/", 404)
    assert without_tokens(theirs) == without_tokens(missing)
    html(stranger, f"/contexts/{level}/{known}/children/", 404)


def test_no_page_of_another_organization_tells_of_this_one(
    signed_in: Humans, chain: Author
) -> None:
    make_organization("elsewhere")
    stranger = signed_in("stan", elsewhere=Role.ADMIN)
    writer = Caller("global", "agent-7", Role.WRITER)
    delegations.delegate(writer, TASK, "t1", to="global", data={"secret": 1}, reason="hush")
    for address in ("/", "/decisions/", "/find/?q=shi", "/find/?q=t1", "/news/?since=0"):
        page = html(stranger, address)
        assert not re.search(r"agent-7|\bship\b|\bhush\b|\bp1\b", page), address


def test_members_of_several_choose_and_the_choice_stays(signed_in: Humans, chain: Author) -> None:
    make_organization("elsewhere")
    both = signed_in("bo", **{"global": Role.READER, "elsewhere": Role.ADMIN})
    assert 'data-organization="global"' in html(both, "/")
    html(both, "/?organization=elsewhere")
    page = html(both, "/")
    assert 'data-organization="elsewhere"' in page
    assert '<option value="elsewhere" selected>' in page
    # A page left open says which it is of, whatever was chosen since.
    html(both, TASK_PAGE, 404)
    html(both, TASK_PAGE, 200, **{"X-Contextsys-Organization": "global"})
    for named in ("nowhere", "", "%00", "x" * 60):
        html(both, f"/?organization={named}", 404)
    assert 'data-organization="elsewhere"' in html(both, "/")


def test_a_choice_that_is_theirs_no_more_is_forgotten(signed_in: Humans, chain: Author) -> None:
    make_organization("elsewhere")
    both = signed_in("bo", **{"global": Role.READER, "elsewhere": Role.ADMIN})
    html(both, "/?organization=elsewhere")
    owned("elsewhere", Membership).delete()
    page = html(both, "/")
    assert 'data-organization="global"' in page
    assert "elsewhere" not in page


def test_readers_get_no_controls_to_write_with(
    reader: Client, writer: Client, admin: Client, chain: Author
) -> None:
    edit(chain, TASK, "t1", {"status": "doing"})
    caller = Caller("global", "agent-7", Role.WRITER)
    delegations.delegate(caller, TASK, "t1", to="global", data={"a": 1})
    controls = {
        'id="edit"': (TASK_PAGE, {writer, admin}),
        'id="editor"': (TASK_PAGE, {writer, admin}),
        "data-revert=": (TASK_PAGE, {writer, admin}),
        'data-decide="approve"': ("/decisions/", {admin}),
    }
    for control, (address, allowed) in controls.items():
        for client in (reader, writer, admin):
            assert (control in html(client, address)) == (client in allowed), control


def test_what_agents_wrote_is_text_wherever_it_stands(admin: Client, chain: Author) -> None:
    caller = Caller("global", EVIL, Role.WRITER)
    services.update(
        caller,
        PROJECT,
        "p1",
        lambda values: {**values, "project_name": EVIL, "data": {EVIL: {EVIL: EVIL}}},
    )
    edit(caller, TASK, "t1", {"title": EVIL, "status": EVIL, "rules": {"style": EVIL}, EVIL: EVIL})
    entries.add(caller, TASK, "t1", Entry.Kind.ACTION, EVIL, details={EVIL: EVIL}, agent=EVIL)
    entries.add(caller, TASK, "t1", Entry.Kind.INSIGHT, EVIL, category="technical")
    delegations.delegate(caller, TASK, "t1", to="global", data={EVIL: EVIL}, reason=EVIL)
    for address in (
        *PAGES,
        "/contexts/project/p1/",
        "/contexts/branch/b1/children/",
        "/find/?q=script",
        "/find/?q=%22%3E%3Cscript%3E",
    ):
        page = html(admin, address)
        page = page.encode().decode("unicode_escape") if "news" in address else page
        assert "<script>" not in page, address


@pytest.mark.parametrize(
    "address",
    [
        "/news/?since=x",
        "/news/",
        f"/news/?since={2**80}",
        "/earlier/?before=²",
        "/contexts/branch/b1/children/?after=x",
        "/contexts/branch/b1/children/?after=2026-01-01T00:00:00~x",
    ],
)
def test_malformed_questions_are_refused(admin: Client, chain: Author, address: str) -> None:
    html(admin, address, 400)


@pytest.mark.parametrize(
    "address", ["/contexts/planet/p1/", "/contexts/task/..t/", "/contexts/task/a%00b/"]
)
def test_addresses_of_nothing_are_not_found(admin: Client, chain: Author, address: str) -> None:
    html(admin, address, 404)
