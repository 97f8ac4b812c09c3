"""What runners print that is easily taken for something else."""

import json

import pytest

from contexts.extraction import runners
from contexts.extraction.results import Run
from tests.contexts.extraction.printed import counts, printed, read, told

VALUES = [
    (f"test_value[{value}]", "test_odd.py", "AssertionError: no - really in 2s")
    for value in ("x] - y", "a - b", "[]", "in 0.1s", "1 failed")
]
ODD = [
    *VALUES,
    ("TestParts::test_halves (i=0, s='a b')", "test_odd.py", "AssertionError: 0 is not true"),
    ("TestParts::test_halves (i=2, s='a b')", "test_odd.py", "AssertionError: 0 is not true"),
    ("test_subtests [part [x]] (i=0)", "test_odd.py", "assert 0 == 1"),
    ("test_subtests [part [x]] (i=2)", "test_odd.py", "assert 2 == 1"),
    ("test_subtests", "test_odd.py", "contains 2 failed subtests"),
    ("test_told", "test_odd.py", "line one"),
    ("test_prints", "test_odd.py", "assert [1] == [2]"),
]


@pytest.mark.parametrize(
    ("name", "expected", "doctests"),
    [
        ("pytest-odd.txt", (1, 13, 0, 0), [("test_odd", "test_odd.py", "Expected:")]),
        # A test's output says what a last line and a line of the summary say.
        ("pytest-odd-printed.txt", (1, 12, 0, 0), []),
        ("pytest-odd-qq.txt", (1, 12, 0, 0), []),
    ],
)
def test_pytest(name: str, expected: tuple[int, ...], doctests: list[tuple[str, str, str]]) -> None:
    run = read(name)
    assert counts(run) == expected
    assert told(run) == doctests + ODD
    messages = {failure.name: failure.message for failure in run.failures}
    assert messages["test_told"] == "line one\nline two\n\nline four"
    assert messages.get("test_odd") in (None, "Expected:\n    3\nGot:\n    2")


def test_pytest_that_breaks_itself_is_an_error() -> None:
    run = read("pytest-internal.txt")
    assert counts(run) == (1, 10, 1, 0)
    assert told(run) == [("INTERNALERROR", "", "ValueError: the plugin broke")]


def test_vitest() -> None:
    run = read("vitest-odd.txt")
    # One suite that broke twice, in a folder with a space; what a test printed counts nothing.
    assert counts(run) == (1, 2, 1, 1)
    first = "AssertionError: expected 1 to be 2 // Object.is equality"
    assert told(run) == [
        ("my tests/broken.test.ts", "my tests/broken.test.ts", "Error: no database"),
        ("soft", "my tests/odd.test.ts", first),
        ("retried", "my tests/odd.test.ts", first),
    ]
    messages = [failure.message.split("\n")[1:] for failure in run.failures]
    second = "AssertionError: expected 3 to be 4 // Object.is equality"
    assert messages == [["Error: nothing to close"], [second], []]


def test_jest_tells_of_a_test_without_a_name() -> None:
    run = read("jest-unnamed.txt")
    assert counts(run) == (0, 1, 0, 0)
    assert told(run) == [
        ("", "fx/a.test.js", "expect(received).toBe(expected) // Object.is equality")
    ]


def test_jest_that_a_test_ended_is_an_error() -> None:
    run = read("jest-exit.txt")
    assert counts(run) == (None, None, 1, None)
    assert told(run) == [("b.test.js", "b.test.js", 'process.exit called with "3"')]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("go-odd.txt", (None, 6, 2, None)), ("go-odd-json.txt", (1, 6, 2, 0))],
)
def test_go_tests_after_a_package_that_is_not_built(name: str, expected: tuple[int, ...]) -> None:
    run = read(name)
    assert counts(run) == expected
    assert told(run) == [
        ("TestAdd", "d_test.go", "d_test.go:9: got 1"),
        ("TestParts/x/y", "d_test.go", 'd_test.go:16: bad "x/y"'),
        ("TestParts/dup", "d_test.go", 'd_test.go:16: bad "dup"'),
        ("TestParts/dup#01", "d_test.go", 'd_test.go:16: bad "dup"'),
        ("Example", "", "got:"),
        ("ex.com/odd/c", "c/c_test.go", "c/c_test.go:6:2: undefined: undefined"),
        ("ex.com/odd/e", "", "exit status 3"),
    ]
    example = next(failure for failure in run.failures if failure.name == "Example")
    assert example.message == "got:\nhello\nwant:\nbye"


def test_a_rust_binary_that_died_before_its_first_test_ended_is_an_error() -> None:
    run = read("cargo-abort.txt")
    assert counts(run) == (0, 0, 1, 0)
    signal = "signal: 6, SIGABRT: process abort signal"
    assert told(run) == [("tests/abort.rs", "tests/abort.rs", signal)]


def test_a_rust_panic_is_told_to_its_last_line() -> None:
    run = read("cargo-lines.txt")
    assert [failure.message for failure in run.failures] == [
        'Error: "bad thing"',
        "line one\n\nline three",
    ]


@pytest.mark.parametrize(
    ("name", "expected", "duration"),
    [
        ("jest-json.txt", (1, 1, 1, 1), None),
        ("jest-json-both.txt", (1, 1, 1, 1), 0.672),
        ("vitest-json.txt", (1, 2, 1, 1), None),
    ],
)
def test_reports_in_json_alone_and_beside_words_count_once(
    name: str, expected: tuple[int, ...], duration: float | None
) -> None:
    run = read(name)
    assert counts(run) == expected
    assert run.results()["duration"] == duration


