"""Jest."""

import re
from dataclasses import dataclass, field

from contexts.extraction.results import Failure, Run, dedented, seconds, total

_TESTS = re.compile(r"Tests:\s+(\d.{0,200} total)")
_TIME = re.compile(r"Time:\s+(\d+(?:\.\d+)?) (ms|s|m|min|h)\b.*")
_COUNT = re.compile(r"(\d{1,9}) (failed|skipped|passed|todo|total)")
# Of a slow suite its time is told too: `FAIL src/a.test.js (5.1 s, 90 MB heap size)`.
_FILE = re.compile(r" ?(FAIL|PASS) +(?:.* )?([^\s(]\S*[^\s)])(?: \(\d.{0,60}\))?\s*")
_BLOCK = re.compile(r"  ● (\S.*)?")
# Of a test that ended Jest itself; there is no summary then.
_EXITED = re.compile(r"  ● +(process\.exit called with .*)")
_PLACE = re.compile(r"\s+at .*\((\S+?):\d+:\d+\)")
# Where the code or the stack begins, the message has ended.
_CODE = re.compile(r"\s+>?\s*\d+ \|.*|\s+at \S.*")
_NOTHING = re.compile(r"No tests found, exiting with code \d+")
_SUITE = "Test suite failed to run"


@dataclass
class _Block:
    title: str
    file: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False

    def failure(self) -> Failure:
        return Failure(self.title, self.file, dedented(self.lines))


def read(lines: list[str]) -> Run | None:
    """What Jest said, several runs added up; None when it did not speak."""
    runs: list[Run] = []
    blocks: list[_Block] = []
    exits: list[Failure] = []
    file, ends = "", -1
    for number, line in enumerate(lines):
        match: re.Match[str] | None
        if line.startswith("Tests:") and (run := _run(lines, number)):
            runs.append(_finished(run, blocks, number))
            blocks, file = [], ""
        elif line.startswith("No tests found") and _NOTHING.fullmatch(line):
            runs.append(Run(passed=0, failed=0, errors=0, skipped=0, ends=number))
        elif line.lstrip(" ").startswith(("FAIL ", "PASS ")) and (match := _FILE.fullmatch(line)):
            file = match[2].removeprefix("./")
            _close(blocks)
        elif line.startswith("  ●") and (match := _EXITED.fullmatch(line)):
            _close(blocks)
            exits.append(_exit(match[1], lines[number + 1 : number + 20]))
            ends = number
        elif line.startswith("  ●") and (match := _BLOCK.fullmatch(line)):
            blocks.append(_Block((match[1] or "").strip(), file))
        elif blocks and not blocks[-1].ended:
            block = blocks[-1]
            if (_CODE.fullmatch(line) and any(block.lines)) or (line and line[0] != " "):
                block.ended = True
            else:
                block.lines.append(line)
    if exits:
        runs.append(_exited(exits, blocks, ends))
    return total(runs) if runs else None


def _exit(said: str, after: list[str]) -> Failure:
    places = (match[1] for line in after if (match := _PLACE.fullmatch(line)))
    file = next(places, "")
    return Failure(file or "process.exit", file, said)


def _exited(exits: list[Failure], blocks: list[_Block], ends: int) -> Run:
    """What was seen of a run that a test ended by ending its process."""
    run = _finished(Run(), blocks, ends)
    tests = len(run.failures) - (run.errors or 0)
    run.failed = tests or None
    run.errors = (run.errors or 0) + len(exits)
    run.failures += exits
    return run


def _close(blocks: list[_Block]) -> None:
    if blocks:
        blocks[-1].ended = True


def _run(lines: list[str], number: int) -> Run | None:
    """The counts in a `Tests:` line that stands among the summary's others."""
    match = _TESTS.fullmatch(lines[number].rstrip())
    after = [time for line in lines[number + 1 : number + 4] if (time := _TIME.fullmatch(line))]
    beside = number > 0 and lines[number - 1].startswith("Test Suites:")
    if match is None or not (after or beside):
        return None
    run = Run(passed=0, failed=0, errors=0, skipped=0)
    for count in _COUNT.finditer(match[1]):
        if count[2] in ("failed", "passed", "skipped"):
            setattr(run, count[2], int(count[1]))
    if after:
        run.duration = seconds(after[0][1], after[0][2])
    return run


def _finished(run: Run, blocks: list[_Block], number: int) -> Run:
    # After many suites all failures are printed a second time.
    told = {(block.file, block.title): block for block in reversed(blocks)}
    kept = [block for block in reversed(told.values()) if block.title != "Console"]
    run.errors = sum(block.title == _SUITE for block in kept)
    run.failures = [block.failure() for block in kept]
    run.ends = number
    return run
