"""JUnit XML and coverage reports, real ones and hostile ones."""

import pytest

from contexts.extraction import reports
from tests.contexts.extraction.printed import counts, printed, told


def test_pytest_s_report() -> None:
    run = reports.junit(printed("junit-pytest.xml"))

    # Of 15 tests two passed unexpectedly or were expected to fail: pytest writes these as passed
    # and as skipped.
    assert counts(run) == (4, 7, 2, 2)
    assert run.results()["duration"] == 0.15
    assert told(run)[:3] == [
        ("test_add", "test_mixed.py", "AssertionError: sum is wrong"),
        ("test_setup_error", "test_mixed.py", 'failed on setup with "RuntimeError: no database"'),
        (
            "test_teardown_error",
            "test_mixed.py",
            'failed on teardown with "ValueError: teardown went wrong"',
        ),
    ]
    assert run.failures[0].message.endswith(" +  where -1 = add(2, 3)")


def test_a_collection_failure_says_what_was_raised() -> None:
    run = reports.junit(printed("junit-pytest-collection.xml"))

    assert counts(run) == (0, 0, 2, 0)
    assert told(run)[0][::2] == (
        "test_bad_import",
        "collection failure: ModuleNotFoundError: No module named 'does_not_exist'",
    )


def test_vitest_s_report() -> None:
    run = reports.junit(printed("junit-vitest.xml"))

    assert counts(run) == (2, 4, 0, 2)
    assert run.results()["duration"] == 0.207234
    assert [each[:2] for each in told(run)] == [
        ("objects", "objects.test.js"),
        ("times out", "objects.test.js"),
        ("shop > adds two numbers", "shop.test.js"),
        ("shop > nested \u203a deep > throws", "shop.test.js"),
    ]
    assert run.failures[1].message.startswith("Test timed out in 50ms.")


SUREFIRE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="shop.PriceTest"
    time="1,234.5" tests="3" errors="1" skipped="0" failures="1">
  <testcase name="adds" classname="shop.PriceTest" time="0.01"/>
  <testcase name="rounds" classname="shop.PriceTest" time="0.01">
    <failure type="java.lang.AssertionError">java.lang.AssertionError: 2 is not 3
\tat shop.PriceTest.rounds(PriceTest.java:9)</failure>
  </testcase>
  <testcase name="loads" classname="shop.PriceTest" file="src/PriceTest.java" time="0.01">
    <error message="no database" type="java.io.IOException"/>
  </testcase>
