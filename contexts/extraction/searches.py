"""`search`: what was looked for, and in which files it was found."""

import math
import re
from typing import Any

from contexts.documents import Document
from contexts.extraction.results import LONGEST_NAME, MAX_COUNT, shortened

LONGEST_QUERY = 1_000
MOST_FILES = 100
LONGEST_TEXT = 2**20
_PATHS = ("file", "path", "file_path", "filename", "filePath")
_QUERIES = ("query", "pattern", "url", "search")
# `path:12:text`, `path-12-text`, `path:3` as grep and ripgrep print them.
_LINE = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:][^:\n]{0,400}?)(?::(\d{1,9})(?::|$)|-(\d{1,9})-)")

# `path:text`, as grep prints it without line numbers.
_NAMED = re.compile(r"([^\s:]{1,400}\.\w{1,10}):")
_GREPS = frozenset(("grep", "rg", "ripgrep"))


def search(data: Document) -> Document:
    """`query`, `count` and `files` (the first 100) of an action's data, and its `tool`.

    `results` may be a list of texts or objects, lists by file, a number, or what a tool printed.
    `count` is the number of results, of files where there are none; null when nothing tells.
    """
    query = next((data[name] for name in _QUERIES if isinstance(data.get(name), str)), "")
    found, count = _files(data.get("files"))
    tool = data.get("tool")
    grepped = isinstance(tool, str) and tool.lower() in _GREPS
    told, results = _results(data.get("results"), grepped)
    for path in told:
        found.setdefault(path)
    if _is_count(data.get("count")):
        count = int(data["count"])
    elif results or (results is not None and not count):
        count = results
    extracted: Document = {
        "query": shortened(query, LONGEST_QUERY),
        "count": count,
        "files": [shortened(path, LONGEST_NAME) for path in list(found)[:MOST_FILES]],
    }
    return {**extracted, "tool": tool[:100]} if isinstance(tool, str) else extracted


def _is_count(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= MAX_COUNT


def _files(value: Any) -> tuple[dict[str, None], int | None]:
    """Paths, each once, and how many there are."""
    if isinstance(value, str):
        value = value[:LONGEST_TEXT].splitlines()
    if not isinstance(value, list):
        return {}, int(value) if _is_count(value) else None
    paths = dict.fromkeys(path for item in value if (path := _path(item)))
    return paths, len(paths)


def _path(item: Any) -> str:
    if isinstance(item, dict):
        item = next((item[name] for name in _PATHS if isinstance(item.get(name), str)), "")
    return item.strip() if isinstance(item, str) else ""


def _results(value: Any, grepped: bool) -> tuple[list[str], int | None]:
    """The files that results name, and how many results there are."""
    if _is_count(value):
        return [], int(value)
    if isinstance(value, dict):
        # By file: what was found in it, or how much.
        counts = [len(each) if isinstance(each, list) else each for each in value.values()]
        told = all(map(_is_count, counts)) and all(map(_is_path, value))
        return (list(value), int(sum(counts))) if told else ([], None)
    if isinstance(value, str):
        lines = value[:LONGEST_TEXT].splitlines()
        value = [line for line in lines if line.strip() not in ("", "--")]
    if not isinstance(value, list):
        return [], None
    paths = []
    for item in value:
        if isinstance(item, str):
            match = _LINE.match(item) or (grepped and _NAMED.match(item))
            paths.append(match[1] if match else item if _is_path(item) else "")
        else:
            paths.append(_path(item))
    return [path for path in paths if path], len(value)


def _is_path(text: str) -> bool:
    return not re.search(r"\s", text) and "://" not in text and bool(re.search(r"[/\\.]", text))
