"""What a pipe left of an output: `| grep Tests`, `| grep -E '^(ok|FAIL)'`."""

import pytest

from contexts.extraction import runners
from tests.contexts.extraction.printed import counts, printed, told


@pytest.mark.parametrize("name", ["jest-mixed.txt", "jest-broken.txt", "vitest-mixed.txt"])
@pytest.mark.parametrize("named", [True, False])
def test_the_line_with_the_counts_alone(name: str, named: bool) -> None:
    runner = name.split("-")[0]
    kept = [line for line in printed(name).split("\n") if "Tests" in line and "Fa" not in line]
    whole, run = (
        runners.read(output, [runner] if named else []) for output in (printed(name), kept[-1])
    )
    assert whole is not None
    assert run is not None
    # A file that could not be read is told elsewhere.
    assert counts(run) == (*counts(whole)[:2], 0, counts(whole)[3])


def test_several_such_lines_add_up() -> None:
    run = runners.read("Tests: 1 failed, 1 todo, 2 passed, 4 total\nTests: 3 passed, 3 total\n")
    assert run is not None
    assert counts(run) == (5, 1, 0, 0)


@pytest.mark.parametrize(
    "line",
    [
        "Tests: 1 failed, 2 passed, 4 total",
        "Tests  1 failed | 2 passed (4)",
        "Tests: 3 of 3 total",
        "Tests are (3)",
        "all Tests: 3 passed, 3 total",
    ],
)
def test_a_line_that_does_not_add_up_is_none(line: str) -> None:
    assert runners.read(line) is None


def test_verdicts_of_packages_alone_give_no_reason() -> None:
    run = runners.read("ok  \tex.com/a\t0.003s\nFAIL\tex.com/b\t0.010s\nFAIL\n", ["go"])
    assert run is not None
    assert counts(run) == (None, 0, 1, None)
    assert told(run) == [("ex.com/b", "", "")]
