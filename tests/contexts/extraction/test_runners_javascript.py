"""Jest and Vitest, as they really print."""

import pytest

from tests.contexts.extraction.printed import counts, read, told


@pytest.mark.parametrize(
    ("name", "expected", "duration", "coverage"),
    [
        ("jest-ok.txt", (2, 0, 0, 0), 1.829, None),
        ("jest-mixed.txt", (2, 4, 0, 1), 2.293, None),
        ("jest-mixed-verbose.txt", (2, 4, 0, 1), 2.059, None),
        ("jest-mixed-color.txt", (2, 4, 0, 1), 1.832, None),
        ("jest-mixed-cover.txt", (2, 4, 0, 1), 2.566, 100),
        # Files that could not be read are errors.
        ("jest-broken.txt", (2, 0, 2, 0), 1.757, None),
        ("jest-filter.txt", (1, 0, 0, 7), 0.977, None),
        ("jest-many.txt", (23, 1, 0, 0), None, None),
        ("jest-empty.txt", (0, 0, 0, 0), None, None),
        ("jest-empty-ok.txt", (0, 0, 0, 0), None, None),
        ("vitest-ok.txt", (2, 0, 0, 0), 0.812, None),
        ("vitest-mixed.txt", (2, 4, 0, 1), 1.27, None),
        ("vitest-mixed-verbose.txt", (2, 4, 0, 1), 1.39, None),
        ("vitest-mixed-nocolor.txt", (2, 4, 0, 1), None, None),
        ("vitest-mixed-cover.txt", (2, 4, 0, 1), 1.8, 100),
        ("vitest-broken.txt", (2, 0, 2, 0), 1.69, None),
        ("vitest-filter.txt", (1, 0, 0, 7), 1.99, None),
        ("vitest-crash.txt", (0, 0, 1, 0), 0.916, None),
        ("vitest-stray.txt", (1, 0, 1, 0), 0.984, None),
        ("vitest-empty.txt", (0, 0, 0, 0), None, None),
    ],
)
def test_counts(
    name: str, expected: tuple[int, ...], duration: float | None, coverage: float | None
) -> None:
    run = read(name)
    assert counts(run) == expected
    assert run.results()["coverage"] == coverage
    if duration is not None:
        assert run.results()["duration"] == duration


@pytest.mark.parametrize(
    "name",
    ["jest-mixed.txt", "jest-mixed-verbose.txt", "jest-mixed-color.txt", "jest-mixed-cover.txt"],
)
def test_every_jest_failure_is_told(name: str) -> None:
    run = read(name)
    assert told(run) == [
        (
            "shop \u203a adds two numbers",
            "shop.test.js",
            "expect(received).toBe(expected) // Object.is equality",
        ),
        ("shop \u203a nested \u203a deep \u203a throws", "shop.test.js", "no database"),
        ("objects", "snapshot.test.js", "expect(received).toEqual(expected) // deep equality"),
        (
            "times out",
            "snapshot.test.js",
            'thrown: "Exceeded timeout of 50 ms for a test while waiting for `done()` to be '
            "called.",
        ),
    ]
    # The difference is part of what was said, the code around it is not.
    assert run.failures[0].message.split("\n")[1:] == ["", "Expected: 5", "Received: -1"]


@pytest.mark.parametrize(
    "name",
    [
        "vitest-mixed.txt",
        "vitest-mixed-verbose.txt",
        "vitest-mixed-nocolor.txt",
        "vitest-mixed-cover.txt",
    ],
)
def test_every_vitest_failure_is_told(name: str) -> None:
    assert sorted(told(read(name))) == [
        (
            "objects",
            "objects.test.js",
            "AssertionError: expected { name: 'a', list: [ 1, 2 ] } to deeply equal "
            "{ name: 'a', list: [ 1, 3 ] }",
        ),
        (
            "shop > adds two numbers",
            "shop.test.js",
            "AssertionError: expected -1 to be 5 // Object.is equality",
        ),
        ("shop > nested \u203a deep > throws", "shop.test.js", "Error: no database"),
        ("times out", "objects.test.js", "Error: Test timed out in 50ms."),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "jest-broken.txt",
            [
                (
                    "Test suite failed to run",
                    "missing.test.js",
                    "Cannot find module './nowhere' from 'missing.test.js'",
                ),
                (
                    "Test suite failed to run",
                    "syntax.test.js",
                    "Jest encountered an unexpected token",
                ),
            ],
        ),
        # Printed twice, below its file and at the end.
        (
            "jest-many.txt",
            [
                (
                    "seven",
                    "a7.test.js",
                    "expect(received).toBe(expected) // Object.is equality",
                )
            ],
        ),
        (
            "vitest-broken.txt",
            [
                (
                    "missing.test.js",
                    "missing.test.js",
                    "Error: Cannot find module './nowhere' imported from "
                    "/home/dev/shop/broken/missing.test.js",
                ),
                (
                    "syntax.test.js",
                    "syntax.test.js",
                    "Error: Failed to parse source for import analysis because the content "
                    "contains invalid JS syntax. If you are using JSX, make sure to name the file "
                    "with the .jsx or .tsx extension.",
                ),
            ],
        ),
        ("vitest-stray.txt", [("stray", "stray.test.js", "Error: late failure")]),
        (
            "vitest-crash.txt",
            [("unhandled error", "", "Error: [vitest-pool]: Worker forks emitted error.")],
        ),
    ],
)
def test_failures(name: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(read(name)) == expected
