"""A resolved context as Markdown: its shape, and that no budget is ever exceeded."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts.markdown import EntryLine, Section, render, token_count


def insight(
    content: str, importance: str = "medium", at: str = "2026-01-01T00:00:00Z"
) -> EntryLine:
    return EntryLine("insight", content, "technical", importance, "agent-7", at)


def progress(content: str, at: str = "2026-01-01T00:00:00Z") -> EntryLine:
    return EntryLine("progress", content, "", "", "agent-7", at)


TASK = Section(
    "task",
    "task-1",
    [
        ("/status", "in_progress"),
        ("/notes", "line one\n# no heading\n\n  line two\n"),
        ("/a~1b/~0c", {}),
        ("/files", ["a.py", "é"]),
        ("/done", False),
        ("/owner", None),
        ("/empty", ""),
        ("/limits/cpu", 1.5),
    ],
    [
        insight("minor", "low", "2026-01-03T00:00:00Z"),
        progress("first", "2026-01-01T00:00:00Z"),
        insight("big", "high", "2026-01-02T00:00:00Z"),
        progress("second\nin two lines", "2026-01-02T00:00:00Z"),
        insight("middling", "medium"),
        insight("biggest", "critical"),
    ],
)
BRANCH = Section("branch", "b1", [], [])
GLOBAL = Section("global", "global", [("/style/language", "English")], [insight("law", "critical")])
CHAIN = [TASK, BRANCH, GLOBAL]

WHOLE = """\
# Context of task task-1

## Task task-1

- Insight (critical, technical): biggest
- Insight (high, technical): big
- status: in_progress
- notes:
  line one
  # no heading

    line two
- a/b.~c: {}
- files: ["a.py","é"]
- done: false
- owner: null
- empty: ""
- limits.cpu: 1.5
- Insight (medium, technical): middling
- Insight (low, technical): minor
- Progress (2026-01-02T00:00:00Z, agent-7):
  second
  in two lines
- Progress (2026-01-01T00:00:00Z, agent-7): first

## Branch b1

## Global global

