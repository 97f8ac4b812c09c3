"""Reading the change log: a context's versions, and the organization's feed."""

from typing import Any

import jsonpatch
import pytest

from contexts import entries, history, services
from contexts.access import Caller
from contexts.errors import Gone, NotFound
from contexts.history import present_version, present_versions, read_feed, versions_of
from contexts.levels import BRANCH, TASK, Document
from contexts.models import Change, Entry, Feed, owned
from contexts.queries import present
from tests.conftest import make_organization

CHAIN = {"branch_id": "b1", "project_id": "p1"}
EDITS: list[Document] = [
    {"data": {"a": [1, 2, 3]}},
    {"data": {"a": [1, 3], "b/c": {"~": None}}, "progress": 40},
    {"data": {}, "metadata": {"by": "hand"}, "next_steps": ["x", {"y": True}]},
]


@pytest.fixture
def shown(owner: Caller) -> list[Document]:
    """Task `t1` as it looked at each version: made, edited, deleted (None), made again."""

    def now() -> Any:
        row = TASK.rows("global", context_id="t1").first()
        return present(TASK, row) if row is not None else None

    def make() -> None:
        services.create(owner, TASK, {}, context_id="t1", parent_ids=CHAIN, create_parents=True)

    def replace_with(values: Document) -> None:
        services.update(owner, TASK, "t1", lambda _: values)

    seen = []
    make()
    seen.append(now())
    for values in EDITS:
        replace_with(values)
        seen.append(now())
    services.delete(owner, TASK, "t1")
    seen.append(now())
    make()
    seen.append(now())
    return seen


def newest_first() -> list[Change]:
    return list(versions_of(TASK, "global", "t1"))


def test_every_version_is_kept_as_it_looked(shown: list[Document]) -> None:
    for number, expected in enumerate(shown, 1):
        change = services.version_of(TASK, "global", "t1", number)
        if expected is None:
            with pytest.raises(NotFound):
                present_version(TASK, change)
        else:
            assert present_version(TASK, change) == expected


def test_history_tells_who_did_what_newest_first(shown: list[Document], owner: Caller) -> None:
    page = present_versions(newest_first())
    assert [(each["version"], each["operation"], each["actor"]) for each in page] == [
        (6, "created", "owner"),
        (5, "deleted", "owner"),
        (4, "updated", "owner"),
        (3, "updated", "owner"),
        (2, "updated", "owner"),
        (1, "created", "owner"),
    ]
    assert [each["revision"] for each in page if each["version"] != 5] == [
        each["revision"] for each in reversed(shown) if each is not None
    ]


def test_the_diffs_of_a_history_rebuild_every_document(shown: list[Document]) -> None:
    documents = {change.version: change.document or {} for change in newest_first()}
    rebuilt: Any = {}
    for each in reversed(present_versions(newest_first())):
        rebuilt = jsonpatch.apply_patch(rebuilt, each["diff"])
        assert rebuilt == documents[each["version"]]


def test_a_pages_oldest_version_is_compared_with_the_one_before_the_page(
    shown: list[Document],
) -> None:
    whole = present_versions(newest_first())
    for size in range(1, 6):
        assert present_versions(newest_first()[:size]) == whole[:size]
        assert present_versions(newest_first()[size:]) == whole[size:]
    assert present_versions([]) == []


def test_history_stays_readable_after_the_deletion_and_is_the_contexts_own(
    owner: Caller, shown: list[Document]
) -> None:
    services.create(owner, TASK, {}, context_id="t2", parent_ids=CHAIN)
    entries.add(owner, TASK, "t1", Entry.Kind.PROGRESS, "no version")
    services.delete(owner, BRANCH, "b1", cascade=True)
    assert [each.version for each in newest_first()] == [7, 6, 5, 4, 3, 2, 1]
    make_organization("elsewhere")
    assert not versions_of(TASK, "elsewhere", "t1").exists()
    with pytest.raises(NotFound):
        services.version_of(TASK, "elsewhere", "t1", 1)
    with pytest.raises(NotFound):
        services.version_of(TASK, "global", "t1", 8)


def test_compacted_versions_keep_their_place_without_document_and_diff(
    shown: list[Document],
) -> None:
    versions_of(TASK, "global", "t1").filter(version__lte=2).update(document=None)
    diffs = {each["version"]: each["diff"] for each in present_versions(newest_first())}
    assert [version for version, diff in sorted(diffs.items()) if diff is None] == [1, 2, 3]
    with pytest.raises(Gone):
        present_version(TASK, services.version_of(TASK, "global", "t1", 2))
    assert present_version(TASK, services.version_of(TASK, "global", "t1", 3)) == shown[2]


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 9, 100])
def test_the_feed_read_page_by_page_is_the_whole_feed(shown: list[Document], limit: int) -> None:
    seqs: list[int] = []
    since, more = 0, True
    while more:
        body = read_feed("global", since, limit).body()
        assert len(body["changes"]) <= limit
        seqs += [each["seq"] for each in body["changes"]]
        since, more = body["next"], body["more"]
    assert seqs == list(range(1, 10))
    assert body["head"] == 9
    end = read_feed("global", 9, limit).body()
    assert (end["changes"], end["next"], end["more"]) == ([], 9, False)


def test_a_change_in_the_feed_tells_what_a_subscriber_hears(shown: list[Document]) -> None:
    told = read_feed("global", 4, 1).body()["changes"]
    assert told == [
        {
            "type": "context_changed",
            "level": "task",
            "context_id": "t1",
            "change_type": "updated",
            "changed_by": "owner",
            "timestamp": shown[1]["updated_at"],
            "version": 2,
            "revision": shown[1]["revision"],
            "seq": 5,
            "previous_seq": 4,
        }
    ]


@pytest.mark.parametrize("since", [0, 3, 10, 1000])
def test_numbers_below_the_floor_and_beyond_the_head_are_gone(
    shown: list[Document], since: int
) -> None:
    owned("global", Feed).update(floor=4)
    with pytest.raises(Gone) as refused:
        read_feed("global", since, 10)
    feed = owned("global", Feed).get()
    assert refused.value.details == {"epoch": feed.epoch, "floor": 4, "head": 9}
    assert read_feed("global", 4, 1).changes[0].seq == 5


def test_a_reader_refuses_to_step_over_a_gap(shown: list[Document]) -> None:
    owned("global", Change, seq=6).delete()
    assert [each.seq for each in read_feed("global", 0, 5).changes] == [1, 2, 3, 4, 5]
    for since in (0, 5):
        with pytest.raises(AssertionError, match="gap"):
            read_feed("global", since, 10)


def test_an_organizations_feed_is_its_own(shown: list[Document]) -> None:
    make_organization("elsewhere")
    assert history.head_of("elsewhere") == 1
    assert history.head_of("global") == 9
    assert history.head_of("nowhere") == 0
    epochs = set(Feed.objects.values_list("epoch", flat=True))
    assert len(epochs) == 2
