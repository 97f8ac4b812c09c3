"""Python tracebacks, as Python itself prints them."""

import re

from contexts.extraction.results import dedented

_FRAME = re.compile(r'\s*File "([^"]+)", line \d+,? in (\S+)')
_HEAD = "Traceback (most recent call last):"


def raised(report: list[str]) -> str:
    """What the last exception in a report said; "" without a traceback."""
    starts = [number for number, line in enumerate(report) if line == _HEAD]
    said: list[str] = []
    for line in report[starts[-1] + 1 :] if starts else ():
        if line in ("Stdout:", "Stderr:") or line.startswith(("=" * 70, "-" * 70)):
            break
        if said or (line and not line.startswith("  ")):
            said.append(line)
    return dedented(said)


def frames(report: list[str]) -> list[tuple[str, str]]:
    """File and function of every frame, in order."""
    return [(match[1], match[2]) for line in report if (match := _FRAME.match(line))]
