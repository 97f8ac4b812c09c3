"""The percentage in coverage reports: coverage.py, Istanbul and V8 (Jest, Vitest), Go."""

import re

_PYTHON = re.compile(r"TOTAL(?:\s+\d{1,12})+\s+(\d{1,3}(?:\.\d{1,6})?)%\s*")
_PYTEST_COV = re.compile(r".{0,80}Total coverage: (\d{1,3}(?:\.\d{1,6})?)%.{0,20}")
# % Stmts | % Branch | % Funcs | % Lines: lines are what other reports count too.
_ISTANBUL = re.compile(
    r"All files\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*[\d.]+\s*\|\s*(\d{1,3}(?:\.\d{1,6})?)\s*\|.*"
)
_ISTANBUL_SUMMARY = re.compile(r"Lines\s*:\s*(\d{1,3}(?:\.\d{1,6})?)%.*")
_GO_TOTAL = re.compile(r"total:\s+\(statements\)\s+(\d{1,3}(?:\.\d{1,6})?)%\s*")
_PATTERNS = {
    "TOTAL": _PYTHON,
    "All files": _ISTANBUL,
    "Lines": _ISTANBUL_SUMMARY,
    "total:": _GO_TOTAL,
}


def read(lines: list[str]) -> float | None:
    """The total that was reported last; None without a report."""
    beside = None
    for line in reversed(lines):
        for start, pattern in _PATTERNS.items():
            if line.startswith(start) and (match := pattern.fullmatch(line)):
                return float(match[1])
        if beside is None and "Total coverage:" in line and (match := _PYTEST_COV.fullmatch(line)):
            beside = float(match[1])
    return beside
