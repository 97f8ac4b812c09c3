"""`test_run`: what a run of tests came to, from numbers, reports or what the runner printed."""

import math
import re
from typing import Any

from contexts.documents import Document
from contexts.extraction import reports, runners
from contexts.extraction.results import MAX_COUNT, MOST_FAILURES, Failure, Run

_NUMBERS = ("passed", "failed", "errors", "skipped", "coverage", "duration")
_NAMES = ("name", "test", "test_name", "nodeid", "node_id", "title", "id")
_FILES = ("file", "path", "file_path", "filename")
_MESSAGES = (
    "message",
    "error",
    "reason",
    "details",
    "traceback",
    "longrepr",
    "text",
    "stack",
    "output",
)
_TEST_NAME = re.compile(r"\b(?:test_\w{1,200}|Test\w{1,200})\b")
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*")


def test_run(data: Document) -> Document:
    """`test_results` and `failures` of an action's data.

    Given numbers go before those in reports, and these before the runner's output; null is what
    nobody told. A report that cannot be read is named in `unread`.
    """
    unread: dict[str, str] = {}
    run = _reported(data, unread) or _printed(data) or Run()
    percentage = _covered(data, unread)
    if percentage is not None:
        run.coverage = percentage
    details = failures_of(data.get("failure_details"))
    if details:
        run.failures = details
    for name in _NUMBERS:
        value = _number(data.get(name), percent=name == "coverage")
        if value is not None:
            setattr(run, name, value)
    if run.duration is None and (milliseconds := _number(data.get("duration_ms"))) is not None:
        run.duration = milliseconds / 1000
    if details and run.failed is None:
        run.failed = len(details)
    found = {"test_results": run.results(), "failures": run.failure_documents()}
    return {**found, "unread": unread} if unread else found


# pytest would take it for a test.
test_run.__test__ = False  # type: ignore[attr-defined]


def _reported(data: Document, unread: dict[str, str]) -> Run | None:
    text = data.get("junit_xml")
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return reports.junit(text)
    except reports.Unreadable as error:
        unread["junit_xml"] = str(error)
        return None


def _covered(data: Document, unread: dict[str, str]) -> float | None:
    text = data.get("coverage_xml")
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return reports.coverage(text)
    except reports.Unreadable as error:
        unread["coverage_xml"] = str(error)
        return None


def _printed(data: Document) -> Run | None:
    output = data.get("output")
    runner = data.get("runner", data.get("framework"))
    named = [runner.split(" ")[0].lower()] if isinstance(runner, str) else []
    return runners.read(output, named) if isinstance(output, str) else None


def _number(value: Any, percent: bool = False) -> float | None:
    """A count or a duration as given; of a text only a percentage."""
    if percent and isinstance(value, str) and (match := _PERCENT.fullmatch(value[:40])):
        value = float(match[1])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_COUNT else None


def failures_of(details: Any) -> list[Failure]:
    """Failures as agents write them: a list of texts or objects, an object by name, or a text."""
    if isinstance(details, str):
        return _of_text(details)
    if isinstance(details, dict):
        if any(name in details for name in (*_NAMES, *_MESSAGES)):
            details = [details]
        else:
            details = [
                {"name": name, **item}
                if isinstance(item, dict)
                else {"name": name, "message": item}
                for name, item in list(details.items())[:MOST_FAILURES]
            ]
    if not isinstance(details, list):
        return []
    found: list[Failure] = []
    for item in details[:MOST_FAILURES]:
        if isinstance(item, str) and item.strip():
            found.append(_of_line(item.strip()))
        elif isinstance(item, dict) and item:
            found.append(_of_object(item))
    return found


def _of_object(item: Document) -> Failure:
    def first(names: tuple[str, ...]) -> str:
        texts = (item[name] for name in names if isinstance(item.get(name), str))
        return next((text for text in texts if text.strip()), "")

    name, file = first(_NAMES), first(_FILES)
    if "::" in name and not file:
        file, _, name = name.partition("::")
    return Failure(name, file, first(_MESSAGES))


def _of_text(text: str) -> list[Failure]:
    """A text: a runner's output, one failure a line, or a single failure at length."""
    if not text.strip():
        return []
    run = runners.read(text)
    if run is not None and run.failures:
        return run.failures
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [_of_line(line) for line in lines[:MOST_FAILURES]]
    if all(failure.name for failure in told):
        return told
    match = _TEST_NAME.search(text)
    return [Failure(match[0] if match else "", "", text.strip())]


def _of_line(line: str) -> Failure:
    """`file::name - message`, `name - message`, `name: message`, a name, or just words."""
    line = re.sub(r"\A(?:FAILED|ERROR|FAIL:?) ", "", line)
    for separator in (" - ", ": "):
        name, found, message = line.partition(separator)
        if found and not re.search(r"\s", name.strip()):
            break
    else:
        name, message = (line, "") if not re.search(r"\s", line) else ("", line)
    if not name and (match := _TEST_NAME.search(message)):
        name = match[0]
    file, separator, rest = name.partition("::")
    return Failure(rest, file, message) if separator else Failure(name, "", message)
