"""What the admin's pages show, and that nothing in them becomes HTML."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from contexts import delegations, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.levels import BRANCH, GLOBAL, LEVELS, PROJECT, TASK, Level
from contexts.models import Change, Context, Delegation, Entry, Role
from tests.contexts.admin.pages import ALL_LEVELS, change_url, form_of, page, row_of, url

EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize("level", ALL_LEVELS, ids=list(LEVELS))
def test_every_level_has_a_list_a_page_a_history_and_an_add_form(
    root: Client, chain: dict[str, Context], level: Level
) -> None:
    row = chain[level.name]
    assert row.context_id in page(root, url(level, "changelist"))
    assert row.context_id in page(root, change_url(level, row))
    assert "Created" in page(root, url(level, "versions", "global", row.context_id))
    assert 'name="data"' in page(root, url(level, "add"))


def test_a_page_links_up_the_chain_and_down_to_the_children(
    root: Client, chain: dict[str, Context]
) -> None:
    body = page(root, change_url(BRANCH, chain["branch"]))
    for level in (GLOBAL, PROJECT):
        assert f'href="{change_url(level, chain[level.name])}"' in body
    assert f'href="{change_url(TASK, chain["task"])}"' in body
    below = re.search(r'href="([^"]+)">All 1<', body)
    assert below is not None
    assert "t1" in page(root, below.group(1))


def test_a_list_says_how_many_children_and_leads_to_them(
    root: Client, chain: dict[str, Context]
) -> None:
    link = re.search(
        r'class="down" href="([^"]+)">1 branch<', page(root, url(PROJECT, "changelist"))
    )
    assert link is not None
    assert "b1" in page(root, link.group(1))


def test_the_resolved_document_tells_which_level_set_each_value(
    root: Client, chain: dict[str, Context]
) -> None:
    body = page(root, change_url(TASK, chain["task"]))
    for level, context_id, key in (
        ("project", "p1", "lang"),
        ("branch", "b1", "goal"),
        ("task", "t1", "width"),
    ):
        line = rf'level-{level}" title="set by {level} {context_id}">[^\n]*&quot;{key}&quot;'
        assert re.search(line, body), key


@pytest.fixture
def evil(organization: str) -> None:
    """Contexts and entries whose every text would like to be HTML."""
    agent = Author(organization, EVIL)
    names = {"project_name": EVIL, "data": {EVIL: [EVIL, {EVIL: EVIL}]}, "metadata": {EVIL: EVIL}}
    services.create(agent, PROJECT, names, context_id="p1", parent_ids={"global_id": "global"})
    services.update(agent, PROJECT, "p1", lambda values: {**values, "data": {EVIL: EVIL, "n": 1}})
    entries.add(agent, PROJECT, "p1", Entry.Kind.INSIGHT, EVIL, category="technical")
    entries.add(agent, PROJECT, "p1", Entry.Kind.ACTION, EVIL, details={EVIL: EVIL})
    caller = Caller(organization, EVIL, Role.WRITER)
    delegations.delegate(caller, PROJECT, "p1", to="global", data={EVIL: EVIL}, reason=EVIL)


def test_no_text_of_a_document_becomes_html(root: Client, evil: None) -> None:
    project = row_of(PROJECT, "p1")
    looked_at = [
        reverse("admin:index"),
        url(PROJECT, "changelist"),
        change_url(PROJECT, project),
        url(PROJECT, "versions", "global", "p1"),
        url(PROJECT, "revert", "global", "p1", 1),
        url(PROJECT, "delete", project.pk),
    ]
    for model in (Change, Entry, Delegation):
        name = model._meta.model_name
        looked_at.append(reverse(f"admin:contexts_{name}_changelist"))
        looked_at += [
            reverse(f"admin:contexts_{name}_change", args=[row.pk])
            for row in model.objects.filter(level="project")
        ]
    for address in looked_at:
        body = page(root, address)
        assert "<script>alert" not in body, address
        assert "&lt;script&gt;alert" in body, address
    sent = form_of(PROJECT, project, data=EVIL, project_name=EVIL)
    assert "<script>alert" not in root.post(change_url(PROJECT, project), sent).content.decode()


def test_pages_have_no_inline_script_or_style_attribute(
    root: Client, chain: dict[str, Context]
) -> None:
    addresses = [reverse("admin:index"), url(TASK, "changelist"), url(TASK, "add")]
    for address in [*addresses, *(change_url(each, chain[each.name]) for each in ALL_LEVELS)]:
        body = page(root, address)
        assert re.findall(r"<script(?![^>]*\bsrc=)", body) == [], address
        assert re.findall(r'<[^>]*\s(?:style|on[a-z]+)="', body) == [], address


def test_odd_addresses_are_answered_without_a_crash(
    root: Client, chain: dict[str, Context]
) -> None:
    for odd in (
        "?organization=%00",
        "?context_id=%00",
        "?q=%00",
        "?p=x",
        "?p=99999999999999999999999",
        "?status=%00",
        "?branch=%C2%B2",
        "?updated_at__gte=x",
    ):
        assert root.get(url(TASK, "changelist") + odd).status_code in (200, 302), odd
    for odd in ("at/%00/t1/", "versions/global/%00/", "99999999999999999999/change/", "x/change/"):
        address = url(TASK, "changelist") + odd
        assert root.get(address, follow=True).status_code in (200, 404), odd
    for odd in ("?nonsense=1", "?version__in=99999999999999999999", "?context_id__range=x"):
        assert root.get(url(TASK, "changelist") + odd).status_code == 400, odd
    for odd in ("x", "²", "99999999999999999999"):
        chosen = {"action": "delete_chosen", "_selected_action": [odd]}
        assert root.post(url(TASK, "changelist"), chosen).status_code == 302, odd
    sent = form_of(TASK, chain["task"], data="oops", seen="\0")
    assert root.post(change_url(TASK, chain["task"]), sent).status_code == 200


def test_the_first_page_counts_and_shows_the_latest_changes(
    root: Client, pending: Delegation
) -> None:
    body = page(root, reverse("admin:index"))
    assert re.search(
        r'figure-count">1</span>\s*<span class="figure-name">pending delegations', body
    )
    assert "agent-7" in body
    assert body.index(">Contexts<") < body.index(">Activity<") < body.index(">Access<")


def test_every_page_leads_out_to_the_pages_for_everyone(
    root: Client, chain: dict[str, Context]
) -> None:
    for address in (reverse("admin:index"), change_url(TASK, chain["task"])):
        assert 'href="/"' in page(root, address)
