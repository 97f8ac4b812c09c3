"""pytest and unittest, as they really print."""

import pytest

from contexts.extraction import runners
from tests.contexts.extraction.printed import counts, printed, read, told


@pytest.mark.parametrize(
    ("name", "expected", "duration", "coverage"),
    [
        ("pytest-ok.txt", (3, 0, 0, 0), 0.03, None),
        ("pytest-ok-quiet.txt", (3, 0, 0, 0), 0.02, None),
        ("pytest-ok-verbose.txt", (3, 0, 0, 0), 0.05, None),
        # Expected failures and unexpected passes are neither passed nor failed, as printed.
        ("pytest-mixed.txt", (4, 7, 2, 1), 0.22, None),
        ("pytest-mixed-nosummary.txt", (4, 7, 2, 1), 0.24, None),
        ("pytest-mixed-tbline.txt", (4, 7, 2, 1), 0.12, None),
        ("pytest-mixed-tbno.txt", (4, 7, 2, 1), 0.16, None),
        ("pytest-mixed-native.txt", (4, 7, 2, 1), 0.12, None),
        ("pytest-mixed-color.txt", (4, 7, 2, 1), 0.14, None),
        ("pytest-mixed-xdist.txt", (4, 7, 2, 1), 3.11, None),
        ("pytest-mixed-xdist-v-color.txt", (4, 7, 2, 1), 2.58, None),
        # With -qq there is no last line: the letters of the progress are counted.
        ("pytest-mixed-qq.txt", (4, 7, 2, 1), None, None),
        ("pytest-mixed-x.txt", (0, 1, 0, 0), 0.18, None),
        ("pytest-collection.txt", (0, 0, 2, 0), 0.47, None),
        ("pytest-collection-continue.txt", (1, 0, 2, 0), 0.35, None),
        ("pytest-empty.txt", (0, 0, 0, 0), 0.01, None),
        ("pytest-empty-quiet.txt", (0, 0, 0, 0), 0, None),
        ("pytest-deselected.txt", (0, 0, 0, 0), 0.01, None),
        ("pytest-crash.txt", (1, 0, 1, 0), None, None),
        ("pytest-crash-xdist.txt", (2, 1, 0, 0), 1.76, None),
        ("pytest-cov.txt", (1, 0, 0, 0), 0.06, 67),
        ("pytest-cov-missing.txt", (1, 0, 0, 0), 0.05, 62),
        ("pytest-cov-fail-under.txt", (1, 0, 0, 0), 0.06, 67),
        ("pytest-many.txt", (118, 3, 0, 0), 0.23, None),
        ("pytest-many-noheader.txt", (118, 3, 0, 0), 0.21, None),
        ("pytest-usage.txt", (0, 0, 1, 0), 0.03, None),
        ("pytest-nonode.txt", (0, 0, 1, 0), 0.03, None),
        ("unittest-ok.txt", (2, 0, 0, 0), 0, None),
        ("unittest-ok-verbose.txt", (2, 0, 0, 0), 0, None),
        # Of 8 run: a class's set-up is none of them, and an unexpected success is a failure.
        ("unittest-mixed.txt", (2, 3, 2, 1), 0.001, None),
        ("unittest-mixed-verbose.txt", (2, 3, 2, 1), 0.001, None),
        ("unittest-mixed-buffered.txt", (2, 3, 2, 1), 0.001, None),
        ("unittest-broken.txt", (2, 0, 1, 0), 0, None),
        ("unittest-missing.txt", (0, 0, 1, 0), 0, None),
        ("unittest-failfast.txt", (0, 0, 1, 0), 0.001, None),
        ("unittest-empty.txt", (0, 0, 0, 0), 0, None),
    ],
)
def test_counts(
    name: str, expected: tuple[int, ...], duration: float | None, coverage: float | None
) -> None:
    run = read(name)
    assert counts(run) == expected
    assert run.results()["duration"] == duration
    assert run.results()["coverage"] == coverage


MIXED = [
    ("test_add", "test_mixed.py", "AssertionError: sum is wrong"),
    ("test_values[a b]", "test_mixed.py", "AssertionError: assert 'a b' == 1"),
    ("test_values[x::y - z]", "test_mixed.py", "AssertionError: assert 'x::y - z' == 1"),
    ("test_values[None]", "test_mixed.py", "assert None == 1"),
    (
        "TestGroup::test_dict",
        "test_mixed.py",
        "AssertionError: assert {'name': 'con..., 'n': [0, 1]} == {'name': 'con...n': [0, 1, 2]}",
    ),
    ("TestGroup::test_raises", "test_mixed.py", "KeyError: 'missing'"),
    ("TestOld::test_equal", "test_mixed.py", "AssertionError: Lists differ: [1, 2] != [1, 3]"),
    ("test_setup_error", "test_mixed.py", "RuntimeError: no database"),
    ("test_teardown_error", "test_mixed.py", "ValueError: teardown went wrong"),
]


