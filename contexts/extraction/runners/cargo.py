"""cargo test: unit, integration and documentation tests."""

import re

from contexts.extraction.results import Failure, Run

_RESULT = re.compile(
    r"test result: (?:ok|FAILED)\. (\d{1,9}) passed; (\d{1,9}) failed; (\d{1,9}) ignored; "
    r"\d{1,9} measured; \d{1,9} filtered out(?:; finished in (\d+(?:\.\d+)?)s)?"
)
_RUNNING = re.compile(r"\s+Running (?:unittests )?(\S+)(?: \(.*\))?")
_DOCS = re.compile(r"\s+Doc-tests (\S+)")
_BLOCK = re.compile(r"---- (\S.*) stdout ----")
_TEST = re.compile(r"test (\S.*?) \.\.\. ?(ok|FAILED|ignored)?.*")
_PANIC = re.compile(r"thread '(.+?)' (?:\(\d+\) )?panicked at (?:'(.*)', )?([^\s:']+):\d+:\d+:?")
_NAME = re.compile(r"    (\S.*)")
_UNBUILT = re.compile(r"error: could not compile `([^`]+)`.*")
_COMPILER = re.compile(r"error(?:\[E\d+\])?: (?!could not compile|aborting due)(.+)")
_PLACE = re.compile(r"\s+--> (\S+?):\d+:\d+")
_DIED = re.compile(r"\s+process didn't exit successfully: `.*` \((.+)\)")
# Where the message of a panic ends.
_STOPS = ("stack backtrace:", "note: run with", "note: Some details", "note: `RUST_BACKTRACE")
_LONGEST_MESSAGE = 20


def read(lines: list[str]) -> Run | None:
    """What `cargo test` said, all its binaries added up; None when it did not speak."""
    reading = _Reading()
    for number, line in enumerate(lines):
        reading.take(line, number)
    return reading.run()


def panics(lines: list[str]) -> dict[str, tuple[str, str]]:
    """By the name of a test where it panicked, and what it said then."""
    reading = _Reading()
    for number, line in enumerate(lines):
        reading.take(line, number)
    return {name: (place, reading.message_of(name)) for name, place in reading.places.items()}


def _document(name: str) -> str:
    """The file of a documentation test, which is named by it: `src/lib.rs - add (line 1)`."""
    file = name.split(" - ")[0]
    return file if file.endswith(".rs") and file != name else ""


class _Reading:
    def __init__(self) -> None:
        self.counts = [0, 0, 0]
        self.duration: float | None = None
        self.ends = -1
        self.file = ""
        self.block: str | None = None
        self.panicking: str | None = None
        self.said: dict[str, list[str]] = {}
        self.places: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.listing = False
        self.seen: list[tuple[str, str]] = []
        self.unbuilt: dict[str, None] = {}
        self.compiler: list[str] = []
        self.place = ""
        self.crashes: list[Failure] = []
        self.told = False
        self.ended = True

    def take(self, line: str, number: int) -> None:
        if self.block is None and (match := _RESULT.fullmatch(line)):
            self._result(match, number)
        elif match := _BLOCK.fullmatch(line):
            self.block, self.listing, self.panicking = match[1], False, None
            self.failed.setdefault(match[1], self.file)
        elif line == "failures:":
            self.block, self.listing, self.panicking = None, True, None
        elif match := _PANIC.match(line):
            self.panicking = self.block or match[1]
            self.places.setdefault(self.panicking, match[3])
            self.said[self.panicking] = [match[2]] if match[2] else []
        elif self.panicking is not None and self.block is None and _TEST.fullmatch(line):
            self.panicking = None
            self._take_outside(line, number)
        elif self.panicking is not None:
            self._take_message(line, self.said[self.panicking])
        elif self.block is not None:
            self._take_block(line, self.said.setdefault(self.block, []))
        else:
            self._take_outside(line, number)

    def _take_message(self, line: str, said: list[str]) -> None:
        # Outside a test's block nothing but a blank line tells where the message ends.
        ended = said and not line.strip() and self.block is None
        if line.startswith(_STOPS) or ended or len(said) >= _LONGEST_MESSAGE:
            self.panicking = None
        else:
            said.append(line)

    def _take_block(self, line: str, said: list[str]) -> None:
        # Beside a panic's message what the test printed is noise; without one it is all there is.
        if line.strip() and self.block not in self.places and len(said) < _LONGEST_MESSAGE:
            said.append(line)

    def _take_outside(self, line: str, number: int) -> None:
        if match := _RUNNING.fullmatch(line) or _DOCS.fullmatch(line):
            self.file, self.seen, self.told, self.ended = match[1], [], True, False
        elif match := _TEST.fullmatch(line):
            self.seen.append((match[1], match[2] or ""))
            if match[2] == "FAILED":
                self.failed.setdefault(match[1].removesuffix(" - should panic"), self.file)
        elif self.listing and (match := _NAME.fullmatch(line)):
            self.failed.setdefault(match[1], self.file)
        elif match := _UNBUILT.match(line):
            self.unbuilt.setdefault(match[1])
            self.ends = number
        elif match := _COMPILER.fullmatch(line):
            self.compiler.append(match[1])
        elif not self.place and (match := _PLACE.match(line)):
            self.place = match[1]
        elif match := _DIED.fullmatch(line):
            self._died(match[1], number)

    def _result(self, match: re.Match[str], number: int) -> None:
        self.counts = [count + int(match[n + 1]) for n, count in enumerate(self.counts)]
        if match[4] is not None:
            self.duration = (self.duration or 0) + float(match[4])
        self.ends, self.listing, self.seen, self.told = number, False, [], True
        self.ended = True

    def _died(self, how: str, number: int) -> None:
        """A test binary that ended without a result, of a signal or by itself."""
        # An ordinary failure says so too, after its result.
        if self.ended or how.startswith("exit status: 101"):
            return
        for word, place in (("ok", 0), ("FAILED", 1), ("ignored", 2)):
            self.counts[place] += sum(verdict == word for _, verdict in self.seen)
        open_tests = [name for name, verdict in self.seen if not verdict]
        self.crashes.append(Failure((open_tests or [self.file])[-1], self.file, how))
        self.ends, self.seen, self.ended = number, [], True

    def message_of(self, name: str) -> str:
        return "\n".join(self.said.get(name, [])).rstrip()

    def run(self) -> Run | None:
        if not self.told and not self.unbuilt:
            return None
        failures = [
            Failure(name, _document(name) or self.places.get(name, file), self.message_of(name))
            for name, file in self.failed.items()
        ]
        message = self.compiler[0] if self.compiler else ""
        failures += [Failure(name, self.place, message) for name in self.unbuilt]
        return Run(
            passed=self.counts[0],
            failed=self.counts[1],
            errors=len(self.unbuilt) + len(self.crashes),
            skipped=self.counts[2],
            duration=self.duration,
            failures=failures + self.crashes,
            ends=self.ends,
        )