- Insight (critical, technical): law
- style.language: English
"""

TITLE = "Context of task task-1"


def test_without_a_budget_everything_is_there_in_its_order() -> None:
    assert render(TITLE, CHAIN, None) == WHOLE


def test_a_budget_that_is_large_enough_changes_nothing() -> None:
    assert render(TITLE, CHAIN, token_count(WHOLE)) == WHOLE
    assert render(TITLE, CHAIN, token_count(WHOLE) - 1) != WHOLE


def test_no_sections_leave_the_title() -> None:
    assert render("A\n# title", [], None) == "# A # title\n"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("éé", 1), ("ééé", 2), ("😀", 1)],
)
def test_tokens_are_bytes_divided_by_four(text: str, tokens: int) -> None:
    assert token_count(text) == tokens


def many(level: str, context_id: str, count: int) -> Section:
    return Section(level, context_id, [(f"/key {n}", f"value {n}") for n in range(count)], [])


def test_what_was_left_out_is_said() -> None:
    project = Section("project", "p1", many("project", "p1", 40).data, [progress("p")])
    rest = Section("global", "global", many("global", "global", 9).data, [insight("g", "low")] * 3)
    text = render(TITLE, [many("task", "task-1", 5), project, rest], 200)
    kept = text.count("- key")
    assert text.endswith(
        f"\n_Left out to stay within 200 tokens: {45 - kept} values of project p1, "
        "1 progress entry of project p1, 9 values of global, 3 insights of global._\n"
    )
    assert 5 < kept < 45
    assert "## Global" not in text
    assert "- key 4: value 4\n" in text


def test_what_was_left_out_is_said_more_briefly_in_less_room() -> None:
    sections = [many("task", "task-1", 30), Section("project", "p1", [], [insight("i", "low")] * 2)]
    middle, small = (render(TITLE, sections, budget) for budget in (50, 25))
    assert re.search(r"\n_Left out to stay within 50 tokens: \d+ values, 2 insights._\n$", middle)
    assert re.search(r"\n_Left out: \d+ items._\n$", small)


def test_a_long_value_is_shortened_and_this_is_said() -> None:
    task = Section("task", "task-1", [("/log", "word " * 1_000), ("/status", "done")], [])
    text = render(TITLE, [task], 100)
    assert re.search(r"\n- log: word .*…\n- status: done\n", text)
    assert text.endswith("\n_Shortened to stay within 100 tokens: 1 value of task task-1._\n")


def test_both_may_be_said() -> None:
    task = Section("task", "t", [("/log", "x" * 4_000), *many("task", "t", 90).data], [])
    text = render("T", [task], 200)
    assert re.search(
        r"_Left out to stay within 200 tokens: \d+ values of task t; shortened: 1 value of task t",
        text,
    )


def test_the_important_and_the_specific_come_first() -> None:
    task = Section(
        "task", "t", many("task", "t", 3).data, [insight("task low", "low"), progress("p")]
    )
    root = Section("global", "g", [("/key", "global value")], [insight("never do it", "critical")])
    wanted = ["never do it", "value 0", "value 2", "global value", "task low", "Progress"]
    seen = []
    for budget in range(1, 120):
        text = render("T", [task, root], budget)
        seen.append([piece in text for piece in wanted])
    for earlier, later in zip(range(len(wanted) - 1), range(1, len(wanted)), strict=True):
        assert all(row[earlier] or not row[later] for row in seen)
    assert seen[-1] == [True] * len(wanted)


@pytest.mark.parametrize("tokens", range(1, 12))
def test_tiny_budgets_are_kept_too(tokens: int) -> None:
    text = render("A title that is longer than all of it", CHAIN, tokens)
    assert 0 < token_count(text) <= tokens


def test_insights_of_one_importance_are_newest_first() -> None:
    entries = [
        insight("older", "high", "2026-01-01T00:00:00Z"),
        insight("newest", "high", "2026-01-01T00:00:00.5Z"),
        insight("same, first", "high", "2025-01-01T00:00:00Z"),
        insight("same, second", "high", "2025-01-01T00:00:00Z"),
    ]
    text = render("T", [Section("task", "t", [], entries)], None)
    order = ["newest", "older", "same, first", "same, second"]
    assert sorted(order, key=text.index) == order


TEXT = st.text(st.sampled_from(list("ab# -_*`~/.\n\r\t\x0b\x85\u2028é😀")), max_size=40) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=10
)
VALUES = (
    TEXT
    | st.none()
    | st.booleans()
    | st.integers()
    | st.lists(TEXT, max_size=3)
    | st.integers(100, 2_000).map(lambda count: "long " * count)
)
IDS = st.text("abz019._:@-", min_size=1, max_size=36)
POINTERS = st.lists(TEXT, min_size=1, max_size=3).map(
    lambda keys: "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
)
MOMENTS = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00.25Z", "2025-12-31T00:00:00Z"]
)
ENTRIES = st.builds(
    EntryLine, st.just("progress"), TEXT, st.just(""), st.just(""), IDS, MOMENTS
) | st.builds(
    EntryLine,
    st.just("insight"),
    TEXT,
    st.sampled_from(["technical", "security"]),
    st.sampled_from(["low", "medium", "high", "critical"]),
    IDS,
    MOMENTS,
)
SECTIONS = st.lists(
    st.builds(
        Section,
        st.sampled_from(["task", "branch", "project", "global"]),
        IDS,
        st.lists(st.tuples(POINTERS, VALUES), max_size=12),
        st.lists(ENTRIES, max_size=8),
    ),
    max_size=4,
)


def lines_of(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


@settings(deadline=None, max_examples=300)
@given(TEXT, SECTIONS, st.integers(1, 40) | st.integers(1, 3_000))
def test_no_budget_is_exceeded_and_silence_means_all(
    title: str, sections: list[Section], tokens: int
) -> None:
    text = render(title, sections, tokens)
    whole = render(title, sections, None)
    assert token_count(text) <= tokens
    assert text == render(title, sections, tokens)
    assert (text == whole) is (token_count(whole) <= tokens)
    if text != whole and tokens > 40 and any(section.data for section in sections):
        assert re.search(r"\n_(Left out|Shortened)[^\n]*\d+[^\n]*\._\n\Z", text)


@settings(deadline=None, max_examples=300)
@given(TEXT, SECTIONS, st.none() | st.integers(60, 3_000))
def test_no_content_breaks_the_structure(
    title: str, sections: list[Section], tokens: int | None
) -> None:
    lines = lines_of(render(title, sections, tokens))
    assert lines[0].startswith("#")
    headings = [line for line in lines if line.startswith("## ")]
    bullets = [line for line in lines if line.startswith("- ")]
    others = [
        line for line in lines[1:] if line[:3] not in ("## ",) and line[:2] not in ("- ", "  ")
    ]
    total = sum(len(section.data) + len(section.entries) for section in sections)
    assert len(headings) <= len(sections)
    assert len(bullets) <= total
    assert all(re.fullmatch(r"|_(Left out|Shortened).*\._", line) for line in others)
    if tokens is None:
        assert (len(headings), len(bullets)) == (len(sections), total)


@settings(deadline=None)
@given(SECTIONS)
def test_without_a_budget_every_word_is_there(sections: list[Section]) -> None:
    words = set(render("T", sections, None).split())
    for section in sections:
        values: list[Any] = [value for _, value in section.data if isinstance(value, str)]
        for content in (*values, *(entry.content for entry in section.entries)):
            assert set(content.split()) <= words
