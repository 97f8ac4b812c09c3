"""Unified diffs into files, hunks and counts, whatever a tool or an agent hands over.

unidiff reads hunks. The lines before them are read here, because unidiff leaves quoted paths
quoted, guesses at `diff --git` lines with spaces, takes copies for renames and an emptied file
for a new one. It also refuses the whole text for one hunk that was cut or counted wrongly,
which agents do: such a part is read marker by marker, without its counts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from contexts.extraction import diff_names

# Beyond this a line only says that it was added or removed.
LONGEST_LINE = 2_000
_SECTION = re.compile(r"diff --(git|cc|combined) (.*)")
_SUBMODULE = re.compile(r"Submodule (.+) [0-9a-f]{7,64}\.{2,3}[0-9a-f]{7,64}(.*)")
_HUNK = re.compile(r"@@+ -(\d{1,9})(?:,\d+)?(?: -[\d,]+)* \+(\d{1,9})(?:,\d+)? @@+ ?(.*)")
# What a file's second part of a series, or of a change of type, makes of its first.
_TOGETHER = {
    ("deleted", "added"): "modified",
    ("added", "deleted"): "deleted",
    ("modified", "deleted"): "deleted",
    ("renamed", "deleted"): "deleted",
}


@dataclass
class Hunk:
    """Lines that changed with some around them, each with its ` `, `+` or `-` in front.

    `section` is what the tool found above them, usually a function's first line. A start is 0
    where it is not known.
    """

    old_start: int = 0
    new_start: int = 0
    section: str = ""
    lines: list[str] = field(default_factory=list)

    def side(self, marker: str) -> list[str]:
        """The lines of the old (`-`) or the new (`+`) text, without their markers."""
        return [line[1:] for line in self.lines if line[:1] in (" ", marker)]


@dataclass
class FileDiff:
    """What happened to one file; a binary one has no hunks."""

    path: str
    status: str = "modified"
    renamed_from: str | None = None
    binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def added(self) -> int:
        return self._count("+")

    @property
    def removed(self) -> int:
        return self._count("-")

    def _count(self, marker: str) -> int:
        return sum(line[:1] == marker for hunk in self.hunks for line in hunk.lines)


def parse(text: str) -> list[FileDiff]:
    """The files of a diff in their order, each once; [] where there is none. Never raises.

    Takes git's formats (with any prefixes, quoted paths, renames, copies, binaries, modes,
    combined diffs: there what differs from the first parent), plain unified diffs, and hunks
    without a file, whose path is "".
    """
    lines = [line[:LONGEST_LINE] for line in text.split("\n")]
    starts = [number for number, line in enumerate(lines) if _begins_section(line)]
    files = _plain_files(lines[: starts[0]] if starts else lines)
    for start, end in pairwise([*starts, len(lines)]):
        files += _section_files(lines[start].rstrip("\r"), lines[start + 1 : end])
    return _each_once(files)


def _begins_section(line: str) -> bool:
    return line[:6] in ("diff -", "Submod") and bool(_SECTION.match(line) or _SUBMODULE.match(line))


def _section_files(first: str, rest: list[str]) -> list[FileDiff]:
    """The section's file, and plain ones that follow it."""
    section = _SECTION.match(first)
    if section is None:
        return [_submodule(first), *_plain_files(rest)]
    combined = section[1] != "git"
    read = diff_names.unquoted if combined else diff_names.of_git_line
    file, names = FileDiff(read(section[2])), {}
    begin = len(rest)
    for number, raw in enumerate(rest):
        line = raw.rstrip("\r")
        if line.startswith("@@"):
            begin = number
            break
        if line.startswith(("Binary files ", "GIT binary patch")):
            file.binary = True
        elif line.startswith("new file mode"):
            file.status = "added"
        elif line.startswith("deleted file mode"):
            file.status = "deleted"
        elif line.startswith(("--- ", "+++ ")):
            names[line[:3]] = line[4:]
            begin = number + 1
        else:
            _note_move(file, line)
    if not file.path:
        file.path = diff_names.of_sides(names.get("---", ""), names.get("+++", ""))[1]
    if file.binary or begin == len(rest):
        return [file]
    body = ["--- a/file", "+++ b/file", *rest[begin:]]
    first_file, *others = (None if combined else _by_unidiff(body)) or _by_markers(body, combined)
    file.hunks = first_file.hunks
    return [file, *others]


def _note_move(file: FileDiff, line: str) -> None:
    """Takes up a `rename` or `copy` line; a copy is a new file."""
    for kind, status in (("rename", "renamed"), ("copy", "added")):
        if line.startswith(f"{kind} to "):
            file.status, file.path = status, diff_names.unquoted(line.partition(" to ")[2])
        elif line.startswith(f"{kind} from ") and kind == "rename":
            file.renamed_from = diff_names.unquoted(line.partition(" from ")[2])


def _submodule(line: str) -> FileDiff:
    match = _SUBMODULE.match(line)
    path, about = (match[1], match[2]) if match else ("", "")
    if "(new submodule)" in about:
        return FileDiff(path, "added")
    return FileDiff(path, "deleted" if "(submodule deleted)" in about else "modified")


