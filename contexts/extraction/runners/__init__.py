"""What test runners print, one module a runner.

Each has `read(lines) -> Run | None`: what a run came to, None when the output is not that
runner's. The modules were written from what the runners really print (`tests/data/runners/`).
All go over the lines once, and no pattern repeats inside a repetition: time grows with the
length of the output alone.
"""

from collections.abc import Callable, Collection

from contexts.extraction.results import Run, lines_of, plain, total
from contexts.extraction.runners import (
    cargo,
    coverage,
    cut,
    go,
    javascript,
    jest,
    nextest,
    pytest,
    unittest,
    vitest,
)

RUNNERS: dict[str, Callable[[list[str]], Run | None]] = {
    "pytest": pytest.read,
    "unittest": unittest.read,
    "vitest": vitest.read,
    "jest": jest.read,
    "go": go.read,
    "cargo": cargo.read,
    "nextest": nextest.read,
}


def read(output: str, named: Collection[str] = ()) -> Run | None:
    """The run that `output` tells of; None when no known runner speaks in it.

    `named`: the runners that the command named, several when it ran several. What others seem to
    say then is a test's own output. Without, the one that speaks last is believed.
    """
    text = plain(output)
    lines = lines_of(text)
    found = {name: run for name, reader in RUNNERS.items() if (run := reader(lines)) is not None}
    # Jest may print both: its own words tell more.
    if (reported := javascript.read(text)) is not None:
        found.setdefault(*reported)
    found = found or cut.read(lines)
    called = [run for name, run in found.items() if name in named]
    if called:
        run = total(called)
    elif found:
        run = max(found.values(), key=lambda each: each.ends)
    else:
        return None
    if run.coverage is None:
        run.coverage = coverage.read(lines)
    return run
