"""go test and cargo test, as they really print."""

import pytest

from contexts.extraction import runners
from tests.contexts.extraction.printed import counts, printed, read, told

SHOP = [
    ("TestAdd", "shop_test.go", "shop_test.go:10: Add(2, 3) = -1, want 5"),
    ("TestTable/two_words", "shop_test.go", "shop_test.go:19: no two words"),
]
# Without -v go does not say how many passed.
UNKNOWN = None


@pytest.mark.parametrize(
    ("name", "expected", "duration", "coverage", "failures"),
    [
        ("go-ok.txt", (UNKNOWN, 0, 0, UNKNOWN), 0.002, None, []),
        ("go-cached.txt", (UNKNOWN, 0, 0, UNKNOWN), None, None, []),
        ("go-ok-verbose.txt", (2, 0, 0, 0), 0.003, None, []),
        # A test and each of its subtests count, as `gotestsum` counts.
        ("go-mixed.txt", (UNKNOWN, 3, 0, UNKNOWN), 0.002, None, SHOP),
        ("go-mixed-verbose.txt", (5, 3, 0, 1), 0.002, None, SHOP),
        ("go-mixed-json.txt", (5, 3, 0, 1), 0.012, None, SHOP),
        ("go-cover.txt", (UNKNOWN, 3, 0, UNKNOWN), 0.014, 50, SHOP),
        (
            "go-panic.txt",
            (UNKNOWN, 1, 0, UNKNOWN),
            0.005,
            None,
            [
                (
                    "TestPanics",
                    "/home/dev/shop/panics/p_test.go",
                    "panic: assignment to entry in nil map [recovered]",
                )
            ],
        ),
        (
            "go-panic-verbose.txt",
            (1, 1, 0, 0),
            0.013,
            None,
            [
                (
                    "TestPanics",
                    "/home/dev/shop/panics/p_test.go",
                    "panic: assignment to entry in nil map [recovered]",
                )
            ],
        ),
        (
            "go-timeout.txt",
            (UNKNOWN, 0, 1, UNKNOWN),
            0.306,
            None,
            [
                (
                    "TestSlow",
                    "/home/dev/shop/slow/slow_test.go",
                    "panic: test timed out after 300ms",
                )
            ],
        ),
        (
            "go-build-failed.txt",
            (UNKNOWN, 0, 1, UNKNOWN),
            None,
            None,
            [
                (
                    "example.com/shop/bad",
                    "bad/bad_test.go",
                    "bad/bad_test.go:5:28: undefined: undefined",
                )
            ],
        ),
        ("go-empty.txt", (0, 0, 0, 0), None, None, []),
        ("go-norun.txt", (0, 0, 0, 0), 0.01, None, []),
    ],
)
def test_go(
    name: str,
    expected: tuple[int | None, ...],
    duration: float | None,
    coverage: float | None,
    failures: list[tuple[str, str, str]],
) -> None:
    run = read(name)
    assert counts(run) == expected
    assert run.results()["duration"] == duration
    assert run.results()["coverage"] == coverage
    assert told(run) == failures


ADDS = ("tests::adds", "src/lib.rs", "assertion `left == right` failed: sum is wrong")
BROKEN = ("tests::fails_with_error", "src/lib.rs", 'Error: "no database"')
PANICS = ("tests::panics", "src/lib.rs", "index out of bounds: the len is 0 but the index is 0")
SHOULD = ("tests::should", "src/lib.rs", "note: test did not panic as expected at src/lib.rs:20:8")
DOCS = ("src/lib.rs - add (line 1)", "src/lib.rs", "assertion `left == right` failed")


def without_file(failure: tuple[str, str, str]) -> tuple[str, str, str]:
    return failure[0], "", failure[2]


@pytest.mark.parametrize(
    ("name", "expected", "duration", "failures"),
    [
        ("cargo-ok.txt", (3, 0, 0, 0), 0.01, []),
        ("cargo-mixed.txt", (1, 4, 0, 1), 0.3, [ADDS, BROKEN, PANICS, SHOULD]),
        ("cargo-mixed-color.txt", (1, 4, 0, 1), 0.32, [ADDS, BROKEN, PANICS, SHOULD]),
        ("cargo-mixed-nofailfast.txt", (2, 5, 0, 1), 0.55, [DOCS, ADDS, BROKEN, PANICS, SHOULD]),
        # Quiet it does not say which binary runs, and a panic alone tells its file.
        (
            "cargo-mixed-quiet.txt",
            (1, 4, 0, 1),
            0.28,
            [ADDS, without_file(BROKEN), PANICS, without_file(SHOULD)],
        ),
        (
            "cargo-mixed-nocapture.txt",
            (1, 4, 0, 1),
            0.28,
            [ADDS, (*BROKEN[:2], ""), PANICS, SHOULD],
        ),
        ("cargo-mixed-doc.txt", (0, 1, 0, 0), 0.29, [DOCS]),
        ("cargo-broken.txt", (0, 0, 1, 0), None, [("broken", "src/lib.rs", "mismatched types")]),
        (
            "cargo-crash.txt",
            (1, 0, 1, 0),
            None,
            [("dies", "src/lib.rs", "signal: 6, SIGABRT: process abort signal")],
        ),
        ("cargo-filter.txt", (1, 0, 0, 0), 0, []),
        ("cargo-empty.txt", (0, 0, 0, 0), 0, []),
    ],
)
def test_cargo(
    name: str,
    expected: tuple[int, ...],
    duration: float | None,
    failures: list[tuple[str, str, str]],
) -> None:
    run = read(name)
    assert counts(run) == expected
    assert run.results()["duration"] == duration
    assert sorted(told(run)) == sorted(failures)


def test_the_panics_of_older_compilers_are_read_too() -> None:
    output = printed("cargo-mixed.txt").replace(
        "thread 'tests::adds' (5380) panicked at src/lib.rs:10:17:\n"
        "assertion `left == right` failed: sum is wrong\n",
        "thread 'tests::adds' panicked at 'assertion failed: sum is wrong', src/lib.rs:10:17\n",
    )
    run = runners.read(output)
    assert run is not None
    assert ("tests::adds", "src/lib.rs", "assertion failed: sum is wrong") in told(run)
