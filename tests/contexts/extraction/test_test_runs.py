"""`test_run`: numbers, reports and outputs, and which of them goes first."""

from typing import Any

import pytest

from contexts.extraction.test_runs import test_run as extract_test_run
from tests.contexts.extraction.printed import printed

NOTHING = {
    "passed": None,
    "failed": None,
    "errors": None,
    "skipped": None,
    "coverage": None,
    "duration": None,
}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {}),
        ({"task_id": "t1", "passed": 5, "failed": 0}, {"passed": 5, "failed": 0}),
        (
            {"passed": 5, "failed": 1, "errors": 0, "skipped": 2, "coverage": 87.5, "duration": 3},
            {"passed": 5, "failed": 1, "errors": 0, "skipped": 2, "coverage": 87.5, "duration": 3},
        ),
        ({"passed": 5.0, "coverage": "87.5%"}, {"passed": 5, "coverage": 87.5}),
        ({"passed": 1, "duration_ms": 1500}, {"passed": 1, "duration": 1.5}),
        # Nothing that is no number becomes one.
        ({"passed": True, "failed": "3", "coverage": None, "skipped": -1, "duration": [1]}, {}),
        ({"coverage": "most of it"}, {}),
        ({"output": printed("pytest-mixed.txt")}, {
            "passed": 4, "failed": 7, "errors": 2, "skipped": 1, "duration": 0.22}),
        ({"output": printed("pytest-cov.txt")}, {
            "passed": 1, "failed": 0, "errors": 0, "skipped": 0, "duration": 0.06,
            "coverage": 67}),
        ({"output": "all is well"}, {}),
        ({"output": 5}, {}),
        ({"junit_xml": printed("junit-pytest.xml")}, {
            "passed": 4, "failed": 7, "errors": 2, "skipped": 2, "duration": 0.15}),
        ({"coverage_xml": printed("coverage-py.xml")}, {"coverage": 66.67}),
        ({"output": printed("pytest-ok.txt"), "coverage_xml": printed("coverage-py.xml")}, {
            "passed": 3, "failed": 0, "errors": 0, "skipped": 0, "duration": 0.03,
            "coverage": 66.67}),
        # Given numbers go before a report's, a report's before the output's.
        ({"junit_xml": printed("junit-pytest.xml"), "output": printed("pytest-ok.txt"),
          "passed": 100}, {
            "passed": 100, "failed": 7, "errors": 2, "skipped": 2, "duration": 0.15}),
        ({"output": printed("pytest-ok.txt") + printed("unittest-broken.txt"),
          "runner": "pytest"}, {
            "passed": 3, "failed": 0, "errors": 0, "skipped": 0, "duration": 0.03}),
    ],
)  # fmt: skip
def test_results(data: dict[str, Any], expected: dict[str, Any]) -> None:
    extracted = extract_test_run(data)
    assert extracted["test_results"] == {**NOTHING, **expected}
    assert "unread" not in extracted


def test_a_report_that_cannot_be_read_is_named_and_the_rest_goes_on() -> None:
    extracted = extract_test_run(
        {"junit_xml": "<a", "coverage_xml": "<b/>", "output": printed("pytest-ok.txt")}
    )
    assert extracted["test_results"]["passed"] == 3
    assert extracted["unread"] == {
        "junit_xml": "no well-formed XML",
        "coverage_xml": "no coverage report",
    }


def failure(name: str = "", file: str = "", message: str = "") -> dict[str, str]:
    return {"name": name, "file": file, "message": message}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (None, []),
        ([], []),
        ("", []),
        (5, []),
        (["test_login"], [failure("test_login")]),
        (["test_login: wants 200, not 401"], [failure("test_login", "", "wants 200, not 401")]),
        (
            ["tests/test_auth.py::TestLogin::test_ok - AssertionError: 401"],
            [failure("TestLogin::test_ok", "tests/test_auth.py", "AssertionError: 401")],
        ),
        (
            ["FAILED tests/test_auth.py::test_ok - boom", "", 7, None],
            [failure("test_ok", "tests/test_auth.py", "boom")],
        ),
        (["it should log in"], [failure("", "", "it should log in")]),
        (
            ["the test test_login broke: 401"],
            [failure("test_login", "", "the test test_login broke: 401")],
        ),
        (
            [{"name": "test_a", "file": "t.py", "message": "boom", "line": 3}],
            [failure("test_a", "t.py", "boom")],
        ),
        (
            [{"test": "t.py::test_a", "error": "boom"}, {"nodeid": "test_b", "longrepr": "bang"}],
            [failure("test_a", "t.py", "boom"), failure("test_b", "", "bang")],
        ),
        ([{"name": 5, "message": ["x"]}], [failure()]),
        ({"test_a": "boom", "test_b": {"file": "t.py", "error": "bang"}}, [
            failure("test_a", "", "boom"), failure("test_b", "t.py", "bang")]),
        ({"name": "test_a", "message": "boom"}, [failure("test_a", "", "boom")]),
        ("test_a: boom\ntest_b: bang\n", [
            failure("test_a", "", "boom"), failure("test_b", "", "bang")]),
        (
            "The login answers 401\nsince test_login sends no cookie",
            [failure("test_login", "", "The login answers 401\nsince test_login sends no cookie")],
        ),
    ],
)  # fmt: skip
def test_failure_details_of_many_shapes(details: Any, expected: list[dict[str, str]]) -> None:
    assert extract_test_run({"failed": 1, "failure_details": details})["failures"] == expected


def test_failure_details_may_be_what_the_runner_printed() -> None:
    extracted = extract_test_run({"failure_details": printed("pytest-mixed.txt")})
    assert [each["name"] for each in extracted["failures"]][:2] == ["test_add", "test_values[a b]"]
    assert extracted["test_results"]["failed"] == 9


def test_details_without_a_number_are_counted() -> None:
    extracted = extract_test_run({"failure_details": ["test_a", "test_b"]})
    assert extracted["test_results"] == {**NOTHING, "failed": 2}


def test_what_is_kept_is_bounded() -> None:
    many = [{"name": "n" * 10_000, "file": "f" * 10_000, "message": "m" * 10_000}] * 1_000
    extracted = extract_test_run({"failed": 1_000, "failure_details": many})
    assert extracted["test_results"]["failed"] == 1_000
    assert len(extracted["failures"]) == 100
    assert {len(text) for each in extracted["failures"] for text in each.values()} == {300, 1_000}
