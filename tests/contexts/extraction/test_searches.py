"""`search`: queries, counts and files of whatever a tool answers."""

from typing import Any

import pytest

from contexts.extraction.searches import search


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ("", None, [])),
        ({"query": "todo"}, ("todo", None, [])),
        ({"query": "todo", "files": ["a.py", "b.py", "a.py"]}, ("todo", 2, ["a.py", "b.py"])),
        ({"query": "todo", "results": []}, ("todo", 0, [])),
        ({"query": "todo", "results": 7}, ("todo", 7, [])),
        ({"query": "todo", "results": [], "files": ["a.py"]}, ("todo", 1, ["a.py"])),
        ({"query": "todo", "results": {"a.c": [1, 2], "b/": 3}}, ("todo", 5, ["a.c", "b/"])),
        ({"query": "todo", "results": {}}, ("todo", 0, [])),
        ({"query": "todo", "results": {"a": None}}, ("todo", None, [])),
        ({"query": "todo", "results": [r"C:\shop\a.py:3:x"]}, ("todo", 1, [r"C:\shop\a.py"])),
        ({"query": "todo", "results": 7, "files": ["a.py"]}, ("todo", 7, ["a.py"])),
        (
            {"query": "todo", "results": ["src/a.py:3: # todo", "src/a.py:9:x", "b.py"]},
            ("todo", 3, ["src/a.py", "b.py"]),
        ),
        (
            {"query": "todo", "results": [{"file": "a.py", "line": 1}, {"path": "b.py"}, {"x": 1}]},
            ("todo", 3, ["a.py", "b.py"]),
        ),
        ({"query": "x", "results": "a.py:1:x\n\nb.py:2:x\n"}, ("x", 2, ["a.py", "b.py"])),
        (
            {"query": "django", "results": [{"title": "Django", "url": "https://example.com/"}]},
            ("django", 1, []),
        ),
        ({"pattern": "**/*.py", "files": "a.py\nb.py\n"}, ("**/*.py", 2, ["a.py", "b.py"])),
        ({"query": "x", "count": 12, "files": ["a.py"]}, ("x", 12, ["a.py"])),
        ({"query": 5, "count": -1, "results": {"a": 1}, "files": [5, None, {}]}, ("", 0, [])),
        ({"query": "x", "results": ["words that are no path", "https://a.b/c"]}, ("x", 2, [])),
    ],
)  # fmt: skip
def test_search(data: dict[str, Any], expected: tuple[str, int | None, list[str]]) -> None:
    extracted = search(data)
    assert (extracted["query"], extracted["count"], extracted["files"]) == expected
    assert "tool" not in extracted


def test_the_tool_is_told() -> None:
    assert search({"query": "x", "tool": "Grep", "results": 1})["tool"] == "Grep"


def test_what_is_kept_is_bounded() -> None:
    extracted = search({"query": "q" * 10_000, "files": [f"{n}{'f' * 1000}" for n in range(5_000)]})
    assert extracted["count"] == 5_000
    assert len(extracted["files"]) == 100
    assert len(extracted["query"]) == 1_000
    assert len(extracted["files"][0]) == 300
