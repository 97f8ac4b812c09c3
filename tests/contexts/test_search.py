"""Full-text search: the same requests find the same contexts, in the same order, on both
databases."""

import importlib
import json
import random
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.extra.django import TestCase

from contexts import entries, merging, queries, search, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.errors import Invalid
from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK, Document, Level
from contexts.models import BranchContext, Context, Entry, TaskContext
from tests.conftest import make_organization

Find = Callable[..., list[str]]


@pytest.fixture
def make_task(owner: Caller) -> Callable[..., Context]:
    return lambda context_id, data: make(owner, context_id, data)


def make(author: Author, context_id: str, data: Document) -> Context:
    return services.create(
        author,
        TASK,
        {"data": data},
        context_id=context_id,
        parent_ids={"branch_id": "b1", "project_id": "p1"},
        create_parents=True,
    )


def note(author: Author, context_id: str, content: str, details: Document | None = None) -> Entry:
    kind = Entry.Kind.PROGRESS if details is None else Entry.Kind.ACTION
    return entries.add(author, TASK, context_id, kind, content, details=details)


def replace(author: Author, context_id: str, data: Document) -> None:
    services.update(author, TASK, context_id, lambda values: {**values, "data": data})


def find(text: str, organization_id: str = "global", level: Level = TASK) -> list[str]:
    rows = level.rows(organization_id)
    return [row.context_id for row in search.matching(rows, level, organization_id, text)[:]]


# --- what matches

MATCHES: list[tuple[Document, str, bool]] = [
    ({"status": "in progress"}, "progress", True),
    ({"status": "in progress"}, "PROGRESS status", True),
    ({"status": "in progress"}, "progress missing", False),
    ({"status": "in progress"}, "prog", False),
    ({"running": 1}, "run", False),
    ({"a": {"b": [{"deep key": ["very deep"]}]}}, "key deep very", True),
    ({"a": True, "b": False, "c": None}, "true false null", True),
    ({"a": [10, 20]}, "10 20", True),
    ({"a": ["x"]}, "0", False),
    ({"pi": 3.14, "debt": -5}, "3.14 -5", True),
    ({"pi": 3.14}, "14", True),
    ({"big": 9007199254740991}, "9007199254740991", True),
    ({"path": "src/app/main.py"}, "app", True),
    ({"path": "src/app/main.py"}, "src/app/main.py", True),
    ({"path": "src/app/main.py"}, "py src", True),
    ({"mail": "user@example.com"}, "example", True),
    ({"mail": "user@mail.example.com"}, "user@mail.example.com", True),
    ({"name": "snake_case foo-bar"}, "case bar", True),
    ({"name": "snake_case"}, "snake_case", True),
    ({"name": "snake_case"}, "snakecase", False),
    ({"url": "https://example.org/a?b=c&d=%20e#f"}, "org b c d 20e f", True),
    ({"hash": "1e5 12abc 0x1F +7"}, "1e5 12abc 0x1f 7", True),
    ({"html": "<b>bold</b>&amp;"}, "bold b amp", True),
    ({"text": "one\ntwo\tthree\rfour\bfive\ffix\x01seven\x7fend"}, "two three five fix end", True),
    ({"text": "one\ntwo"}, "ntwo", False),
    ({"text": 'say "hello" now'}, "hello say now", True),
    ({"text": "C:\\new\\table\\u0041x"}, "new table u0041x c", True),
    ({"text": "C:\\new"}, "ew", False),
    ({"text": "a\\\\nb \\\\u1234c"}, "nb u1234c", True),
    ({"text": "\x1fab"}, "ab", True),
    ({"text": "Café ÉCOLE"}, "café école", True),
    ({"text": "café"}, "CAFÉ", True),
    ({"text": "café"}, "cafe", False),
    ({"text": "cafe"}, "café", False),
    ({"Größe": "Straße"}, "GRÖSSE", False),
    ({"Größe": "Straße"}, "GRÖßE straße", True),
    ({"text": "ПРИВЕТ Мир"}, "привет МИР", True),
    ({"text": "ΛΟΓΟΣ"}, "λογος", True),
    ({"text": "λόγος"}, "ΛΌΓΟΣ", True),
    ({"text": "日本語 テスト"}, "日本語", True),
    ({"text": "日本語テスト"}, "日本語", False),
    ({"text": "हिन्दी"}, "हिन्दी", True),
    ({"text": "e\u0301te\u0301"}, "e\u0301te\u0301", True),
    ({"text": "“quoted” — auth→login… don\u2019t"}, "quoted auth login don t", True),
    ({"text": "nbsp\u00a0here\u2003wide\u200bzero"}, "nbsp here wide zero", True),
    ({"text": "done✅🚀🤖go"}, "done go", True),
    ({"text": "\U00010400x"}, "\U00010428X", True),
    ({"": ""}, "x", False),
    ({}, "x", False),
]


