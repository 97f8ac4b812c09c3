"""What a pipe left of Jest's and Vitest's summaries: the line with the counts (`| grep Tests`).

Alone it says enough when its counts add up to its total, which what a test printed hardly does.
"""

import re

from contexts.extraction.results import Run, total

_LINES = {
    "jest": re.compile(r"Tests:\s+(\d.{0,200}), (\d{1,9}) total\s*"),
    "vitest": re.compile(r"\s*Tests\s+(\d.{0,200}) \((\d{1,9})\)\s*"),
}
# What else is counted (`todo`, `expected fail`) is in the total alone.
_COUNT = re.compile(r"(\d{1,9}) ([a-z]+)")
_COUNTED = ("passed", "failed", "skipped")


def read(lines: list[str]) -> dict[str, Run]:
    """By its runner the run that such lines tell of, several added up."""
    runs: dict[str, list[Run]] = {}
    for number, line in enumerate(lines):
        if not line.lstrip(" ").startswith("Tests"):
            continue
        for name, pattern in _LINES.items():
            match = pattern.fullmatch(line)
            if match and (run := _run(match[1], int(match[2]))) is not None:
                run.ends = number
                runs.setdefault(name, []).append(run)
    return {name: total(each) for name, each in runs.items()}


def _run(counts: str, whole: int) -> Run | None:
    told = {match[2]: int(match[1]) for match in _COUNT.finditer(counts)}
    if sum(told.values()) != whole:
        return None
    passed, failed, skipped = (told.get(name, 0) for name in _COUNTED)
    return Run(passed=passed, failed=failed, errors=0, skipped=skipped)
