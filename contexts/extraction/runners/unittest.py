"""unittest, and what prints like it (Django's test command)."""

import re

from contexts.extraction.results import Failure, Run, total
from contexts.extraction.runners.tracebacks import frames, raised

_RAN = re.compile(r"Ran (\d{1,9}) tests? in (\d+(?:\.\d+)?)s")
_END = re.compile(r"(OK|FAILED|NO TESTS RAN)(?: \((.{1,200})\))?")
_HEAD = re.compile(r"(ERROR|FAIL|UNEXPECTED SUCCESS): (\S.*)")
_TEST = re.compile(r"(\S+) \(([\w.<>]+)\)(.*)")
_CLASS_LEVEL = ("setUpClass", "tearDownClass", "setUpModule", "tearDownModule")
_BESIDES = {
    "failures": "failed",
    "errors": "errors",
    "skipped": "skipped",
    "expected failures": "expected",
    "unexpected successes": "unexpected",
}


def read(lines: list[str]) -> Run | None:
    """What unittest said, several runs added up; None when it did not speak."""
    runs, start = [], 0
    for number, line in enumerate(lines):
        ran = _RAN.fullmatch(line) if line.startswith("Ran ") else None
        if ran is None:
            continue
        verdict = next(
            (end for after in lines[number + 1 : number + 4] if (end := _END.fullmatch(after))),
            None,
        )
        if verdict is not None:
            run = _run(int(ran[1]), verdict[2] or "", _blocks(lines[start:number]))
            run.duration, run.ends = float(ran[2]), number
            runs.append(run)
            start = number + 1
    return total(runs) if runs else None


def _run(ran: int, besides: str, blocks: list[tuple[str, Failure]]) -> Run:
    counts = dict.fromkeys(_BESIDES.values(), 0)
    for part in besides.split(", "):
        name, _, number = part.partition("=")
        if name in _BESIDES and number.isdigit():
            counts[_BESIDES[name]] = int(number)
    # A class's set-up is no test, and a test with several failed parts (`subTest`) is one.
    broken = {
        failure.name.split(" ")[0]
        for _, failure in blocks
        if not failure.name.startswith(_CLASS_LEVEL)
    }
    told = sum(head != "UNEXPECTED SUCCESS" for head, _ in blocks)
    if told == counts["failed"] + counts["errors"]:
        named = {failure.name for head, failure in blocks if head == "UNEXPECTED SUCCESS"}
        lost = len(broken - named)
    else:
        lost = counts["failed"] + counts["errors"]
    rest = ran - lost - counts["skipped"] - counts["expected"] - counts["unexpected"]
    return Run(
        passed=max(0, rest),
        # Such a run has failed, as it says itself.
        failed=counts["failed"] + counts["unexpected"],
        errors=counts["errors"],
        skipped=counts["skipped"],
        failures=[failure for _, failure in blocks],
    )


def _blocks(lines: list[str]) -> list[tuple[str, Failure]]:
    """The reports: after a line of `=`, a head, a line of `-` and a traceback."""
    found: list[tuple[str, Failure]] = []
    current: tuple[str, str, list[str]] | None = None
    for before, line in zip(["", *lines], lines, strict=False):
        if before.startswith("=" * 70) and (head := _HEAD.fullmatch(line)):
            if current:
                found.append((current[0], _failure(*current)))
            current = (head[1], head[2], [])
        elif current:
            current[2].append(line)
    if current:
        found.append((current[0], _failure(*current)))
    return found


def _failure(head: str, test: str, report: list[str]) -> Failure:
    if head == "UNEXPECTED SUCCESS":
        return Failure(_name(test)[0], message="unexpected success")
    name, method = _name(test)
    files = [file for file, function in frames(report) if function == method]
    last = [file for file, _ in frames(report)][-1:]
    return Failure(name, (files or last or [""])[0], raised(report))


def _name(test: str) -> tuple[str, str]:
    """`test_add (module.Sums.test_add) (n=1)` as `module.Sums.test_add (n=1)`, and its method."""
    match = _TEST.fullmatch(test)
    if match is None:
        return test, test
    method, where, rest = match.groups()
    if method in _CLASS_LEVEL:
        return f"{method} ({where}){rest}", method
    # Before Python 3.11 the parentheses held the class alone.
    dotted = where if where.endswith("." + method) else f"{where}.{method}"
    if where.startswith("unittest.loader."):
        dotted = method
    return dotted + rest, method
