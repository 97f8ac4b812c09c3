"""Vitest."""

import re

from contexts.extraction.results import Failure, Run, seconds, total

_TESTS = re.compile(r"\s*Tests\s+(.{0,200}?)\s*(?:\((\d{1,9})\))?\s*")
_FILES = re.compile(r"\s*Test Files\s{2}.*")
_ERRORS = re.compile(r"\s*Errors\s+(\d{1,9}) errors?\s*")
_DURATION = re.compile(r"\s*Duration\s+(\d+(?:\.\d+)?)(ms|s|m|min|h)\b.*")
_COUNT = re.compile(r"(\d{1,9}) (failed|skipped|passed)")
_FAIL = re.compile(r"\s*FAIL  ?(?:\|[^|]{1,60}\| )?(\S.*)")
_SUITE = re.compile(r"(\S+) \[ .+ \]")
_STRAY = re.compile(r"⎯+ (?:Unhandled (?:Error|Rejection)|Uncaught Exception) ⎯+")
_ORIGIN = re.compile(r'This error originated in "(.+?)" test file.*')
_LATEST = re.compile(r"The latest test that might've caused the error is \"(.+?)\".*")
_NOTHING = re.compile(r"No test files found, exiting with code \d+")
_RULE = "⎯⎯⎯"
_POINTER = "\u276f"  # in front of a place in the stack


def read(lines: list[str]) -> Run | None:
    """What Vitest said, several runs added up; None when it did not speak."""
    runs: list[Run] = []
    reports = _Reports()
    for number, line in enumerate(lines):
        beside = number > 0 and _FILES.fullmatch(lines[number - 1])
        tests = _TESTS.fullmatch(line) if beside else None
        if tests is not None:
            runs.append(_run(tests[1], lines[number + 1 : number + 6], reports, number))
            reports = _Reports()
        elif _NOTHING.fullmatch(line):
            runs.append(Run(passed=0, failed=0, errors=0, skipped=0, ends=number))
        else:
            reports.take(line)
    return total(runs) if runs else None


def _run(counts: str, after: list[str], reports: "_Reports", number: int) -> Run:
    run = Run(passed=0, failed=0, errors=reports.suites, skipped=0, ends=number)
    for count in _COUNT.finditer(counts):
        setattr(run, count[2], int(count[1]))
    for line in after:
        if match := _ERRORS.fullmatch(line):
            run.errors = reports.suites + int(match[1])
        elif match := _DURATION.fullmatch(line):
            run.duration = seconds(match[1], match[2])
    run.failures = reports.failures()
    return run


class _Reports:
    """Failures as they are reported; tests that failed alike share one report."""

    def __init__(self) -> None:
        self.told: list[Failure] = []
        self.suites = 0
        self.heads: list[str] = []
        self.said: list[str] = []
        self.stray: list[str] | None = None
        self.origin = self.latest = ""

    def take(self, line: str) -> None:
        if match := _FAIL.fullmatch(line):
            if self.said:
                self._close()
            self.heads.append(match[1].strip())
        elif line.startswith(_RULE):
            self._close()
            if _STRAY.fullmatch(line.strip()):
                self.stray = []
        elif self.heads:
            self._take_report(line, self.said)
        elif self.stray is not None:
            self._take_stray(line, self.stray)

    def _take_report(self, line: str, said: list[str]) -> None:
        # A message ends where the difference or the stack begins.
        if said and (not line.strip() or line.lstrip().startswith(_POINTER)):
            self._close()
        elif line.strip():
            said.append(line)

    def _take_stray(self, line: str, said: list[str]) -> None:
        if match := _ORIGIN.fullmatch(line.strip()):
            self.origin = match[1]
        elif match := _LATEST.fullmatch(line.strip()):
            self.latest = match[1]
        elif line.strip() and not said:
            said.append(line.strip())

    def _close(self) -> None:
        message = "\n".join(self.said)
        for head in self.heads:
            if suite := _SUITE.fullmatch(head):
                self.suites += 1
                self.told.append(Failure(suite[1], suite[1], message))
            else:
                file, _, name = head.partition(" > ")
                self.told.append(Failure(name or head, file, message))
        if self.stray:
            name = self.latest or self.origin or "unhandled error"
            self.told.append(Failure(name, self.origin, self.stray[0]))
        self.heads, self.said, self.stray = [], [], None
        self.origin = self.latest = ""

    def failures(self) -> list[Failure]:
        self._close()
        return self.told
