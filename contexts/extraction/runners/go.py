"""go test: plain, `-v` and `-json`."""

import json
import re
from typing import Any

from contexts.extraction.results import Failure, Run, dedented

_RESULT = re.compile(r"\s*.*?--- (PASS|FAIL|SKIP): (\S+) \((\d+(?:\.\d+)?)s\)")
_STARTED = re.compile(r"=== (?:RUN|CONT|NAME)\s+(\S+)")
_PACKAGE = re.compile(
    r"(ok|FAIL)\s+(\S+)\s+(\d+(?:\.\d+)?s|\(cached\)|\[(?:build|setup) failed\])(.*)"
)
_UNTESTED = re.compile(r"\?\s+(\S+)\s+\[no test files\]")
_COVERAGE = re.compile(r".{0,200}coverage: (\d{1,3}(?:\.\d{1,6})?)% of statements.*")
_HEADING = re.compile(r"# (\S+)(?: \[.*\])?")
_PLACE = re.compile(r"\s*([\w./\\-]+\.go):\d+.*")
# A compiler's complaint; what tests say is indented.
_COMPLAINT = re.compile(r"[\w./\\-]+\.go:\d+.*")
_EXIT = re.compile(r"exit status \d+|signal: .+")
_RUNNING = re.compile(r"\t\s*(\S+) \(\d.*s\)")
_TEST_FRAME = re.compile(r"\S*\.(Test\w*)\(.*\)")
_TEST_PLACE = re.compile(r"\t(\S+_test\.go):\d+.*")
_OUTPUT_LINES = 200
_EVENTS = ('{"Time":', '{"Action":', '{"ImportPath":', '{"Package":')


def read(lines: list[str]) -> Run | None:
    """What `go test` said, all packages added up; None when it did not speak.

    Without `-v` it does not say how many passed. As with `gotestsum`, a test and each of its
    subtests count.
    """
    if any(line.startswith(_EVENTS) for line in lines):
        lines = _told(lines)
    if not any(_PACKAGE.fullmatch(line) or _UNTESTED.fullmatch(line) for line in lines):
        # A test's binary, and an output that was cut, name no package.
        started = any(map(_STARTED.fullmatch, lines))
        if not started or not any("--- " in line and _RESULT.fullmatch(line) for line in lines):
            return None
    reading = _Reading()
    for number, line in enumerate(lines):
        reading.take(line, number)
    return reading.run()


def _told(lines: list[str]) -> list[str]:
    """The lines inside `-json` events, a package after the other."""
    packages: dict[str, list[str]] = {}
    verdicts: dict[str, list[str]] = {}
    others = []
    for line in lines:
        try:
            event = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            others.append(line)
        elif isinstance(package := event.get("Package"), str):
            if isinstance(event.get("Output"), str):
                packages.setdefault(package, []).append(event["Output"])
            verdicts.setdefault(package, []).append(_verdict(package, event))
        elif isinstance(event.get("Output"), str):  # What the compiler says.
            others += event["Output"].rstrip("\n").split("\n")
    # Where somebody filtered the output away, the verdicts are left.
    told = [packages.get(package) or verdicts[package] for package in verdicts]
    return [*others, *(line for each in told for line in "".join(each).split("\n"))]


def _verdict(package: str, event: dict[str, Any]) -> str:
    """An event as `go test -v` prints it; "" for one that ends nothing."""
    action, test, elapsed = event.get("Action"), event.get("Test"), event.get("Elapsed")
    time = elapsed if isinstance(elapsed, int | float) else 0
    if action not in ("pass", "fail", "skip"):
        return ""
    if isinstance(test, str):
        return f"=== RUN   {test}\n--- {action.upper()}: {test} ({time:.2f}s)\n"
    if action == "skip":
        return f"?   \t{package}\t[no test files]\n"
    return f"{'ok' if action == 'pass' else 'FAIL'}\t{package}\t{time:.3f}s\n"


