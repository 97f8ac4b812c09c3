"""pytest, with xdist, pytest-cov and friends."""

import re
from collections import defaultdict, deque

from contexts.extraction.results import Failure, Run, total
from contexts.extraction.runners import pytest_names as names
from contexts.extraction.runners.pytest_reports import Block
from contexts.extraction.runners.tracebacks import frames

_SECTION = re.compile(r"=+ (\S.*) =+|!+ .+ !+")
_BLOCK = re.compile(r"_+ (\S.*\S|\S) _+")
_CAPTURED = re.compile(r"-+ Captured (?:stdout|stderr|log).* -+")
_FINAL = re.compile(r"(.{1,300}) in (\d+(?:\.\d+)?)(?:s|s? seconds)(?: \([^()]{1,40}\))?")
_COUNT = re.compile(r"(\d{1,9}) ([a-z]+(?: [a-z]+)?)")
_WORDS = frozenset(
    (
        *("passed", "failed", "error", "errors", "skipped", "xfailed", "xpassed", "deselected"),
        *("warning", "warnings", "rerun", "reruns", "subtests passed", "subtests failed"),
        *("subtest passed", "subtest failed", "subtests skipped"),
    )
)
_TEST_FILE = re.compile(r"(?:.*[/\\])?(?:test_[^/\\]*|[^/\\]*_test)\.py")
_PROGRESS = re.compile(
    r"(?:(\S+\.py) )?([.FEsxXRu,-]+)(?:\s+\[\s*\d+%\]|(Fatal Python error.*))?\s*"
)
_VERBOSE = re.compile(r"(?:\[gw\d+\] .{0,20}?)?(?:\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED)\b.*")
_XDIST = re.compile(r"\[gw\d+\]\s+\[\s*\d+%\] (PASSED|FAILED|ERROR|SKIPPED) \S+.*")
_STARTS = "= test session starts ="
_LOST = re.compile(r"ERROR: ((?:file or directory )?not found: .+)")
_UNLOADED = re.compile(r"ImportError while loading conftest '(.{1,1000})'\.")
_INTERNAL = "INTERNALERROR> "
_FATAL = "Fatal Python error"
_LETTERS = {".": "PASSED", "F": "FAILED", "E": "ERROR", "s": "SKIPPED", "u": "FAILED"}


def read(lines: list[str]) -> Run | None:
    """What pytest said, several runs added up; None when it did not speak."""
    started = any(_STARTS in line for line in lines)
    candidates = _ends(lines)
    if not candidates and not started and not any("100%]" in line for line in lines):
        return _unloaded(lines)
    session, sessions = _Session(), []
    last = max(candidates, default=-1)
    for number, line in enumerate(lines):
        run = candidates.get(number)
        if run is None:
            session.take(line)
        # What a test printed may look like a run's end; the very last line of a report is one.
        elif not session.captured or (number == last and not _reports(lines[number + 1 :])):
            sessions.append(session.end(run, number))
            session = _Session()
    rest = session.leftover(len(lines) - 1)
    if rest is not None and not sessions:
        sessions.append(rest)
    elif sessions:
        sessions[-1].failures += session.lost
        sessions[-1].errors = (sessions[-1].errors or 0) + len(session.lost)
    return total(sessions) if sessions else None


def _unloaded(lines: list[str]) -> Run | None:
    """A run that ended before it began: its `conftest.py` could not be imported."""
    for number, line in enumerate(lines):
        if line.startswith("ImportError") and (match := _UNLOADED.fullmatch(line)):
            said = [each[1:].strip() for each in lines[number:] if each.startswith("E  ")]
            failure = Failure(match[1], match[1], said[0] if said else line)
            return Run(passed=0, failed=0, errors=1, skipped=0, failures=[failure], ends=number)
    return None


def _ends(lines: list[str]) -> dict[int, Run]:
    """The lines that may end a run, by their numbers.

    A run that began with a head ends in a frame: what looks like an end without one, in between,
    is what a test printed (`-s`).
    """
    found: dict[int, Run] = {}
    inside: list[int] | None = None
    for number, line in enumerate(lines):
        if _STARTS in line:
            inside = []
        elif run := _final(line):
            found[number] = run
            if inside is not None and not line.startswith("="):
                inside.append(number)
            elif inside is not None:
                for printed in inside:
                    del found[printed]
                inside = None
    return found


def _reports(lines: list[str]) -> bool:
    return any(
        (line[:1] in ("=", "!") and _SECTION.fullmatch(line))
        or (line.startswith("_") and _BLOCK.fullmatch(line))
        for line in lines
    )


