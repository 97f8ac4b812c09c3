"""The feed of a hub holds enough to make all its changes again."""

from contexts.services import foreign
from tests.syncing.pushing import Hub, Node
from tests.syncing.rebuilding import Copy, assert_equal, busy


def test_old_state_plus_changes_is_the_state(hub: Hub, node: Node) -> None:
    busy(hub, node)
    copy, since = Copy(), 0
    while since < hub.head():
        page = hub.feed(since=since, limit=3)
        copy.take(page["changes"])
        since = page["next"]
    assert_equal(copy, hub)


def test_every_change_can_be_made_again_from_what_is_told(hub: Hub, node: Node) -> None:
    busy(hub, node)
    for change in hub.feed()["changes"]:
        foreign.read(change).verify()