@pytest.mark.parametrize(
    "name",
    [
        "pytest-mixed.txt",
        "pytest-mixed-color.txt",
        "pytest-mixed-xdist.txt",
        "pytest-mixed-qq.txt",
        "pytest-mixed-nosummary.txt",
    ],
)
def test_every_pytest_failure_is_told_with_its_whole_message(name: str) -> None:
    run = read(name)
    assert sorted(told(run)) == sorted(MIXED)
    first = next(failure for failure in run.failures if failure.name == "test_add")
    assert first.message.split("\n")[1:] == ["assert -1 == 5", " +  where -1 = add(2, 3)"]


@pytest.mark.parametrize("name", ["pytest-mixed-tbno.txt", "pytest-mixed-tbline.txt"])
def test_without_reports_the_short_summary_tells(name: str) -> None:
    failures = told(read(name))
    assert [each[:2] for each in failures] == [each[:2] for each in MIXED]
    assert failures[0][2] == "AssertionError: sum is wrong"
    assert failures[2][2] == "AssertionError: assert 'x::y - ..."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "pytest-collection.txt",
            [
                (
                    "test_bad_import.py",
                    "test_bad_import.py",
                    "ModuleNotFoundError: No module named 'does_not_exist'",
                ),
                (
                    "test_syntax.py",
                    "test_syntax.py",
                    '  File "/home/dev/shop/col/test_syntax.py", line 1',
                ),
            ],
        ),
        (
            "pytest-crash.txt",
            [("test_dies", "test_crash.py", "Fatal Python error: Segmentation fault")],
        ),
        (
            "pytest-crash-xdist.txt",
            [
                (
                    "test_dies",
                    "test_crash.py",
                    "worker 'gw0' crashed while running 'test_crash.py::test_dies'",
                )
            ],
        ),
        ("pytest-usage.txt", [("nofile.py", "", "file or directory not found: nofile.py")]),
        ("pytest-ok.txt", []),
        (
            "unittest-mixed.txt",
            [
                (
                    "setUpClass (test_mixed.Setup)",
                    "/home/dev/shop/test_mixed.py",
                    "RuntimeError: no database",
                ),
                (
                    "test_mixed.Sums.test_raises",
                    "/home/dev/shop/test_mixed.py",
                    "KeyError: 'missing'",
                ),
                (
                    "test_mixed.Sums.test_add",
                    "/home/dev/shop/test_mixed.py",
                    "AssertionError: -1 != 5 : sum is wrong",
                ),
                (
                    "test_mixed.Sums.test_parts (n=1)",
                    "/home/dev/shop/test_mixed.py",
                    "AssertionError: 1 == 1",
                ),
                ("test_mixed.Sums.test_surprise", "", "unexpected success"),
            ],
        ),
        (
            "unittest-broken.txt",
            [
                (
                    "test_broken",
                    "/home/dev/shop/test_broken.py",
                    "ModuleNotFoundError: No module named 'nothing_here'",
                )
            ],
        ),
    ],
)
def test_failures(name: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(read(name)) == expected


@pytest.mark.parametrize("name", ["pytest-collectonly.txt", "pytest-badoption.txt"])
def test_what_ran_nothing_is_no_run(name: str) -> None:
    assert runners.read(printed(name)) is None


def test_several_runs_in_one_output_add_up() -> None:
    run = runners.read(printed("pytest-ok.txt") + printed("pytest-mixed.txt"))
    assert run is not None
    assert counts(run) == (7, 7, 2, 1)
    assert run.results()["duration"] == 0.25
    assert len(run.failures) == 9


def test_an_output_that_begins_in_the_middle_is_read_to_its_end() -> None:
    end = printed("pytest-mixed.txt").splitlines()[-12:]
    run = runners.read("\n".join(end))
    assert run is not None
    assert counts(run) == (4, 7, 2, 1)
    assert [each[:2] for each in told(run)] == [each[:2] for each in MIXED]


def test_an_output_that_was_cut_before_its_end_tells_what_was_seen() -> None:
    text = printed("pytest-mixed.txt")
    run = runners.read(text[: text.index("test_values[a b] ___")])
    assert run is not None
    assert counts(run) == (4, 7, 2, 1)


@pytest.mark.parametrize("name", ["pytest-mixed.txt", "unittest-mixed.txt", "jest-mixed.txt"])
def test_line_ends_of_windows_change_nothing(name: str) -> None:
    text = printed(name)
    assert runners.read(text.replace("\n", "\r\n")) == runners.read(text)


def test_the_command_decides_who_spoke_last() -> None:
    output = printed("pytest-ok.txt") + printed("unittest-broken.txt")
    alone = runners.read(output)
    asked = runners.read(output, ["pytest"])
    both = runners.read(output, ["pytest", "unittest"])
    assert alone is not None
    assert asked is not None
    assert both is not None
    assert [counts(each) for each in (alone, asked, both)] == [
        (2, 0, 1, 0),
        (3, 0, 0, 0),
        (5, 0, 1, 0),
    ]
