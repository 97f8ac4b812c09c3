"""What a test run came to: counts, failures, and how several runs add up. Pure and bounded."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from contexts.documents import Document

MOST_FAILURES = 100
LONGEST_NAME = 300
LONGEST_MESSAGE = 1_000
LONGEST_LINE = 2_000
# The contract's most for an action; what reaches here otherwise is cut in the middle, where test
# runners say least.
LONGEST_OUTPUT = 8 * 2**20
MOST_LINES = 400_000
MAX_COUNT = 10**9

# CSI with its parameters, OSC up to its end (or the next escape), character sets, single ones.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)?|[()][0-9A-Za-z]|[@-Z\\^_=>78])"
    r"|\x9b[0-?]*+[ -/]*+[@-~]"
)


@dataclass(frozen=True)
class Failure:
    """A test that failed or broke: its name, the file when it is known, what it said."""

    name: str
    file: str = ""
    message: str = ""

    def document(self) -> Document:
        return {
            "name": shortened(self.name, LONGEST_NAME),
            "file": shortened(self.file, LONGEST_NAME),
            "message": shortened(self.message, LONGEST_MESSAGE),
        }


@dataclass
class Run:
    """Counts, None where unknown; `ends` is the line where the runner said so last."""

    passed: int | None = None
    failed: int | None = None
    errors: int | None = None
    skipped: int | None = None
    coverage: float | None = None
    duration: float | None = None
    failures: list[Failure] = field(default_factory=list)
    ends: int = -1

    def results(self) -> Document:
        """The contract's `test_results`."""
        names = ("passed", "failed", "errors", "skipped", "coverage", "duration")
        return {name: tidy(getattr(self, name)) for name in names}

    def failure_documents(self) -> list[Document]:
        return [failure.document() for failure in self.failures[:MOST_FAILURES]]


def total(runs: Iterable[Run]) -> Run:
    """Several runs as one: counts and durations added up, the coverage that was said last."""
    whole = Run()
    for run in runs:
        for name in ("passed", "failed", "errors", "skipped", "duration"):
            more = getattr(run, name)
            if more is not None:
                setattr(whole, name, (getattr(whole, name) or 0) + more)
        whole.coverage = whole.coverage if run.coverage is None else run.coverage
        whole.failures += run.failures
        whole.ends = max(whole.ends, run.ends)
    return whole


def tidy(value: float | None) -> float | None:
    """A number as JSON has it best: no noise behind the sixth digit, no `2.0`."""
    if value is None:
        return None
    value = round(value, 6)
    return int(value) if value == int(value) else value


def plain(text: str) -> str:
    """Output as a person reads it: without colours and cursor movements, `\\n` at every end."""
    if len(text) > LONGEST_OUTPUT:
        half = LONGEST_OUTPUT // 2
        text = f"{text[:half]}\n[...]\n{text[-half:]}"
    text = uncoloured(text)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def uncoloured(text: str) -> str:
    """The text without colours and cursor movements."""
    return _ANSI.sub("", text) if "\x1b" in text or "\x9b" in text else text


def lines_of(text: str) -> list[str]:
    """The lines of plain output, each cut to a length that no pattern can be slow on."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES // 2], "[...]", *lines[-MOST_LINES // 2 :]]
    return [line[:LONGEST_LINE] for line in lines]


def shortened(text: str, longest: int) -> str:
    """The text, with `…` for what is beyond `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def dedented(lines: Iterable[str]) -> str:
    """Lines without the indentation and the blank edges they have in common."""
    kept = list(lines)
    depth = min((len(line) - len(line.lstrip()) for line in kept if line.strip()), default=0)
    return "\n".join(line[depth:].rstrip() for line in kept).strip("\n")


def seconds(number: str, unit: str) -> float:
    """A duration as runners print it: `1.2 s`, `350 ms`, `2 m`."""
    factor = {"ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}.get(unit, 1.0)
    return float(number) * factor
