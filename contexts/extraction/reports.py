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

_LOCATION = re.compile(r"^[ \t]{0,40}([^\s:()]{1,300}\.\w{1,8}):\d+(?::|$)", re.MULTILINE)
_STACK = re.compile(
    r"^\s{1,40}at (?:[^()\n]{1,300} \()?([^\s():]{1,300}):\d+:\d+\)?$", re.MULTILINE
)
_PANIC = re.compile(r" panicked at ([^\s:']{1,300}):\d+:\d+")
_FRAME = re.compile(r'^\s*File "([^"\n]{1,300})", line \d', re.MULTILINE)
_ESCAPE = re.compile(r"&#(?:0{0,6}27|[xX]0{0,6}1[bB]);")
# What XML may not hold, as a character or a reference; colours, mostly, that some tools leave in.
_ILLEGAL = re.compile(
    r"[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    r"|&#(?:0{0,6}(?:[1-8]|1[124-9]|2\d|3[01])|[xX]0{0,6}(?:[1-8bBcCeEfF]|1[0-9a-fA-F]));"
)
# As googletest says it.
_NOT_RUN = ("notrun", "disabled")
# What a message of its own hardly says more than.
_SHORT_MESSAGE = 20


class Unreadable(Exception):
    """The report is no XML of that kind, or was refused; the text says why."""


def junit(text: str) -> Run:
    """A JUnit report of any tool as a run. Raises `Unreadable`."""
    root = _parse(text)
    if root.tag not in ("testsuites", "testsuite"):
        raise Unreadable("no JUnit report")
    for suite in root.iter("testsuite"):
        for element in suite.iterfind("testcase"):
            if suite.get("file") and not element.get("file"):
                element.set("file", str(suite.get("file")))
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
        legal = _ILLEGAL.sub("", results.uncoloured(_ESCAPE.sub("\x1b", text)))
        root: Element = DefusedElementTree.fromstring(legal.lstrip("\ufeff \t\r\n"))
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
            "skipped" if case._elem.get("status") in _NOT_RUN else "passed",
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
        if more not in message:
            message = more if message in more else f"{message}: {more}"
    return results.Failure(str(case.name or ""), _file(case, text), message)


def _file(case: TestCase, text: str) -> str:
    given = case._elem.get("file")
    if given:
        return str(given)
    classname = str(case.classname or "")
    if re.search(r"\.(?:[cm]?[jt]sx?|py|rb|php|go|rs)$", classname):
        return classname
    for pattern in (_LOCATION, _FRAME, _PANIC):
        if match := pattern.search(text):
            return match[1]
    own = (match[1] for match in _STACK.finditer(text) if "node_modules" not in match[1])
    return next(own, classname if "/" in classname else "")


def _declared(root: Element) -> Run:
    """The counts that a report without test cases gives in its attributes."""
    suites = [root] if root.get("tests") is not None else list(root.iterfind("testsuite"))
    sums: dict[str, int] = {}
    for name in ("tests", "failures", "errors", "skipped", "disabled"):
        sums[name] = sum(int(_number(suite.get(name)) or 0) for suite in suites)
    skipped = sums["skipped"] + sums["disabled"]
    rest = sums["tests"] - sums["failures"] - sums["errors"] - skipped
    return Run(
        passed=max(0, rest),
        failed=sums["failures"],
        errors=sums["errors"],
        skipped=skipped,
    )


def _duration(root: Element) -> float | None:
    """The report's own time, else what its parts took together; so with each of these."""
    total: float | None = None
    waiting = [root]
    while waiting:
        element = waiting.pop()
        own = _number(element.get("time"))
        if own is not None:
            total = (total or 0) + own
        else:
            waiting += [part for part in element if part.tag in ("testsuite", "testcase")]
    return total


def _number(text: str | None) -> float | None:
    """A number that is not negative; `1,234.5` is one too."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_COUNT else None