def test_a_report_in_json_tells_the_failures() -> None:
    shop = "/home/dev/shop"
    equality = "expect(received).toBe(expected) // Object.is equality"
    assert told(read("jest-json.txt")) == [
        ("sums \u203a adds", f"{shop}/a.test.js", f"Error: {equality}"),
        (f"{shop}/b.test.js", f"{shop}/b.test.js", "Cannot find module './nope' from 'b.test.js'"),
    ]
    broken, soft, retried = told(read("vitest-json.txt"))
    assert broken == (f"{shop}/my tests/broken.test.ts",) * 2 + ("no database",)
    assert (soft[0], retried[0]) == ("soft", "retried")


@pytest.mark.parametrize(
    "report",
    [
        '{"numTotalTestSuites":',
        '{"numTotalTestSuites":1}',
        '{"numFailedTestSuites":1,"numPassedTests":-1,"numFailedTests":"x","testResults":5}',
        '{"numFailedTestSuites":1,"testResults":[5,{"status":"failed","assertionResults":[null]}]}',
        '{"numTotalTestSuites":' + "[" * 100_000,
    ],
)
def test_odd_reports_in_json_stop_nothing(report: str) -> None:
    run = runners.read(f"words\n{report}")
    assert run is None or counts(run)[0] is None


def test_a_report_in_json_may_be_indented() -> None:
    report = json.dumps(json.loads(printed("jest-json.txt").partition("\n")[0]), indent=2)
    run = runners.read(report)
    assert run is not None
    assert counts(run) == (1, 1, 1, 1)


def test_a_slow_suites_time_is_no_part_of_its_name() -> None:
    output = printed("jest-mixed.txt").replace(
        "FAIL ./shop.test.js", "FAIL ./shop.test.js (5.1 s, 90 MB heap size)"
    )
    assert "MB heap" in output
    assert told(read("jest-mixed.txt")) == told(runners.read(output) or Run())


def test_events_without_outputs_tell_their_verdicts() -> None:
    output = (
        '{"Action":"run","Package":"shop","Test":"TestA"}\n'
        '{"Action":"pass","Package":"shop","Test":"TestA","Elapsed":0.1}\n'
        '{"Action":"fail","Package":"shop","Test":"TestB","Elapsed":0.1}\n'
        '{"Action":"skip","Package":"shop","Test":"TestC","Elapsed":0}\n'
        '{"Action":"fail","Package":"shop","Elapsed":0.3}\n'
        '{"Action":"skip","Package":"empty","Elapsed":0}\n'
    )
    run = runners.read(output)
    assert run is not None
    assert (counts(run), run.duration, told(run)) == ((1, 1, 0, 1), 0.3, [("TestB", "", "")])


def test_what_the_compiler_says_in_events_is_told() -> None:
    output = (
        '{"ImportPath":"shop","Action":"build-output","Output":"# shop [shop.test]\\n"}\n'
        '{"ImportPath":"shop","Action":"build-output",'
        '"Output":"./a_test.go:3:5: undefined: foo\\n"}\n'
        '{"Action":"output","Package":"shop","Output":"FAIL\\tshop [build failed]\\n"}\n'
    )
    run = runners.read(output)
    assert run is not None
    assert told(run) == [("shop", "./a_test.go", "./a_test.go:3:5: undefined: foo")]


def test_a_test_binary_of_go_names_no_package() -> None:
    output = (
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n"
        "    b_test.go:7: no\n--- FAIL: TestB (0.00s)\nFAIL\n"
    )
    run = runners.read(output)
    assert run is not None
    assert (counts(run), told(run)) == ((1, 1, 0, 0), [("TestB", "b_test.go", "b_test.go:7: no")])


def test_lines_of_passed_tests_show_that_go_was_verbose() -> None:
    run = runners.read("--- PASS: TestA (0.00s)\n--- SKIP: TestB (0.00s)\nPASS\nok  \tshop\t0.1s\n")
    assert run is not None
    assert counts(run) == (1, 0, 0, 1)


def test_nextest_is_read_by_its_summary() -> None:
    output = (
        "        PASS [   0.004s] (1/3) shop tests::a\n"
        "  TRY 1 FAIL [   0.005s] (2/3) shop tests::b\n"
        "  stdout ---\n\n    running 1 test\n    test tests::b ... FAILED\n\n"
        "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; "
        "finished in 0.00s\n\n  stderr ---\n\n"
        "    thread 'tests::b' panicked at src/lib.rs:10:9:\n    not equal\n\n"
        "     Summary [   0.010s] 3 tests run: 1 passed (1 slow), 1 failed, 1 timed out, "
        "2 skipped\n"
        "  TRY 2 FAIL [   0.005s] (2/3) shop tests::b\n"
        "     TIMEOUT [  60.005s] (3/3) shop tests::c\n"
        "error: test run failed\n"
    )
    run = runners.read(output, ["nextest"])
    assert run is not None
    assert (counts(run), run.duration) == ((1, 2, 0, 2), 0.01)
    assert told(run) == [("tests::b", "src/lib.rs", "not equal"), ("tests::c", "", "TIMEOUT")]


def test_pytest_that_could_not_load_its_conftest_is_an_error() -> None:
    output = (
        "ImportError while loading conftest '/home/dev/shop/conftest.py'.\n"
        "conftest.py:1: in <module>\n    import nope\n"
        "E   ModuleNotFoundError: No module named 'nope'\n"
    )
    run = runners.read(output)
    assert run is not None
    file = "/home/dev/shop/conftest.py"
    assert counts(run) == (0, 0, 1, 0)
    assert told(run) == [(file, file, "ModuleNotFoundError: No module named 'nope'")]
