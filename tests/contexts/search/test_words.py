"""Which words match: whole ones in keys, values and names, the same on both databases."""

import re
from collections.abc import Callable

import pytest

from contexts import services
from contexts.access import Caller
from contexts.levels import BRANCH, GLOBAL, PROJECT, Document, Level
from contexts.models import Context
from tests.contexts.search.finding import find, make

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
