"""The reports that Jest (`--json`) and Vitest (`--reporter=json`) print: one object."""

import json
import re
from typing import Any

from contexts.extraction.results import MAX_COUNT, Failure, Run, dedented, plain

_BEGINS = re.compile(r'^\{\s*"num(?:Total|Failed)TestSuites"\s*:', re.MULTILINE)
_STACK = re.compile(r"\n\s+at \S")
_COUNTS = {"passed": "numPassedTests", "failed": "numFailedTests", "skipped": "numPendingTests"}
# Only Jest has it.
_JEST = "numRuntimeErrorTestSuites"


def read(text: str) -> tuple[str, Run] | None:
    """The runner that printed a report, and what it says; None when there is none to be read."""
    begins = _BEGINS.search(text)
    if begins is None:
        return None
    try:
        report, _ = json.JSONDecoder().raw_decode(text, begins.start())
    except (ValueError, RecursionError):  # Cut off, or no report at all.
        return None
    run = Run(errors=0, ends=text.count("\n", 0, begins.start()))
    for name, member in _COUNTS.items():
        count = report.get(member)
        if isinstance(count, int) and 0 <= count <= MAX_COUNT:
            setattr(run, name, int(count))
    suites = report.get("testResults")
    arrow = " \u203a " if _JEST in report else " > "
    for suite in suites if isinstance(suites, list) else ():
        if isinstance(suite, dict):
            _add(run, suite, arrow)
    return ("jest" if _JEST in report else "vitest"), run


def _add(run: Run, suite: dict[str, Any], arrow: str) -> None:
    """A file's failed tests, or that it could not be run."""
    file = _text(suite.get("name"))
    results = suite.get("assertionResults")
    tests = [each for each in (results if isinstance(results, list) else ()) if _failed(each)]
    for test in tests:
        titles = test.get("ancestorTitles")
        above = titles if isinstance(titles, list) else []
        name = arrow.join(map(_text, [*above, test.get("title")]))
        messages = test.get("failureMessages")
        said = [_text(each) for each in (messages if isinstance(messages, list) else ())]
        whole = "\n".join(dict.fromkeys(_STACK.split(each, maxsplit=1)[0] for each in said))
        run.failures.append(Failure(name, file, whole))
    if _failed(suite) and not tests:
        run.errors = (run.errors or 0) + 1
        run.failures.append(Failure(file, file, _broken(_text(suite.get("message")))))


def _failed(value: Any) -> bool:
    return isinstance(value, dict) and value.get("status") == "failed"


def _broken(message: str) -> str:
    """Jest puts a head before it, and code and a stack behind it."""
    lines = [line for line in message.split("\n") if not line.startswith("  ●")]
    ends = (n for n, line in enumerate(lines) if re.match(r"\s+>?\s*\d+ \||\s+at \S", line))
    return dedented(lines[: next(ends, len(lines))])


def _text(value: Any) -> str:
    return plain(value) if isinstance(value, str) else ""
