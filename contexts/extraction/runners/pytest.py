"""pytest, with xdist, pytest-cov and friends."""

import re
from collections import defaultdict, deque
from dataclasses import dataclass, field

from contexts.extraction.results import Failure, Run, dedented, total
from contexts.extraction.runners.tracebacks import frames, raised

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
_SUMMARY = re.compile(r"(?:FAILED|ERROR|SUBFAIL(?:ED)?)(?:\[[^\]]*\]|\([^)]*\))* (\S.*)")
_NODE = re.compile(r"\S+(?:\.py|::).*")
_LOCATION = re.compile(r"([^\s:][^:]*\.\w+):(\d+): .*")
_TEST_FILE = re.compile(r"(?:.*[/\\])?(?:test_[^/\\]*|[^/\\]*_test)\.py")
_PROGRESS = re.compile(r"(?:(\S+\.py) )?([.FEsxXR]+)(?:\s+\[\s*\d+%\]|(Fatal Python error.*))?\s*")
_VERBOSE = re.compile(r"(?:\[gw\d+\] .{0,20}?)?(?:\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED)\b.*")
_XDIST = re.compile(r"\[gw\d+\]\s+\[\s*\d+%\] (PASSED|FAILED|ERROR|SKIPPED) \S+.*")
_LOST = re.compile(r"ERROR: ((?:file or directory )?not found: .+)")
_FATAL = "Fatal Python error"
_LETTERS = {".": "PASSED", "F": "FAILED", "E": "ERROR", "s": "SKIPPED"}


def read(lines: list[str]) -> Run | None:
    """What pytest said, several runs added up; None when it did not speak."""
    candidates = {number: run for number, line in enumerate(lines) if (run := _final(line))}
    started = any("= test session starts =" in line for line in lines)
    if not candidates and not started and not any("100%]" in line for line in lines):
        return None
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


@dataclass
class _Block:
    title: str
    lines: list[str] = field(default_factory=list)

    def message(self) -> str:
        """The last group of `E` lines; without one, the last line that tells anything."""
        groups: list[list[str]] = [[]]
        for line in self.lines:
            if line.startswith("E ") or line == "E":
                groups[-1].append(line[1:])
            elif groups[-1]:
                groups.append([])
        for group in reversed(groups):
            if group:
                return dedented(group)
        said = [line for line in self.lines if line.strip() and not _LOCATION.fullmatch(line)]
        return raised(self.lines) or (said[-1].strip() if said else "")

    def path(self) -> str:
        places = (match[1] for line in self.lines if (match := _LOCATION.fullmatch(line)))
        return next(places, "") or next((file for file, _ in frames(self.lines)), "")


class _Session:
    """What was read of a run up to its last line."""

    def __init__(self) -> None:
        self.section = ""
        self.captured = False
        self.blocks: list[_Block] = []
        self.block: _Block | None = None
        self.summary: list[tuple[str, str]] = []
        self.seen: dict[str, int] = defaultdict(int)
        self.fatal: list[str] = []
        self.fatal_file = ""
        self.lost: list[Failure] = []

    def take(self, line: str) -> None:
        if line[:1] in "=!" and (match := _SECTION.fullmatch(line)):
            self.section, self.captured, self.block = match[1] or "", False, None
        elif self.section in ("FAILURES", "ERRORS"):
            self._take_report(line)
        elif match := _LOST.fullmatch(line):
            self.lost.append(Failure(match[1].split(": ", 1)[1], message=match[1]))
        elif match := _SUMMARY.fullmatch(line):
            if _NODE.fullmatch(match[1]):
                self.summary.append(_split(match[1]))
        elif self.fatal or _FATAL in line:
            self._take_fatal(line)
        elif match := (_XDIST.fullmatch(line) or _VERBOSE.fullmatch(line)):
            self.seen[match[1]] += 1
        else:
            self._take_progress(line)

    def _take_report(self, line: str) -> None:
        match = _BLOCK.fullmatch(line) if line.startswith("_") else None
        if match and match[1].strip("_ "):
            self.block = _Block(match[1])
            self.blocks.append(self.block)
            self.captured = False
        elif line.startswith("-") and _CAPTURED.fullmatch(line):
            self.captured = True
        elif self.block is not None and not self.captured:
            self.block.lines.append(line)

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
        return run

    def leftover(self, number: int) -> Run | None:
        """A run whose last line is missing (`-qq`, a crash, cut off): what was seen of it."""
        if not (self.seen or self.blocks or self.summary or self.fatal):
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
        run.failures = failures
        return run

    def _crash(self) -> Failure:
        for file, function in frames(self.fatal):
            if _TEST_FILE.fullmatch(file):
                return Failure(function, self.fatal_file or file, self.fatal[0])
        return Failure(self.fatal_file, self.fatal_file, self.fatal[0])

    def failures(self) -> list[Failure]:
        """Names and files from the short summary, messages from the reports; or all from these."""
        reports: dict[str, deque[_Block]] = defaultdict(deque)
        for block in self.blocks:
            reports[_bare(block.title)].append(block)
        if not self.summary:
            return [
                Failure(_name_of(block.title), block.path(), block.message())
                for block in self.blocks
            ]
        found = []
        for node, message in self.summary:
            file, _, name = node.partition("::")
            waiting = reports[_title_of(name or node)] or reports[file.replace("\\", "/")]
            said = waiting.popleft().message() if waiting else ""
            found.append(Failure(name or node, file, said or message))
        return found


def _split(text: str) -> tuple[str, str]:
    """Node and message of a summary line; a parameter may hold the ` - ` between them."""
    bracket, dash = text.find("["), text.find(" - ")
    if -1 < bracket < dash or (bracket > -1 and dash == -1):
        end = text.find("] - ", bracket)
        if end > -1:
            return text[: end + 1], text[end + 4 :]
        return text, ""
    return (text[:dash], text[dash + 3 :]) if dash > -1 else (text, "")


def _title_of(name: str) -> str:
    """How a report's head writes a test's name."""
    head, bracket, parameters = name.partition("[")
    return head.replace("::", ".") + bracket + parameters


def _name_of(title: str) -> str:
    head, bracket, parameters = _bare(title).partition("[")
    return (head if head.endswith(".py") else head.replace(".", "::")) + bracket + parameters


def _bare(title: str) -> str:
    """The test in a report's head: `ERROR at setup of test_x` is about `test_x`."""
    match = re.match(r"ERROR (?:at \w+ of|collecting) (.+)", title)
    return match[1] if match else title