</testsuite>"""


def test_a_single_suite_with_what_others_leave_out() -> None:
    run = reports.junit("\ufeff \n" + SUREFIRE)

    assert counts(run) == (1, 1, 1, 0)
    assert run.duration == 1234.5
    assert told(run) == [
        ("rounds", "", "java.lang.AssertionError: 2 is not 3"),
        ("loads", "src/PriceTest.java", "no database"),
    ]


def test_nested_suites_are_counted_once() -> None:
    inner = '<testsuite tests="1"><testcase name="b"><skipped/></testcase></testsuite>'
    run = reports.junit(
        f'<testsuites><testsuite tests="2" time="3"><testcase name="a"/>{inner}</testsuite>'
        '<testsuite tests="1" time="0.5"><testcase name="c"/></testsuite></testsuites>'
    )

    assert counts(run) == (2, 0, 0, 1)
    assert run.duration == 3.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<testsuites tests="9" failures="2" errors="1" skipped="3"/>', (3, 2, 1, 3)),
        ('<testsuite tests="2" failures="many" errors="" skipped="-1"/>', (2, 0, 0, 0)),
        ("<testsuites/>", (0, 0, 0, 0)),
        ('<testsuites xmlns="urn:x"><testcase name="a"/></testsuites>', (1, 0, 0, 0)),
    ],
)
def test_reports_without_cases_or_with_a_namespace(text: str, expected: tuple[int, ...]) -> None:
    assert counts(reports.junit(text)) == expected


COBERTURA = """<?xml version="1.0"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage {}><packages><package name="a"><classes><class name="A"><lines>
<line number="1" hits="3"/><line number="2" hits="0"/><line number="3" hits="1"/>
</lines></class></classes></package></packages></coverage>"""


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        (printed("coverage-py.xml"), 66.67),
        (COBERTURA.format('line-rate="0.8125" branch-rate="0.5"'), 81.25),
        (COBERTURA.format('lines-covered="3" lines-valid="4"'), 75),
        (COBERTURA.format(""), 66.67),
        (COBERTURA.format('line-rate="1"'), 100),
        (COBERTURA.format('line-rate="0"'), 0),
    ],
)
def test_coverage(text: str, percent: float) -> None:
    assert reports.coverage(text) == percent


BOMB = (
    '<!DOCTYPE testsuites [<!ENTITY a "ha"><!ENTITY b "'
    + "&a;" * 10
    + '"><!ENTITY c "'
    + "&b;" * 10
    + '">]><testsuites><testcase name="&c;"/></testsuites>'
)
EXTERNAL = (
    '<!DOCTYPE testsuites [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<testsuites><testcase name="&x;"/></testsuites>'
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "entities"),
        (EXTERNAL, "entities"),
        ("<testsuites>", "well-formed"),
        ("no xml at all", "well-formed"),
        ("", "well-formed"),
        ("<testsuites>\x00</testsuites>", "well-formed"),
        ("<html/>", "no JUnit report"),
        ("<coverage/>", "no JUnit report"),
        ("<testsuites/>" + " " * 2**23, "longer than"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_report_is_refused(text: str, why: str) -> None:
    with pytest.raises(reports.Unreadable, match=why):
        reports.junit(text)
    with pytest.raises(reports.Unreadable):
        reports.coverage(text)


def test_a_report_nested_without_end_is_read() -> None:
    depth = 100_000
    text = "<testsuites>" + "<testsuite>" * depth + '<testcase name="a"/>'
    assert counts(reports.junit(text + "</testsuite>" * depth + "</testsuites>")) == (1, 0, 0, 0)


def test_colours_and_other_illegal_characters_cost_nothing() -> None:
    run = reports.junit(
        '<testsuite><testcase name="a"><failure message="&#27;[31mred&#x1b;[0m and more words">'
        "\x1b[31mred\x1b[0m\x01&#1;</failure></testcase></testsuite>"
    )
    assert [failure.message for failure in run.failures] == ["red and more words"]


def test_what_googletest_did_not_run_is_skipped() -> None:
    cases = '<testcase name="a" status="run"/><testcase name="b" status="notrun"/>'
    assert counts(reports.junit(f"<testsuite>{cases}</testsuite>")) == (1, 0, 0, 1)
    declared = reports.junit('<testsuites tests="10" failures="2" errors="1" disabled="3"/>')
    assert counts(declared) == (4, 2, 1, 3)


def test_the_time_of_nested_suites_is_that_of_their_parts() -> None:
    inner = '<testsuite time="1"><testcase name="a" time="9"/></testsuite><testcase time="2"/>'
    run = reports.junit(f"<testsuites><testsuite>{inner}</testsuite></testsuites>")
    assert run.duration == 3


@pytest.mark.parametrize(
    ("case", "text", "file"),
    [
        ('classname="shop/cart"', "    cart_test.go:5: bad", "cart_test.go"),
        ('classname="shop/cart"', "no place", "shop/cart"),
        ('classname="adds"', "Error: x\n    at expect (node_modules/e.js:1:2)\n"
         "    at Object.&lt;anonymous&gt; (/x/a.test.js:3:3)", "/x/a.test.js"),
        ('classname="shop"', "thread 'a' panicked at src/lib.rs:10:9:\nno", "src/lib.rs"),
        ("", "", "of/the/suite.js"),
    ],
)  # fmt: skip
def test_a_failures_file_is_found_where_it_is_told(case: str, text: str, file: str) -> None:
    suite = '<testsuite file="of/the/suite.js">' if not case else "<testsuite>"
    xml = f'{suite}<testcase name="a" {case}><failure message="m">{text}</failure></testcase>'
    assert [each.file for each in reports.junit(f"{xml}</testsuite>").failures] == [file]


def test_a_message_that_its_text_begins_with_is_told_once() -> None:
    case = '<testcase name="a"><failure message="a.cc:5&#10;No">a.cc:5\nNo</failure></testcase>'
    (failure,) = reports.junit(f"<testsuite>{case}</testsuite>").failures
    assert failure.message == "a.cc:5\nNo"
