"""cargo nextest, which runs every test in a process of its own."""

import re

from contexts.extraction.results import Failure, Run
from contexts.extraction.runners import cargo

_SUMMARY = re.compile(r"\s*Summary \[\s*(\d+(?:\.\d+)?)s\] (?:\d+/)?\d+ tests? run: (.{1,300})")
_COUNT = re.compile(r"(\d{1,9}) (passed|failed|timed out|exec failed|skipped)")
_BROKEN = re.compile(
    r"\s*(?:TRY \d+ )?(FAIL|TIMEOUT|ABORT|SIG[A-Z0-9]+|XFAIL)(?: \+ LEAK)? \[[^\]]{1,20}\] +"
    r"(?:\( *\d+/\d+\) )?(?:\S+ )?(\S+)"
)
_FIELDS = {"timed out": "failed", "exec failed": "errors"}


def read(lines: list[str]) -> Run | None:
    """What the last line of a run tells; None when nextest did not speak."""
    told = [(number, match) for number, line in enumerate(lines) if (match := _summary(line))]
    if not told:
        return None
    number, summary = told[-1]
    run = Run(passed=0, failed=0, errors=0, skipped=0, duration=float(summary[1]), ends=number)
    for count in _COUNT.finditer(summary[2]):
        name = _FIELDS.get(count[2], count[2])
        setattr(run, name, getattr(run, name) + int(count[1]))
    # Behind the summary those are named that failed at last, whatever earlier tries did.
    broken = [match for line in lines[number + 1 :] if (match := _BROKEN.fullmatch(line))]
    panics = cargo.panics([line.removeprefix("    ") for line in lines[:number]])
    for name, how in {match[2]: match[1] for match in broken}.items():
        place, message = panics.get(name, ("", ""))
        run.failures.append(Failure(name, place, message or how))
    return run


def _summary(line: str) -> re.Match[str] | None:
    return _SUMMARY.fullmatch(line) if "Summary [" in line else None
