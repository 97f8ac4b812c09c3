"""What Celery runs for a node."""

from unittest import mock

import pytest
from django.test import override_settings
from kombu.exceptions import OperationalError

from syncing import following, tasks
from syncing.models import Link
from tests.syncing.hubs import ORGANIZATION, ScriptedHub, linked_to

pytestmark = pytest.mark.django_db


def test_without_the_organization_that_it_syncs_a_node_asks_nothing_of_its_hub() -> None:
    hub = ScriptedHub()
    with linked_to(hub):
        tasks.sweep_journal()
        tasks.push_journal(ORGANIZATION)
        tasks.follow_hub()
    assert hub.asked == []
    assert not Link.objects.exists()


def test_an_instance_without_a_hub_has_nothing_to_do(organization: str) -> None:
    with override_settings(CONTEXTSYS_CLOUD_URL=""):
        tasks.sweep_journal()
        tasks.push_journal(ORGANIZATION)
        tasks.follow_hub()
    assert not Link.objects.exists()


def test_a_stretch_of_following_asks_for_the_next_one(organization: str) -> None:
    with (
        linked_to(ScriptedHub()),
        mock.patch.object(following, "STRETCH_SECONDS", 0.05),
        mock.patch.object(tasks.follow_hub, "apply_async") as asked,
    ):
        tasks.follow_hub()
    asked.assert_called_once()


def test_a_broker_that_is_away_ends_no_stretch_with_an_error(organization: str) -> None:
    with (
        linked_to(ScriptedHub()),
        mock.patch.object(following, "STRETCH_SECONDS", 0.05),
        mock.patch.object(tasks.follow_hub, "apply_async", side_effect=OperationalError),
    ):
        tasks.follow_hub()