@pytest.mark.parametrize(("data", "text", "matches"), MATCHES)
def test_whole_words_in_keys_and_values_match(
    make_task: Callable[..., Context], data: Document, text: str, matches: bool
) -> None:
    make_task("t1", data)
    assert (find(text) == ["t1"]) is matches


@pytest.mark.parametrize(
    "text", ["", " ", "_", "-/.,;:!?", '"', "\\", "—…", "\0", "\ud800", "🤖✅"]
)
def test_text_without_a_word_matches_nothing(make_task: Callable[..., Context], text: str) -> None:
    make_task("t1", {"text": "anything"})
    assert find(text) == []


@pytest.mark.parametrize(
    "text",
    [
        '"',
        'anything"',
        '"anything',
        "any*",
        "anythin*",
        "NEAR(anything absent)",
        "words:anything absent",
        "anything AND absent",
        "anything OR absent",
        "absent OR anything",
        "NOT absent",
        "anything' OR '1'='1",
        "'; DROP TABLE contexts_entry; --",
        "anything | absent",
        "!absent",
        "anything <-> absent",
        "any:*",
        "anything:A",
        "'/global'",
        "/global",
        "%s %(x)s",
        "%",
        "$1",
    ],
)
def test_query_syntax_means_nothing(make_task: Callable[..., Context], text: str) -> None:
    make_task("t1", {"text": "anything"})
    expected = ["t1"] if set(re.findall("[a-z0-9]+", text.lower())) == {"anything"} else []
    assert find(text) == expected
    assert find("anything") == ["t1"]


@pytest.mark.parametrize("text", ["a\\", "\\a", "a\\'", "'a'", "a\0", "\ufeffa", "a\ud800"])
def test_hostile_characters_only_separate(make_task: Callable[..., Context], text: str) -> None:
    make_task("t1", {"text": "a"})
    assert find(text) == ["t1"]


def test_up_to_32_words_are_taken(make_task: Callable[..., Context]) -> None:
    words = [f"w{number}" for number in range(33)]
    make_task("t1", {"text": " ".join(words)})
    assert find(" ".join(words[:32])) == ["t1"]
    assert find(" ".join(words[:32] * 3)) == ["t1"]
    for text in (" ".join(words), "a " * 10_000):
        with pytest.raises(Invalid):
            find(text)


def test_a_word_of_255_characters_is_found_and_a_longer_one_never(
    make_task: Callable[..., Context],
) -> None:
    make_task("t1", {"text": "ü" * 255 + " " + "x" * 256 + " " + "y" * 5000})
    assert find("Ü" * 255) == ["t1"]
    assert find("x" * 256) == []
    assert find("x" * 255) == []
    assert find("y" * 5000) == []
    assert find("ü" * 255 + " " + "x" * 256) == []


@pytest.mark.parametrize(
    ("level", "values", "found"),
    [
        (PROJECT, {"project_name": "Billing Été", "data": {}}, "p2"),
        (BRANCH, {"git_branch_name": "feature/billing-été", "data": {}}, "b2"),
        (PROJECT, {"project_name": "Billing", "data": {"season": "été"}}, "p2"),
    ],
)
def test_names_are_searched_with_the_data(
    owner: Caller, level: Level, values: Document, found: str
) -> None:
    make(owner, "t1", {})
    parent = {PROJECT: {}, BRANCH: {"project_id": "p1"}}[level]
    services.create(owner, level, values, context_id=found, parent_ids=parent)
    assert find("billing ÉTÉ", level=level) == [found]


def test_the_organization_is_found_by_its_name(owner: Caller) -> None:
    services.update(
        owner, GLOBAL, "global", lambda values: {**values, "organization_name": "Acme Works"}
    )
    assert find("acme", level=GLOBAL) == ["global"]


# --- entries


def test_words_may_stand_in_data_and_in_several_entries(owner: Caller) -> None:
    make(owner, "t1", {"topic": "billing"})
    make(owner, "t2", {"topic": "billing"})
    note(owner, "t1", "wrote the migration")
    note(owner, "t1", "tests are green")
    note(owner, "t2", "wrote the migration")
    assert find("billing migration green") == ["t1"]
    assert find("billing migration") == ["t2", "t1"]
    assert find("green migration") == ["t1"]


