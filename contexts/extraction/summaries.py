"""What an edit did, in a sentence a person would write."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contexts.extraction.diffs import FileDiff
from contexts.extraction.symbols import Touched

_NAMED = 3
_LONGEST_NAME = 80


@dataclass
class Edited:
    """One file of an edit, and what was found in it.

    `gained` are patterns, as a summary says them, and the functions and classes that were there
    before and use them now.
    """

    file: FileDiff
    touched: Touched = field(default_factory=Touched)
    gained: dict[str, set[str]] = field(default_factory=dict)


def summary_of(edits: Sequence[Edited], paths: Sequence[str]) -> str:
    """For example "Adds retry to `CloudClient.push`, removes `legacy_push`; 2 files, +48 −12".

    Without any diff it names `paths` alone; "" when there are none.
    """
    if not edits:
        return f"Edits {_listed([_shown(path) for path in paths])}" if paths else ""
    clauses = [clause for clause in _clauses(edits) if clause]
    added = sum(edit.file.added for edit in edits)
    removed = sum(edit.file.removed for edit in edits)
    files = "1 file" if len(edits) == 1 else f"{len(edits)} files"
    said = ", ".join(clauses)
    return f"{said[:1].upper()}{said[1:]}; {files}, +{added} −{removed}"


def _clauses(edits: Sequence[Edited]) -> Iterable[str]:
    gained: dict[str, list[str]] = {}
    for edit in edits:
        for phrase, scopes in edit.gained.items():
            gained.setdefault(phrase, []).extend(sorted(scopes))
    said = sorted(gained.items())[:_NAMED]
    for phrase, names in said:
        yield f"adds {phrase} to {_listed(names)}"
    mentioned = {name for _, names in said for name in names}
    there = [edit for edit in edits if edit.file.status not in ("added", "deleted")]
    added = [name for edit in there for name in _outermost(edit.touched.added)]
    removed = [name for edit in there for name in _outermost(edit.touched.removed)]
    changed = [name for edit in there for name in edit.touched.changed if name not in mentioned]
    yield _clause("adds", added)
    # A class whose method is named already says nothing more.
    named = [*mentioned, *added, *removed, *changed]
    yield _clause("changes", [each for each in changed if not _holds_any(each, named)])
    yield _clause("removes", removed)
    yield from _of_files(edits)


def _of_files(edits: Sequence[Edited]) -> Iterable[str]:
    files = [edit.file for edit in edits]
    silent = [edit.file for edit in edits if not edit.touched.all() and not edit.gained]
    made = [(edit.file, _outermost(edit.touched.added)) for edit in edits]
    made = [(file, names) for file, names in made if file.status == "added"]
    if len(made) == 1 and made[0][1]:
        yield f"creates {_quoted_path(made[0][0].path)} with {_listed(made[0][1])}"
    else:
        yield _of_paths("creates", [file for file, _ in made])
    if moved := [file for file in files if file.status == "renamed"]:
        first, more = moved[0], len(moved) - 1
        also = f" and {more} more {'file' if more == 1 else 'files'}" if more else ""
        before = _quoted_path(first.renamed_from or "")
        yield f"renames {before} to {_quoted_path(first.path)}{also}"
    yield _of_paths("deletes", [file for file in files if file.status == "deleted"])
    rest = [file for file in silent if file.status == "modified"]
    yield _of_paths("edits", [file for file in rest if file.hunks])
    yield _of_paths("replaces", [file for file in rest if file.binary])
    bare = [file for file in rest if not file.hunks and not file.binary]
    yield _of_paths("touches", bare)


def _of_paths(verb: str, files: Sequence[FileDiff]) -> str:
    return _clause(verb, [_shown(file.path) for file in files])


def _clause(verb: str, names: Sequence[str]) -> str:
    return f"{verb} {_listed(names)}" if names else ""


def _outermost(names: Sequence[str]) -> list[str]:
    return [name for name in names if not any(name.startswith(f"{each}.") for each in names)]


def _holds_any(name: str, others: Iterable[str]) -> bool:
    return any(other.startswith(f"{name}.") for other in others)


def _listed(names: Sequence[str]) -> str:
    """`a`, `b` and 3 more."""
    once = list(dict.fromkeys(names))
    shown, more = [_quoted(name) for name in once[:_NAMED]], len(once) - _NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _quoted(name: str) -> str:
    short = name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]
    return f"`{short}`"


def _quoted_path(path: str) -> str:
    return _quoted(_shown(path))


def _shown(path: str) -> str:
    """A path inside the project as it is; of one from the root of the machine the last part."""
    absolute = path[:1] in ("/", "\\") or path[1:3] in (":\\", ":/")
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] if absolute else path
