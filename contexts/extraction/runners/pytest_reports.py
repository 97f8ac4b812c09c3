"""One report of pytest about a failed test."""

import re
from dataclasses import dataclass, field

from contexts.extraction.results import dedented
from contexts.extraction.runners.tracebacks import frames, raised

_LOCATION = re.compile(r"([^\s:][^:]*\.\w+):(\d+): .*")
# A line of xdist's, which says where the test ran.
_WORKER = re.compile(r"\[gw\d+\] \S+ -- Python .*")


@dataclass
class Block:
    """What stands under a test's head: code, what was raised and where."""

    title: str
    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if not _WORKER.fullmatch(line):
            self.lines.append(line)

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
        said = [line for line in self.lines if not _LOCATION.fullmatch(line)]
        if "Expected:" in said:  # a doctest
            return dedented(said[said.index("Expected:") :])
        # Where nothing says where it was, all of it is the message (`pytest.fail(pytrace=False)`).
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        whole = dedented(said) if len(said) == len(self.lines) else last
        return raised(self.lines) or whole

    def path(self) -> str:
        """The file it was raised in; "" when it does not say."""
        places = (match[1] for line in self.lines if (match := _LOCATION.fullmatch(line)))
        return next(places, "") or next((file for file, _ in frames(self.lines)), "")