class _Reading:
    def __init__(self) -> None:
        self.counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
        self.verbose = self.quiet = False
        self.broken: list[Failure] = []
        self.failed: list[str] = []
        self.said: dict[str, list[str]] = {}
        self.current: str | None = None
        self.times: list[float] = []
        self.covered: list[float] = []
        self.failed_before = 0
        self.builds: dict[str, list[str]] = {}
        self.building: str | None = None
        self.panic: list[str] = []
        self.panic_place = ""
        self.exit = ""
        self.ends = -1
        self.done: list[Failure] = []

    def take(self, line: str, number: int) -> None:
        if match := _STARTED.fullmatch(line):
            self.verbose, self.current = True, match[1]
        elif "--- " in line and (match := _RESULT.fullmatch(line)):
            self.counts[match[1]] += 1
            self.ends = number
            # Quiet it tells of failures alone.
            self.verbose = self.verbose or match[1] == "PASS"
            self.current = match[2] if match[1] == "FAIL" else None
            self.building = None
            if match[1] == "FAIL":
                self.failed.append(match[2])
        elif match := _PACKAGE.fullmatch(line):
            self._close(match[1], match[2], match[3], match[4])
            self.ends = number
        elif _UNTESTED.fullmatch(line):
            self.ends = number
        elif line.startswith("# ") and (match := _HEADING.fullmatch(line)):
            self.building = match[1]
        elif line.startswith(("panic: ", "fatal error: ")):
            self.panic.append(line)
            self._say(line)
        elif self.building is not None and _COMPLAINT.fullmatch(line):
            self.builds.setdefault(self.building, []).append(line)
        else:
            self._take_other(line)

    def _take_other(self, line: str) -> None:
        if _EXIT.fullmatch(line):
            self.exit = line
        elif line in ("PASS", "FAIL"):
            self.current = None
        elif match := _COVERAGE.fullmatch(line):
            self.covered.append(float(match[1]))
        elif self.panic:
            self._take_stack(line)
        elif line.startswith(("    ", "\t")) or self._compares():
            self._say(line)

    def _compares(self) -> bool:
        """Whether an example tells what it printed, which it does without indentation."""
        return (self.current or "").startswith("Example")

    def _take_stack(self, line: str) -> None:
        """A panic's stack names the test and its file where nothing else does."""
        match = _RUNNING.fullmatch(line) or _TEST_FRAME.fullmatch(line)
        if match and self.current is None:
            self.current = match[1]
        elif not self.panic_place and (match := _TEST_PLACE.fullmatch(line)):
            self.panic_place = match[1]

    def _say(self, line: str) -> None:
        if self.current is not None:
            said = self.said.setdefault(self.current, [])
            if len(said) < _OUTPUT_LINES:
                said.append(line)

    def _close(self, verdict: str, package: str, result: str, rest: str) -> None:
        """A package's own line: the tests before it were the package's."""
        if match := _COVERAGE.fullmatch(rest):
            self.covered.append(float(match[1]))
        if result.endswith("s"):
            self.times.append(float(result[:-1]))
        if verdict == "ok" and "[no tests to run]" not in rest and not self.verbose:
            self.quiet = True
        if verdict == "FAIL" and not self.verbose and result.endswith("s"):
            self.quiet = True
        if verdict == "FAIL" and not self.failed:
            self.broken.append(self._broken(package, result))
        self.done += self._failures()
        self.said, self.failed, self.current, self.panic = {}, [], None, []
        self.panic_place = self.exit = ""
        self.building = None

    def _broken(self, package: str, result: str) -> Failure:
        """A package that failed though none of its tests did: no build, a time-out, an exit."""
        if self.panic:
            return Failure(self.current or package, self.panic_place, self.panic[0])
        key = next((name for name in self.builds if name.split(" ")[0] == package), None)
        said = self.builds.pop(key, []) if key else []
        place = _PLACE.fullmatch(said[0]) if said else None
        # How long it took is no reason; the exit is not told where a pipe kept the verdicts alone.
        told = self.exit or ("" if result.endswith("s") else result.strip("[]"))
        return Failure(package, place[1] if place else "", "\n".join(said) or told)

    def _failures(self) -> list[Failure]:
        found = []
        parents = {name.rpartition("/")[0] for name in self.failed}
        for name in self.failed:
            said = self.said.get(name, [])
            # One that failed for its parts alone is told by these.
            if not said and name in parents:
                continue
            place = next((match for line in said if (match := _PLACE.fullmatch(line))), None)
            file = place[1] if place else self.panic_place
            found.append(Failure(name, file, dedented(said)))
        return found

    def run(self) -> Run:
        self.done += self._failures()
        unknown = self.quiet and not self.verbose
        return Run(
            passed=None if unknown else self.counts["PASS"],
            failed=self.counts["FAIL"],
            errors=len(self.broken),
            skipped=None if unknown else self.counts["SKIP"],
            # Percentages of several packages do not add up without their sizes.
            coverage=self.covered[0] if len(self.covered) == 1 else None,
            duration=sum(self.times) if self.times else None,
            failures=self.done + self.broken,
            ends=self.ends,
        )
