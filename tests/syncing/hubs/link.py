"""A node's side of a scripted hub: linked to it, exchanging with it, failing."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings

from syncing import client as cloud
from syncing import journal, link, pull, tasks
from syncing.client import CloudClient
from syncing.errors import SyncError
from syncing.push import Pushed, push_due
from tests.syncing.hubs.scripted import KEY, ORGANIZATION, ScriptedHub


def failure_of(call: Callable[[], Any]) -> SyncError:
    with pytest.raises(SyncError) as failed:
        call()
    return failed.value


@contextlib.contextmanager
def linked_to(hub: ScriptedHub, url: str = "") -> Iterator[CloudClient]:
    """Makes this instance a node of `hub` (at `url` when that listens); nothing runs by itself."""
    client = CloudClient(url, KEY) if url else hub.client()
    url = url or "http://hub.invalid"
    with (
        override_settings(
            CONTEXTSYS_CLOUD_URL=url, CONTEXTSYS_CLOUD_KEY=KEY, CONTEXTSYS_CLOUD_INSECURE=False
        ),
        mock.patch.object(cloud, "_current", ((url, KEY, False), client)),
        mock.patch.object(tasks, "nudge"),
    ):
        try:
            yield client
        finally:
            client.close()


def exchange(client: CloudClient) -> Pushed:
    """One sweep, push and pull of everything."""
    link.link_of(ORGANIZATION)
    journal.sweep(ORGANIZATION)
    pushed = push_due(ORGANIZATION, client)
    while pull.pull_once(ORGANIZATION, client).more:
        pass
    return pushed
