"""A node whose hub goes by script, with a change that the hub refused, in the admin."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.test import Client

from contexts import services
from contexts.access import Caller
from contexts.levels import PROJECT, TASK
from contexts.models import owned
from syncing.client import CloudClient
from syncing.models import JournalEntry
from tests.conftest import make_chain
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, exchange, linked_to

HUB = "/admin/syncing/link/"
State = JournalEntry.State


@pytest.fixture
def hub(organization: str) -> ScriptedHub:
    return ScriptedHub()


@pytest.fixture
def client(hub: ScriptedHub) -> Iterator[CloudClient]:
    with linked_to(hub) as client:
        yield client


@pytest.fixture
def dead(client: CloudClient, hub: ScriptedHub, owner: Caller) -> JournalEntry:
    """An edit of `t1` that the hub refused, between others that it took or has yet to get."""
    make_chain(owner)
    exchange(client)
    hub.judge = lambda entry: {"verdict": "rejected", "code": "document_too_large"}
    services.update(owner, TASK, "t1", lambda old: {**old, "data": {"log": "long"}})
    exchange(client)
    hub.judge = lambda entry: None
    services.create(owner, PROJECT, {}, context_id="p2")
    return owned(ORGANIZATION, JournalEntry, state=State.DEAD).get()


def read(human: Client, address: str, status: int = 200) -> str:
    response = human.get(address)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def text(body: str) -> str:
    """What a page says, in one line."""
    main = body[body.index('<main id="content-start"') :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())
