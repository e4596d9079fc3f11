"""Test reports are untrusted: good ones are counted, bad ones become a note."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.model import FailedTest, TestReport
from integrations.specs.reports import add_up, parse_report

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="4" time="0.05">
<testcase classname="tests.test_cart" name="test_total" time="0.010" />
<testcase classname="tests.test_cart" name="test_tax" time="1,000.5">
<failure message="assert 19 == 7&#10; +  where 19 = tax()">def test_tax():
&gt;       assert tax() == 7
E       assert 19 == 7</failure></testcase>
<testcase classname="tests.test_cart" name="test_later" time="bogus"><skipped message="later">x</skipped></testcase>
<testcase classname="tests.test_cart" name="test_setup">
<error message="failed on setup with RuntimeError">boom</error></testcase>
</testsuite></testsuites>"""


def read(data: bytes, largest: int = 100_000, file_format: str = "JUNITXML") -> TestReport:
    return parse_report(data, "reports/unit.xml", file_format, largest)


def test_a_report_as_pytest_writes_it_is_counted() -> None:
    report = read(PYTEST)
    assert (report.passed, report.failed, report.errors, report.skipped, report.total) == (1, 1, 1, 1, 4)
    assert report.seconds == 1000.51
    assert report.failures == (
        FailedTest(name="tests.test_cart.test_tax", message="assert 19 == 7\n +  where 19 = tax()"),
        FailedTest(name="tests.test_cart.test_setup", message="failed on setup with RuntimeError"),
    )
    assert report.notes == ()


def test_nested_suites_and_a_single_suite_are_read() -> None:
    inner = b'<testsuite name="b"><testcase name="x"/></testsuite>'
    assert read(inner).passed == 1
    assert read(b"<testsuites><testsuite><testcase name='y'/>" + inner + b"</testsuite></testsuites>").passed == 2


def test_a_failure_without_a_message_starts_with_the_line_that_says_most() -> None:
    text = "Traceback (most recent call last):\n  File x\nValueError: no such cart\n"
    report = read(f"<testsuite><testcase name='t'><failure>{text}</failure></testcase></testsuite>".encode())
    assert report.failures[0].message.splitlines()[0] == "ValueError: no such cart"


def test_messages_are_cut_and_cleaned_and_only_the_first_twenty_failures_are_kept() -> None:
    case = "<testcase name='a&#x202e;b'><failure message='#x1B[31mred#x1B[0m {}'/></testcase>".format("x" * 5000)
    report = read(("<testsuite>" + case * 30 + "</testsuite>").encode(), largest=1_000_000)
    assert report.failed == 30
    assert len(report.failures) == 20
    assert report.failures[0].name == "ab"
    assert report.failures[0].message.startswith("red xxx")
    assert len(report.failures[0].message) == 1000


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""


def test_what_cannot_be_read_is_a_note_that_names_the_file() -> None:
    expected = {
        BOMB: "DTD",
        b"": "empty",
        b"<testsuite><testcase>": "line 1",
        b"<html><body/></html>": "<html>",
        b"\xff\xfe\x00junk": "XML",
        b'<?xml version="1.0" encoding="klingon"?><testsuite/>': "XML",
        PYTEST + b" " * 200_000: "more than 100,000",
    }
    for data, sentence in expected.items():
        report = read(data)
        assert report.total == 0
        assert report.notes[0].startswith("reports/unit.xml: ")
        assert sentence in report.notes[0]


def test_a_format_without_a_parser_is_a_note() -> None:
    assert "the format KLINGON can't be read" in read(PYTEST, file_format="klingon\x07".upper()).notes[0]


def test_a_hundred_thousand_nested_suites_do_no_harm() -> None:
    deep = b"<testsuite>" * 100_000 + b"<testcase name='x'/>" + b"</testsuite>" * 100_000
    assert read(deep, largest=10_000_000).total in {0, 1}


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<testsuite>{text}</testsuite>".encode()))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    read(data)


def test_reports_add_up() -> None:
    total = add_up([read(PYTEST), read(PYTEST), read(b""), read(b"")])
    assert (total.passed, total.failed, total.errors, total.skipped) == (2, 2, 2, 2)
    assert len(total.failures) == 4
    assert len(total.notes) == 1
    assert add_up([]) == TestReport()
