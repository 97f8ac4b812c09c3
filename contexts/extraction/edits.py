"""What an edit did: files, lines, functions and classes, patterns (contract §5, `file_edit`)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from contexts.documents import Document
from contexts.extraction import comparing, diffs, patches, patterns
from contexts.extraction.diffs import FileDiff
from contexts.extraction.patches import tool_edit
from contexts.extraction.patterns import Rules
from contexts.extraction.pieces import Code
from contexts.extraction.results import uncoloured
from contexts.extraction.summaries import Edited, summary_of
from contexts.extraction.trees import language_of

# What is read at all, and how much of that is searched for functions and patterns.
LONGEST_DIFF = 8 * 2**20
MOST_SEARCHED = 512 * 1024
MOST_PIECES = 200
MOST_FILES = 2_000
MOST_SYMBOLS = 100
LONGEST_PATH = 1_000
LONGEST_KEPT = 256 * 1024
# As `git diff --color` begins its heads; what else stands in a diff is a file's own.
_COLOURED = re.compile(r"^\x1b\[[\d;]*m(?:diff -|--- |@@)", re.M)


def file_edit(data: Document, rules: Rules | None = None) -> Document:
    """What the contract lists for `file_edit`; whatever `data` holds, it raises nothing.

    Reads `file_paths`, `changes` (a unified diff) and `content` (the new text of the file, or of
    the first one in the diff that it fits). A tool's edit of one file has no `changes` but
    `structured_patch`, `original_content`, `edits` (of `old_string`, `new_string`,
    `replace_all`) and `status`: then `diff` is the unified diff to be kept.

    What was not looked at is told in `cut`: characters of a diff, files and symbols left out, and
    `searched` false when of some files only the lines were counted.
    """
    paths = _paths(data.get("file_paths"))
    if not (text := _diff_text(data.get("changes"))) and len(paths) == 1:
        told = tool_edit(paths[0], data)
        if told is not None:
            return _with_diff(*told, rules)
    text, cut = _limited(text, LONGEST_DIFF)
    files = diffs.parse(uncoloured(text) if _COLOURED.search(text) else text)
    for file in files:
        file.path = file.path or (paths[0] if paths else "unknown")
    content = data.get("content")
    return _described(files, paths, content if isinstance(content, str) else None, rules, cut)


def from_texts(path: str, old: str | None, new: str | None, rules: Rules | None = None) -> Document:
    """The same of a file whose text was `old` and is `new` (None: no such file), with `diff`."""
    status = "added" if old is None else "deleted" if new is None else "modified"
    file = FileDiff(path, status, hunks=comparing.between(old or "", new or ""))
    return _with_diff(file, new, rules)


def from_patch(
    path: str,
    structured_patch: Any,
    original: str | None = None,
    new_content: str | None = None,
    created: bool = False,
    rules: Rules | None = None,
) -> Document:
    """The same of an event's `structuredPatch`; where it is empty the texts are compared."""
    known = {"original_content": original, "content": new_content}
    data = {name: text for name, text in known.items() if text is not None}
    status = "added" if created else "modified"
    told = tool_edit(path, {**data, "structured_patch": structured_patch, "status": status})
    return _with_diff(*(told or (FileDiff(path, status), None)), rules)


def _with_diff(file: FileDiff, new: str | None, rules: Rules | None) -> Document:
    diff, cut = _limited(patches.unified(file), LONGEST_KEPT)
    searched = new if file.hunks or file.status == "added" else None
    described = _described([file], [file.path], searched, rules, cut)
    return {**described, "diff": diff}


def _described(
    files: list[FileDiff],
    paths: list[str],
    content: str | None,
    rules: Rules | None,
    cut: Document,
) -> Document:
    edits, used = _searched(files, paths, content, rules or patterns.in_use(), cut)
    modified = _modified(files, paths)
    described: Document = {
        "files_modified": modified[:MOST_FILES],
        "change_summary": summary_of(edits, modified),
        "changes": [_change(edit, cut) for edit in edits[:MOST_FILES]],
        "patterns_used": sorted(used),
    }
    if len(modified) > MOST_FILES:
        cut["files"] = len(modified) - MOST_FILES
    return {**described, "cut": cut} if cut else described


def _change(edit: Edited, cut: Document) -> Document:
    names = edit.touched.all()
    if len(names) > MOST_SYMBOLS:
        cut["symbols"] = cut.get("symbols", 0) + len(names) - MOST_SYMBOLS
    file = edit.file
    return {
        "path": file.path[:LONGEST_PATH],
        "status": file.status,
        "added": file.added,
        "removed": file.removed,
        "renamed_from": file.renamed_from and file.renamed_from[:LONGEST_PATH],
        "symbols": names[:MOST_SYMBOLS],
    }


def _searched(
    files: list[FileDiff], paths: list[str], content: str | None, rules: Rules, cut: Document
) -> tuple[list[Edited], set[str]]:
    """Every file with what was found in it, and the patterns of all."""
    edits: list[Edited] = []
    used: set[str] = set()
    left, pieces = MOST_SEARCHED, MOST_PIECES
    for file in files:
        edits.append(Edited(file))
        language = language_of(file.path)
        size = sum(len(line) for hunk in file.hunks for line in hunk.lines)
        if not language or not size:
            continue
        if size > left or len(file.hunks) > pieces:
            cut["searched"] = False
            continue
        left, pieces = left - size, pieces - len(file.hunks)
        code = Code(language, file, content)
        if code.whole:
            content = None
        touched = edits[-1].touched = code.touched()
        found, edits[-1].gained = code.patterns(rules, touched.changed)
        used |= found
    # The text of a file without a diff, or of one that its diff does not fit.
    if content is not None and (path := next(iter([*paths, *(f.path for f in files)]), "")):
        used |= {match.name for match in rules.find(language_of(path), content)}
    return edits, used


def _modified(files: Iterable[FileDiff], paths: Sequence[str]) -> list[str]:
    """The given paths, then those that only the diff names; a file named both ways is one."""
    named = [file.path for file in files]
    moved = {file.renamed_from for file in files}
    found = []
    for path in paths:
        same = next((name for name in named if path == name or path.endswith("/" + name)), path)
        if same not in moved or same in named:
            found.append(same)
    return list(dict.fromkeys(path[:LONGEST_PATH] for path in [*found, *named]))


def _paths(given: Any) -> list[str]:
    listed = given if isinstance(given, list) else [given]
    return list(dict.fromkeys(path for path in listed if isinstance(path, str) and path))


def _diff_text(given: Any) -> str:
    """A diff, or a list of them (texts, or objects with a `diff` or `patch`)."""
    parts = []
    for each in given if isinstance(given, list) else [given]:
        candidates = [each.get("diff"), each.get("patch")] if isinstance(each, dict) else [each]
        texts = [text.removeprefix("\ufeff") for text in candidates if isinstance(text, str)]
        parts += [text for text in texts if text][:1]
    return "\n".join(parts)


def _limited(text: str, longest: int) -> tuple[str, Document]:
    """At most `longest` characters of whole lines, and how many were cut."""
    if len(text) <= longest:
        return text, {}
    kept = text[: text.rfind("\n", 0, longest) + 1]
    return kept, {"characters": len(text) - len(kept)}
