"""Diffs from what a tool tells of its edit, and diffs applied to texts."""

from collections.abc import Sequence
from typing import Any

from contexts.extraction.comparing import between
from contexts.extraction.diffs import LONGEST_LINE, FileDiff, Hunk


def of_structured_patch(patch: Any) -> list[Hunk]:
    """The hunks of a `structuredPatch`; what is none is left out."""
    hunks = []
    for part in patch if isinstance(patch, list) else []:
        lines = part.get("lines") if isinstance(part, dict) else None
        if isinstance(lines, list):
            starts = [part.get(name) for name in ("oldStart", "newStart")]
            old, new = (start if isinstance(start, int) else 0 for start in starts)
            kept = [line for line in lines if isinstance(line, str) and line[:1] in (" ", "+", "-")]
            hunks.append(Hunk(old, new, lines=kept))
    return hunks


def tool_edit(path: str, data: dict[str, Any]) -> tuple[FileDiff, str | None] | None:
    """What a tool did to one file, and the file's new text when that is known.

    `data` holds what there is of `structured_patch`, `original_content`, `content`, `edits` and
    `status`. None when it does not tell what changed.
    """
    old, new, edits = data.get("original_content"), data.get("content"), data.get("edits")
    old, new = (text if isinstance(text, str) else None for text in (old, new))
    made = data.get("status") == "added" or (not old and _makes_file(edits))
    hunks = of_structured_patch(data.get("structured_patch"))
    file = FileDiff(path, "added" if made else "modified", hunks=hunks)
    if hunks:
        if new is None and old is not None:
            lines = applied(hunks, old.split("\n"), "-")
            new = None if lines is None else "\n".join(lines)
        return file, new
    if new is None and _makes_file(edits):
        first, *rest = _replaced(edits)
        new = _edited(first[1], rest) if rest else first[1]
    elif old is not None and new is None:
        new = _edited(old, _replaced(edits))
    if new is not None and (made or old is not None):
        file.hunks = between("" if made else old or "", new)
        return file, new
    file.hunks = [hunk for each in _replaced(edits) for hunk in between(*_as_lines(*each[:2]))]
    # Where in the file these stand is not known.
    for hunk in file.hunks:
        hunk.old_start = hunk.new_start = 0
    return (file, None) if file.hunks else None


def _makes_file(edits: Any) -> bool:
    """Whether the first edit replaces nothing: it gives the file its text, others go on from it."""
    found = _replaced(edits)
    return bool(found) and found[0][0] == ""


def _replaced(edits: Any) -> list[tuple[str, str, bool]]:
    """Old text, new text and whether all places are meant, of each well-formed edit."""
    return [
        (edit["old_string"], edit["new_string"], edit.get("replace_all") is True)
        for edit in (edits if isinstance(edits, list) else [])
        if isinstance(edit, dict)
        and isinstance(edit.get("old_string"), str)
        and isinstance(edit.get("new_string"), str)
    ]


def _as_lines(old: str, new: str) -> tuple[str, str]:
    """Two pieces of a file whose last lines go on, or end, alike: as whole lines."""
    if old and new and not old.endswith("\n") and not new.endswith("\n"):
        return old + "\n", new + "\n"
    return old, new


def _edited(text: str, found: list[tuple[str, str, bool]]) -> str | None:
    """The text after the edits; None when one of them finds nothing to replace."""
    for old, new, everywhere in found:
        if not old or old not in text:
            return None
        text = text.replace(old, new, -1 if everywhere else 1)
    return text if found else None


def applied(hunks: Sequence[Hunk], lines: Sequence[str], marker: str = "+") -> list[str] | None:
    """The old lines from the new ones (or, with `-`, the new from the old); None when they differ.

    `lines` must hold what the hunks say they hold, where they say it.
    """
    other = "-" if marker == "+" else "+"
    result: list[str] = []
    done = 0
    for hunk in hunks:
        here = hunk.side(marker)
        start = (hunk.new_start if marker == "+" else hunk.old_start) - bool(here)
        there = lines[max(start, 0) : start + len(here)]
        if start < done or list(map(_comparable, there)) != list(map(_comparable, here)):
            return None
        result += [*lines[done:start], *hunk.side(other)]
        done = start + len(here)
    return [*result, *lines[done:]]


def _comparable(line: str) -> str:
    return line[:LONGEST_LINE].rstrip("\r")


def unified(file: FileDiff) -> str:
    """The diff as text, in git's format; "" when nothing changed."""
    if not file.hunks and file.status == "modified":
        return ""
    name = file.path.lstrip("/")
    old, new = f"a/{name}", f"b/{name}"
    parts = [f"diff --git {old} {new}"]
    if file.status == "added":
        old = "/dev/null"
        parts.append("new file mode 100644")
    elif file.status == "deleted":
        new = "/dev/null"
        parts.append("deleted file mode 100644")
    if file.hunks:
        parts += [f"--- {old}", f"+++ {new}"]
    for hunk in file.hunks:
        sizes = len(hunk.side("-")), len(hunk.side("+"))
        parts.append(f"@@ -{hunk.old_start},{sizes[0]} +{hunk.new_start},{sizes[1]} @@")
        parts += hunk.lines
    return "".join(part + "\n" for part in parts)