def _plain_files(lines: list[str]) -> list[FileDiff]:
    binaries = []
    for line in lines:
        if line.startswith("Binary files ") and line.rstrip("\r").endswith(" differ"):
            old, _, new = line.rstrip("\r")[13:-7].partition(" and ")
            binaries.append(_named(old, new, binary=True))
    files = _by_unidiff(lines)
    return (_by_markers(lines) if files is None else files) + binaries


def _by_unidiff(lines: list[str]) -> list[FileDiff] | None:
    """None when unidiff refuses the lines, or sees less in them than there is."""
    # Whatever else stands between hunks would only cost it time, on some lines quadratic.
    kept = [line for line in lines if line[:1] in ("", "\r", " ", "+", "-", "@", "\\")]
    heads = sum(line.startswith("@@") for line in kept)
    try:
        patch = PatchSet(line + "\n" for line in kept)
    except (UnidiffParseError, ValueError):
        return None
    files = []
    for patched in patch:
        hunks = [
            Hunk(
                hunk.source_start,
                hunk.target_start,
                hunk.section_header.rstrip("\r"),
                [
                    line.line_type + line.value.removesuffix("\n")
                    for line in hunk
                    if line.line_type in ("+", "-", " ")
                ],
            )
            for hunk in patched
        ]
        file = _named(patched.source_file, patched.target_file)
        if file.status == "modified" and len(patched) == 1:
            # GNU diff names a missing side like the other one.
            if (patched[0].source_start, patched[0].source_length) == (0, 0):
                file.status = "added"
            elif (patched[0].target_start, patched[0].target_length) == (0, 0):
                file.status = "deleted"
        file.hunks = hunks
        files.append(file)
    # It passes over what follows a hunk that is longer than its head says.
    complete = sum(len(file.hunks) for file in files) == heads and all(f.hunks for f in files)
    read = sum(file.added + file.removed for file in files)
    return files if complete and read >= _marked(lines) else None


def _marked(lines: Iterable[str]) -> int:
    """How many lines from hunk heads on, without a break, look added or removed."""
    found, inside = 0, False
    for line in lines:
        marker = line[:1]
        if marker == "@":
            inside = line.startswith("@@")
        elif marker in ("+", "-"):
            # A next file's names, and the end of a mail.
            found += inside and not line.startswith(("--- ", "+++ ")) and line.rstrip() != "--"
        elif marker not in (" ", "\\", "\r"):
            inside = False
    return found


def _by_markers(lines: list[str], combined: bool = False) -> list[FileDiff]:
    """Files and hunks by their heads and markers alone, as far as they go."""
    files: list[FileDiff] = []
    columns, hunk = 1, None
    numbers = iter(range(len(lines)))
    for number in numbers:
        line = lines[number]
        if _begins_file(lines, number, hunk):
            files.append(_named(line[4:], lines[number + 1][4:]))
            hunk = Hunk()
            files[-1].hunks.append(hunk)
            next(numbers)
        elif line.startswith("@@"):
            if not files:
                files.append(FileDiff(""))
            hunk = _hunk_head(line)
            files[-1].hunks.append(hunk)
            columns = len(line) - len(line.lstrip("@")) - 1 if combined else 1
        elif hunk is not None and (kept := _first_column(line, columns)) is not None:
            hunk.lines.append(kept)
    for file in files:
        file.hunks = [each for each in file.hunks if each.lines]
    return files


def _begins_file(lines: list[str], number: int, hunk: Hunk | None) -> bool:
    pair = lines[number : number + 3]
    if len(pair) < 2 or not (pair[0].startswith("--- ") and pair[1].startswith("+++ ")):
        return False
    # Inside a hunk the two may be changed lines that begin with `-- ` and `++ `.
    return hunk is None or not hunk.lines or (len(pair) == 3 and pair[2].startswith("@@"))


def _hunk_head(line: str) -> Hunk:
    match = _HUNK.match(line.rstrip("\r"))
    return Hunk(int(match[1]), int(match[2]), match[3]) if match else Hunk()


def _first_column(line: str, columns: int) -> str | None:
    """A hunk's line as its first parent sees it; None for what is no line of a hunk."""
    markers, text = line[:columns], line[columns:]
    if markers.strip(" +-") or not line:
        return None
    if markers[:1] in "+-":
        return markers[0] + text
    return None if "-" in markers else " " + text


def _named(old: str, new: str, binary: bool = False) -> FileDiff:
    """A file of a plain diff, by the names of its two sides."""
    before, path = diff_names.of_sides(old, new)
    if not before:
        return FileDiff(path, "added", binary=binary)
    if not path:
        return FileDiff(before, "deleted", binary=binary)
    # Two folders compared, or a backup beside its file, are no rename.
    if before != path and diff_names.prefixed(old, new):
        return FileDiff(path, "renamed", before, binary)
    return FileDiff(path, binary=binary)


def _each_once(files: Iterable[FileDiff]) -> list[FileDiff]:
    found: dict[str, FileDiff] = {}
    for file in files:
        if not file.path and not file.hunks:
            continue
        before = found.setdefault(file.path, file)
        if before is not file:
            before.hunks += file.hunks
            before.binary = before.binary or file.binary
            before.status = _TOGETHER.get((before.status, file.status), before.status)
    return list(found.values())