def _final(line: str) -> Run | None:
    """The line that ends a run: `== 1 failed, 2 passed in 0.12s ==`, or without the frame."""
    match = _FINAL.fullmatch(line.strip("= "))
    if match is None:
        return None
    run = Run(passed=0, failed=0, errors=0, skipped=0, duration=float(match[2]))
    if match[1] == "no tests ran":
        return run
    for part in match[1].split(", "):
        count = _COUNT.fullmatch(part)
        if count is None or count[2] not in _WORDS:
            return None
        name = {"error": "errors"}.get(count[2], count[2])
        if name in ("passed", "failed", "errors", "skipped"):
            setattr(run, name, int(count[1]))
    return run


class _Session:
    """What was read of a run up to its last line."""

    def __init__(self) -> None:
        self.section = ""
        self.captured = False
        self.blocks: list[Block] = []
        self.block: Block | None = None
        self.summary: list[names.Told] = []
        self.seen: dict[str, int] = defaultdict(int)
        self.fatal: list[str] = []
        self.fatal_file = ""
        self.lost: list[Failure] = []
        self.internal = ""

    def take(self, line: str) -> None:
        if line[:1] in "=!" and (match := _SECTION.fullmatch(line)):
            self.section, self.captured, self.block = match[1] or "", False, None
            if self.section == "short test summary info":
                self.summary = []  # What looked like it before, a test printed.
        elif self.section in ("FAILURES", "ERRORS"):
            self._take_report(line)
        elif match := _LOST.fullmatch(line):
            self.lost.append(Failure(match[1].split(": ", 1)[1], message=match[1]))
        elif line.startswith(_INTERNAL):
            self.internal = line.removeprefix(_INTERNAL).strip() or self.internal
        elif line.startswith(names.STARTS):
            if told := names.told(line):
                self.summary.append(told)
        elif self.fatal or _FATAL in line:
            self._take_fatal(line)
        elif match := (_XDIST.fullmatch(line) or _VERBOSE.fullmatch(line)):
            self.seen[match[1]] += 1
        else:
            self._take_progress(line)

    def _take_report(self, line: str) -> None:
        match = _BLOCK.fullmatch(line) if line.startswith("_") else None
        if match and match[1].strip("_ "):
            self.block = Block(match[1])
            self.blocks.append(self.block)
            self.captured = False
        elif line.startswith("-") and _CAPTURED.fullmatch(line):
            self.captured = True
        elif self.block is not None and not self.captured:
            self.block.add(line)

    def _take_progress(self, line: str) -> None:
        match = _PROGRESS.fullmatch(line)
        if match and (match[1] or "%]" in line):
            for letter in match[2]:
                self.seen[_LETTERS.get(letter, "other")] += 1

    def _take_fatal(self, line: str) -> None:
        if not self.fatal:
            self._take_progress(line)
            before, _, after = line.partition(_FATAL)
            self.fatal_file = before.split(" ")[0] if ".py " in before else ""
            self.fatal.append(_FATAL + after)
        elif len(self.fatal) < 500:
            self.fatal.append(line)

    def end(self, run: Run, number: int) -> Run:
        run.ends = number
        run.failures = self.failures()
        if self.internal:
            run.errors = (run.errors or 0) + 1
            run.failures.append(Failure("INTERNALERROR", message=self.internal))
        return run

    def leftover(self, number: int) -> Run | None:
        """A run whose last line is missing (`-qq`, a crash, cut off): what was seen of it."""
        if not (self.seen or self.blocks or self.summary or self.fatal or self.internal):
            return None
        failures = self.failures()
        broken = sum(block.title.startswith("ERROR ") for block in self.blocks)
        run = Run(
            passed=self.seen["PASSED"],
            failed=max(self.seen["FAILED"], len(self.blocks) - broken),
            errors=max(self.seen["ERROR"], broken),
            skipped=self.seen["SKIPPED"],
            ends=number,
        )
        if self.fatal:
            run.errors = (run.errors or 0) + 1
            failures.append(self._crash())
        elif self.internal:
            return self.end(run, number)
        run.failures = failures
        return run

    def _crash(self) -> Failure:
        for file, function in frames(self.fatal):
            if _TEST_FILE.fullmatch(file):
                return Failure(function, self.fatal_file or file, self.fatal[0])
        return Failure(self.fatal_file, self.fatal_file, self.fatal[0])

    def failures(self) -> list[Failure]:
        """Names and files from the short summary, messages from the reports; or all from these."""
        reports: dict[str, deque[Block]] = defaultdict(deque)
        for block in self.blocks:
            reports[names.bare(block.title)].append(block)
        if not self.summary:
            return [
                Failure(names.of_title(block.title), block.path(), block.message())
                for block in self.blocks
            ]
        found = []
        for told in self.summary:
            options = told.options()
            # Which of them it is only a report's head can tell.
            node, message = next(
                (each for each in options if reports.get(names.title_of(each[0], told.part))),
                options[0],
            )
            file, _, name = node.partition("::")
            waiting = reports[names.title_of(node, told.part)] or reports[file.replace("\\", "/")]
            said = waiting.popleft().message() if waiting else ""
            full = f"{name or node} {told.part}".rstrip()
            found.append(Failure(full, file, said or message))
        return found