def test_details_of_actions_are_searched_by_their_values(owner: Caller) -> None:
    make(owner, "t1", {})
    details = {
        "command": 'pytest -k "search\nnow" C:\\new',
        "result": {"files": ["src/app.py", None, True, 17]},
    }
    note(owner, "t1", "command", details)
    for text in ("pytest", "app.py", "search now", "new", "17", "true", "command"):
        assert find(text) == ["t1"], text
    for text in ("result", "files", "null", "nnow", "ew"):
        assert find(text) == [], text


def test_entries_of_other_levels_and_contexts_do_not_count(owner: Caller) -> None:
    make(owner, "b1", {})
    entries.add(owner, BRANCH, "b1", Entry.Kind.INSIGHT, "zebra", importance="low")
    assert find("zebra", level=BRANCH) == ["b1"]
    assert find("zebra") == []


def test_entries_are_found_again_with_a_context_made_again(owner: Caller) -> None:
    make(owner, "t1", {"topic": "old"})
    note(owner, "t1", "zebra")
    services.delete(owner, TASK, "t1")
    assert find("zebra") == find("old") == []
    make(owner, "t1", {"topic": "new"})
    assert find("zebra") == ["t1"]
    assert find("old") == []


# --- tenants


def test_other_organizations_are_neither_found_nor_counted(owner: Caller) -> None:
    make_organization("elsewhere")
    stranger = Author("elsewhere", "stranger")
    make(owner, "t1", {"text": "shared zebra"})
    make(owner, "t2", {"text": "shared"})
    make(stranger, "t1", {"text": "shared"})
    make(stranger, "t3", {"text": "shared"})
    note(stranger, "t1", "zebra secret")
    assert find("shared") == ["t2", "t1"]
    assert find("secret") == []
    assert find("zebra") == ["t1"]
    assert find("shared secret", "elsewhere") == ["t1"]
    everything = TaskContext.objects.all()
    found = search.matching(everything, TASK, "global", "shared")[:]
    assert {row.organization_id for row in found} == {"global"}


# --- what changes


