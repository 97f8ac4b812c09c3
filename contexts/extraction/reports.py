"""Reports that tools write for machines: JUnit XML, and coverage as Cobertura and coverage.py do.

Everything is parsed by defusedxml: a document with entities (the "billion laughs") is refused,
and nothing outside it is ever read.
"""

import math
import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml import ElementTree as DefusedElementTree
from junitparser import Error, Failure, Skipped, TestCase

from contexts.extraction import results
from contexts.extraction.results import LONGEST_OUTPUT, MAX_COUNT, Run

_LOCATION = re.compile(r"^([^\s:()]{1,300}\.\w{1,8}):\d+(?::|$)", re.MULTILINE)
_FRAME = re.compile(r'^\s*File "([^"\n]{1,300})", line \d', re.MULTILINE)
# What a message of its own hardly says more than.
_SHORT_MESSAGE = 20


class Unreadable(Exception):
    """The report is no XML of that kind, or was refused; the text says why."""


def junit(text: str) -> Run:
    """A JUnit report of any tool as a run. Raises `Unreadable`."""
    root = _parse(text)
    if root.tag not in ("testsuites", "testsuite"):
        raise Unreadable("no JUnit report")
    cases = [
        TestCase.fromelem(element)  # type: ignore[no-untyped-call]
        for element in root.iter("testcase")
    ]
    run = _counted(cases) if cases else _declared(root)
    run.duration = _duration(root)
    return run


def coverage(text: str) -> float:
    """The covered lines in a Cobertura or coverage.py report, in percent. Raises `Unreadable`."""
    root = _parse(text)
    if root.tag != "coverage":
        raise Unreadable("no coverage report")
    rate = _number(root.get("line-rate"))
    valid, covered = _number(root.get("lines-valid")), _number(root.get("lines-covered"))
    if rate is None and valid and covered is not None:
        rate = covered / valid
    if rate is None:
        hits = [_number(line.get("hits")) for line in root.iter("line")]
        told = [hit for hit in hits if hit is not None]
        rate = sum(hit > 0 for hit in told) / len(told) if told else None
    if rate is None or rate > 1:
        raise Unreadable("a coverage report without a line rate")
    return round(100 * rate, 2)


def _parse(text: str) -> Element:
    if len(text) > LONGEST_OUTPUT:
        raise Unreadable("longer than 8 MiB")
    try:
        root: Element = DefusedElementTree.fromstring(text.lstrip("\ufeff \t\r\n"))
    except DefusedXmlException:
        raise Unreadable("refused: it defines entities") from None
    except (ParseError, ValueError, LookupError):
        raise Unreadable("no well-formed XML") from None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def _counted(cases: list[TestCase]) -> Run:
    run = Run(passed=0, failed=0, errors=0, skipped=0)
    counts = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
    for case in cases:
        outcomes = case.result
        name = next(
            (
                name
                for name, kind in (("errors", Error), ("failed", Failure), ("skipped", Skipped))
                if any(isinstance(outcome, kind) for outcome in outcomes)
            ),
            "passed",
        )
        counts[name] += 1
        if name in ("errors", "failed") and len(run.failures) < results.MOST_FAILURES:
            run.failures.append(_failure(case))
    run.passed, run.failed = counts["passed"], counts["failed"]
    run.errors, run.skipped = counts["errors"], counts["skipped"]
    return run


def _failure(case: TestCase) -> results.Failure:
    outcome = next(each for each in case.result if isinstance(each, Error | Failure))
    text = (outcome.text or "").strip()
    message = str(outcome.message or "")
    if len(message) < _SHORT_MESSAGE and text:
        said = [line for line in text.splitlines() if line.strip()]
        # pytest marks what was raised and puts it last, others begin with it.
        marked = [line[1:].strip() for line in said if line.startswith("E ")]
        more = marked[-1] if marked else said[0].strip()
        message = more if not message or message in more else f"{message}: {more}"
    return results.Failure(str(case.name or ""), _file(case, text), message)


def _file(case: TestCase, text: str) -> str:
    given = case._elem.get("file")
    if given:
        return str(given)
    classname = str(case.classname or "")
    if "/" in classname or re.search(r"\.(?:[cm]?[jt]sx?|py|rb|php)$", classname):
        return classname
    match = _LOCATION.search(text[:LONGEST_OUTPUT]) or _FRAME.search(text)
    return match[1] if match else ""


def _declared(root: Element) -> Run:
    """The counts that a report without test cases gives in its attributes."""
    suites = [root] if root.get("tests") is not None else list(root.iterfind("testsuite"))
    sums: dict[str, int] = {}
    for name in ("tests", "failures", "errors", "skipped"):
        sums[name] = sum(int(_number(suite.get(name)) or 0) for suite in suites)
    rest = sums["tests"] - sums["failures"] - sums["errors"] - sums["skipped"]
    return Run(
        passed=max(0, rest),
        failed=sums["failures"],
        errors=sums["errors"],
        skipped=sums["skipped"],
    )


def _duration(root: Element) -> float | None:
    for elements in ([root], root.iterfind("testsuite"), root.iter("testcase")):
        times = [time for each in elements if (time := _number(each.get("time"))) is not None]
        if times:
            return sum(times)
    return None


def _number(text: str | None) -> float | None:
    """A number that is not negative; `1,234.5` is one too."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_COUNT else None
