"""Vitest."""

import re

from contexts.extraction.results import Failure, Run, seconds, total

_TESTS = re.compile(r"\s*Tests\s+(.{0,200}?)\s*(?:\((\d{1,9})\))?\s*")
_FILES = re.compile(r"\s*Test Files\s{2}.*")
_ERRORS = re.compile(r"\s*Errors\s+(\d{1,9}) errors?\s*")
_STARTED = re.compile(r"\s*Start at\s+\d.*")
_DURATION = re.compile(r"\s*Duration\s+(\d+(?:\.\d+)?)(ms|s|m|min|h)\b.*")
_COUNT = re.compile(r"(\d{1,9}) (failed|skipped|passed)")
_FAIL = re.compile(r"\s*FAIL  ?(?:\|[^|]{1,60}\| )?(\S.*)")
_SUITE = re.compile(r"(\S.*?) \[ .+ \]")
_SECTION = re.compile(r"⎯+ Failed (?:Tests|Suites) \d+ ⎯+")
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
        # Without its times it is what a test printed.
        if tests is not None and any(map(_STARTED.fullmatch, lines[number + 1 : number + 6])):
            runs.append(_run(tests[1], lines[number + 1 : number + 6], reports, number))
            reports = _Reports()
        elif _NOTHING.fullmatch(line):
            runs.append(Run(passed=0, failed=0, errors=0, skipped=0, ends=number))
        else:
            reports.take(line)
    return total(runs) if runs else None


def _run(counts: str, after: list[str], reports: "_Reports", number: int) -> Run:
    failures = reports.failures()
    broken = len(reports.suites)
    run = Run(passed=0, failed=0, errors=broken, skipped=0, failures=failures, ends=number)
    for count in _COUNT.finditer(counts):
        setattr(run, count[2], int(count[1]))
    for line in after:
        if match := _ERRORS.fullmatch(line):
            run.errors = broken + int(match[1])
        elif match := _DURATION.fullmatch(line):
            run.duration = seconds(match[1], match[2])
    return run


class _Reports:
    """Failures as they are reported; tests that failed alike share one report."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], list[str]] = {}
        self.suites: set[str] = set()
        self.begun = False
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
            if not self.begun and _SECTION.fullmatch(line.strip()):
                # What looked like failures before, a test printed.
                self.told, self.suites, self.begun = {}, set(), True
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
            suite = _SUITE.fullmatch(head)
            if suite and " > " not in suite[1]:
                self.suites.add(suite[1])
                self._tell(suite[1], suite[1], message)
            else:
                file, _, name = head.partition(" > ")
                self._tell(name or head, file, message)
        if self.stray:
            name = self.latest or self.origin or "unhandled error"
            self._tell(name, self.origin, self.stray[0])
        self.heads, self.said, self.stray = [], [], None
        self.origin = self.latest = ""

    def _tell(self, name: str, file: str, message: str) -> None:
        """One failure a test, though it may say so several times: soft ones, retries, causes."""
        said = self.told.setdefault((name, file), [])
        if message not in said:
            said.append(message)

    def failures(self) -> list[Failure]:
        self._close()
        return [Failure(*about, "\n".join(said)) for about, said in self.told.items()]