def test_an_update_forgets_the_old_words(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha shared", "n": 1})
    replace(owner, "t1", {"text": "beta shared", "n": 2})
    assert find("alpha") == []
    assert find("beta shared") == ["t1"]
    replace(owner, "t1", {"text": "alpha"})
    assert find("alpha") == ["t1"]
    assert find("shared") == find("beta") == []


def test_a_rename_and_a_change_of_other_fields_are_followed(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    services.update(owner, TASK, "t1", lambda values: {**values, "progress": 50})
    assert find("alpha") == ["t1"]
    for name in ("first name", "second name"):
        values = {"git_branch_name": name}
        services.update(owner, BRANCH, "b1", partial(merging.deep_merge, over=values))
    assert find("second", level=BRANCH) == ["b1"]
    assert find("first", level=BRANCH) == []


def test_a_deletion_forgets_everything(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    services.delete(owner, PROJECT, "p1", cascade=True)
    assert find("alpha") == []
    make(owner, "t1", {"text": "beta"})
    assert find("alpha") == []
    assert find("beta") == ["t1"]


def test_what_is_rolled_back_is_not_found(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    with transaction.atomic():
        replace(owner, "t1", {"text": "beta"})
        assert find("beta") == ["t1"]
        transaction.set_rollback(True)
    assert find("beta") == []
    assert find("alpha") == ["t1"]


def distinct_words(size: int, alphabet: str, length: int) -> str:
    chosen = random.Random(7)
    words = {"".join(chosen.choices(alphabet, k=length)) for _ in range(size // (length + 1))}
    return " ".join(sorted(words))


LARGE = {
    "short words": distinct_words(950_000, "abcdefghijklmnopqrstuvwxyz0123456789", 5),
    "pairs": " ".join(chr(a) + chr(b) for a in range(97, 123) for b in range(97, 123)) * 400,
    "CJK": distinct_words(230_000, "".join(map(chr, range(0x4E00, 0x9FA0))), 3),
    "beyond the BMP": distinct_words(190_000, "".join(map(chr, range(0x20000, 0x2A000))), 2),
    "growing": distinct_words(450_000, "ȺȾabcdefgh", 9),
    "long words": distinct_words(900_000, "abcdef", 255),
    "too long words": distinct_words(900_000, "abcdef", 4000),
    "one word": "x" * 900_000,
    "escapes": '"\\\n\t\x01' * 70_000,
    "repeated": "tick " * 180_000,
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_documents_are_kept_and_found_by_their_last_word(
    owner: Caller, name: str
) -> None:
    make(owner, "t1", {"a": LARGE[name] + " needle"})
    assert find("needle") == ["t1"]
    replace(owner, "t1", {"a": LARGE[name] + " needle", "b": "other"})
    assert find("needle other") == ["t1"]
    replace(owner, "t1", {"b": "other"})
    assert find("needle") == []
    note(owner, "t1", LARGE[name] + " pin", {"output": LARGE[name]})
    assert find("pin other") == ["t1"]
    services.delete(owner, TASK, "t1")
    assert find("other") == []


# --- order

ORDERS: list[tuple[str, str, list[Document], list[list[str]]]] = [
    # description, query, data of t0 t1 …, entries of each, in the order expected: t0 is best
    ("more often", "zebra", [{"a": "zebra zebra zebra"}, {"a": "zebra zebra"}, {"a": "zebra"}], []),
    ("length is no matter", "zebra", [{"a": "zebra " * 2 + "x " * 500}, {"a": "zebra"}], []),
    ("data before entries", "zebra", [{"a": "zebra"}, {}], [[], ["zebra"]]),
    (
        "data before entries, though all have it",
        "zebra",
        [{"a": "zebra"}, {}, {}, {}],
        [[], ["zebra", "zebra"], ["zebra zebra"], ["zebra"]],
    ),
    ("in both", "zebra", [{"a": "zebra"}, {"a": "zebra"}], [["zebra"], []]),
    ("in more entries", "zebra", [{}, {}], [["zebra", "zebra"], ["zebra"]]),
    ("in many entries", "zebra", [{}, {"a": "zebra"}], [["zebra"] * 6, []]),
    ("two words", "lion zebra", [{"a": "zebra zebra lion"}, {"a": "zebra lion"}], []),
    ("key and value", "zebra", [{"zebra": "zebra"}, {"zebra": "lion"}], []),
    (
        "two words over two places",
        "lion zebra",
        [{"a": "zebra lion"}, {"a": "zebra"}, {}],
        [[], ["lion"], ["zebra", "lion"]],
    ),
]


@pytest.mark.parametrize(
    ("text", "data", "written"), [order[1:] for order in ORDERS], ids=[o[0] for o in ORDERS]
)
@pytest.mark.parametrize("made", [1, -1], ids=["best first", "best last"])
def test_the_best_match_comes_first(
    owner: Caller, text: str, data: list[Document], written: list[list[str]], made: int
) -> None:
    numbers = list(range(len(data)))
    for number in numbers[::made]:
        make(owner, f"t{number}", data[number])
        for content in written[number] if written else []:
            note(owner, f"t{number}", content)
    for number in range(20):
        make(owner, f"other{number}", {"a": "lion"})
    assert find(text) == [f"t{number}" for number in numbers]


def test_equals_come_newest_first_and_pages_fit_together(owner: Caller) -> None:
    names = [f"t{number}" for number in range(25)]
    for name in names:
        make(owner, name, {"a": "zebra"})
        note(owner, name, "lion")
        note(owner, name, "lion lion")
    matches = search.matching(TASK.rows("global"), TASK, "global", "zebra lion")
    pages = [matches[start : start + 10] for start in range(0, 40, 10)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [row.context_id for page in pages for row in page] == names[::-1]
    assert matches[3:3] == []


def test_a_page_is_cut_by_the_database(owner: Caller) -> None:
    for number in range(12):
        make(owner, f"t{number}", {"a": "zebra"})
    matches = search.matching(TASK.rows("global"), TASK, "global", "zebra")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        found = matches[2:5]
        assert [queries.present(TASK, row)["branch_id"] for row in found] == ["b1"] * 3
    assert len(captured) == 2
    assert "LIMIT 3 OFFSET 2" in captured[0]["sql"]


def test_the_rows_given_are_the_ones_searched(owner: Caller) -> None:
    for name in ("t1", "t2", "t3"):
        make(owner, name, {"a": "zebra", "status": name})
    rows: Any = TASK.rows("global")

    def found(narrowed: Any) -> list[str]:
        return [row.context_id for row in search.matching(narrowed, TASK, "global", "zebra")[:]]

    assert found(rows.filter(data__status="t2")) == ["t2"]
    assert found(rows.filter(parent__parent__context_id="p1").order_by("context_id")) == [
        "t3",
        "t2",
        "t1",
    ]
    assert found(rows.filter(parent__context_id="absent")) == []
    assert found(rows.filter(context_id__in=["t1", "100%"])) == ["t1"]
    assert found(rows.none()) == []


# --- against a naive search

WORDS = ("alpha", "Beta", "ÉTÉ", "été", "x1", "42", "тест", "日本", "a", "true")
SEPARATORS = (" ", "-", "_", "/", "\n", '"', "\\", "\\n", "'", ".", "@", "—", "\u00a0", ":", "\x01")
texts = strategies.lists(strategies.sampled_from(WORDS + SEPARATORS), max_size=6).map("".join)
scalars = texts | strategies.booleans() | strategies.integers(-99, 99) | strategies.none()
documents = strategies.dictionaries(
    texts,
    strategies.recursive(
        scalars,
        lambda inner: (
            strategies.lists(inner, max_size=3) | strategies.dictionaries(texts, inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def strings(value: Any, keys: bool) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ((key, *strings(inner, keys)) if keys else strings(inner, keys))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, keys)
    elif value is not None or keys:
        yield value if isinstance(value, str) else json.dumps(value)


def words_in(texts: Iterable[str]) -> set[str]:
    return {word.lower() for text in texts for word in re.findall(r"[^\W_]+", text)}


class NaiveSearchAgrees(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        make_organization("global")

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        strategies.lists(
            strategies.tuples(
                documents, strategies.lists(strategies.tuples(texts, documents), max_size=2)
            ),
            min_size=1,
            max_size=4,
        ),
        strategies.lists(texts, min_size=1, max_size=5),
        strategies.sampled_from([1, 2, search.ENOUGH]),
    )
    def test_the_same_contexts_are_found(
        self,
        written: list[tuple[Document, list[tuple[str, Document]]]],
        asked: list[str],
        enough: int,
    ) -> None:
        # Bounds do not change what is found.
        with mock.patch.object(search, "ENOUGH", enough):
            self.find_all(written, asked)

    def find_all(
        self, written: list[tuple[Document, list[tuple[str, Document]]]], asked: list[str]
    ) -> None:
        author = Author("global", "owner")
        expected: dict[str, set[str]] = {}
        for number, (data, notes) in enumerate(written):
            name = f"t{number}"
            make(author, name, {"first": "draft"})
            replace(author, name, data)
            expected[name] = words_in(strings(data, keys=True))
            for content, details in notes:
                note(author, name, content, details)
                expected[name] |= words_in([content, *strings(details, keys=False)])
        for text in (*asked, *WORDS):
            wanted = words_in([text])
            matching = {name for name in expected if wanted and wanted <= expected[name]}
            assert set(find(text)) == matching, text


# --- the index


def test_the_migration_indexes_what_is_there_already(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    note(owner, "t1", "beta")
    for level in (PROJECT, BRANCH):
        context_id = {PROJECT: "p1", BRANCH: "b1"}[level]
        services.update(owner, level, context_id, lambda values: {**values, "data": {"a": "alpha"}})
    migration = importlib.import_module("contexts.migrations.0002_full_text_search")
    connection.check_constraints()
    migration.drop(None, connection.schema_editor())
    replace(owner, "t1", {"text": "gamma"})
    connection.check_constraints()
    migration.rebuild(None, connection.schema_editor())
    assert find("gamma beta") == ["t1"]
    assert find("alpha") == []
    assert find("alpha", level=PROJECT) == ["p1"]
    assert find("alpha", level=BRANCH) == ["b1"]
    replace(owner, "t1", {"text": "delta"})
    assert find("delta") == ["t1"]
    assert find("gamma") == []


def test_a_search_among_thousands_uses_the_index(owner: Caller) -> None:
    make(owner, "t1", {"text": "needle"})
    branch = BranchContext.objects.get(context_id="b1")
    TaskContext.objects.bulk_create(
        TaskContext(
            context_id=f"bulk{number}",
            organization_id="global",
            parent=branch,
            revision="1-x",
            updated_by="setup",
            data={"text": f"straw number {number}"},
        )
        for number in range(3000)
    )
    assert find("needle") == ["t1"]
    assert find("straw 2345") == ["bulk2345"]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT gin_clean_pending_list('idx_task_contexts_search')")
            cursor.execute("ANALYZE task_contexts")
            cursor.execute("SET LOCAL enable_seqscan = off")
    matches = search.matching(TASK.rows("global"), TASK, "global", "needle")
    with CaptureQueriesContext(connection) as captured:
        assert [row.context_id for row in matches[:10]] == ["t1"]
    with connection.cursor() as cursor:
        explain = {"postgresql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[connection.vendor]
        cursor.execute(explain + captured[0]["sql"])
        plan = str(cursor.fetchall())
    assert {"postgresql": "idx_task_contexts_search", "sqlite": "VIRTUAL TABLE INDEX"}[
        connection.vendor
    ] in plan
