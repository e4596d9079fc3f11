"""Every report format as its tools really write it, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.model import Coverage, TestReport
from integrations.specs.reports import add_up, parse_report, read_report
from integrations.specs.reports.reading import PARSERS

NUNIT2 = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!--This file represents the results of running a test suite-->
<test-results name="/home/mock-assembly.dll" total="4" errors="1" failures="1" not-run="2" date="2010-10-18">
  <environment nunit-version="2.5.8.0" platform="Unix" />
  <test-suite type="Assembly" name="mock" executed="True" result="Failure" success="False" time="0.094">
    <results><test-suite type="TestFixture" name="MockTestFixture" executed="True" result="Failure"><results>
      <test-case name="NUnit.Tests.Mock.FailingTest" executed="True" result="Failure" success="False" time="0.023">
        <failure><message><![CDATA[Intentional failure]]></message>
          <stack-trace><![CDATA[at NUnit.Tests.Mock.FailingTest ()]]></stack-trace></failure></test-case>
      <test-case name="NUnit.Tests.Mock.Passing" executed="True" result="Success" success="True" time="1.5" />
      <test-case name="NUnit.Tests.Mock.Ignored" executed="False" result="Ignored">
        <reason><message><![CDATA[ignoring this test method for now]]></message></reason></test-case>
      <test-case name="NUnit.Tests.Mock.Broken" executed="True" result="Error" success="False" time="0,002">
        <failure><message>System.ApplicationException : Intentional</message></failure></test-case>
    </results></test-suite></results></test-suite></test-results>"""

NUNIT_OLD = """<test-results name="x"><test-suite name="a"><results>
<test-case name="A.one" executed="True" success="True" time="0.1"/>
<test-case name="A.two" executed="True" success="False" time="0.1"><failure><message>no</message></failure></test-case>
<test-case name="A.three" executed="False"/></results></test-suite></test-results>"""

NUNIT3 = """<?xml version="1.0" encoding="utf-8"?>
<test-run id="0" testcasecount="6" result="Failed" total="6" passed="2" failed="2" inconclusive="1" skipped="1"
  engine-version="3.9.0.0" duration="0.15">
 <command-line><![CDATA[nunit3-console mock.dll]]></command-line>
 <test-suite type="Assembly" id="0-1" name="mock.dll" result="Failed">
  <test-suite type="ParameterizedMethod" name="Adds">
   <test-case id="0-2" name="Adds(1,2)" fullname="Cart.Adds(1,2)" result="Passed" duration="0.033" asserts="1" />
   <test-case id="0-3" name="Warns" fullname="Cart.Warns" result="Warning" duration="0.001" />
  </test-suite>
  <test-case id="0-4" name="Fails" fullname="Cart.Fails" result="Failed" duration="0.02">
   <failure><message><![CDATA[  Expected: 7
  But was:  19]]></message><stack-trace><![CDATA[at Cart.Fails() in /src/Cart.cs:line 12]]></stack-trace></failure>
   <output><![CDATA[some output]]></output></test-case>
  <test-case id="0-5" name="Breaks" fullname="Cart.Breaks" result="Failed" label="Error" duration="0.01">
   <failure><message>System.Exception : boom</message></failure></test-case>
  <test-case id="0-6" name="Later" fullname="Cart.Later" result="Skipped" label="Ignored" duration="0">
   <reason><message>later</message></reason></test-case>
  <test-case id="0-7" name="Unsure" fullname="Cart.Unsure" result="Inconclusive" duration="0" />
 </test-suite></test-run>"""

TESTNG = """<?xml version="1.0" encoding="UTF-8"?>
<testng-results ignored="0" total="4" passed="2" failed="1" skipped="1"><reporter-output></reporter-output>
 <suite started-at="2024-01-09T14:07:45Z" name="All" duration-ms="120"><groups/>
  <test name="unit" duration-ms="120"><class name="com.example.CartTest">
   <test-method is-config="true" signature="setUp()" name="setUp" status="PASS" duration-ms="20"/>
   <test-method signature="adds(int)" name="adds" status="PASS" duration-ms="1500" data-provider="numbers">
    <params><param index="0"><value><![CDATA[1]]></value></param><param index="1"><value>2</value></param></params>
   </test-method>
   <test-method signature="adds(int)" name="adds" status="PASS" duration-ms="5"/>
   <test-method signature="taxes()" name="taxes" status="FAIL" duration-ms="11">
    <exception class="java.lang.AssertionError"><message><![CDATA[expected [7] but found [19]]]></message>
     <full-stacktrace><![CDATA[java.lang.AssertionError: expected [7] but found [19]
	at com.example.CartTest.taxes(CartTest.java:17)]]></full-stacktrace></exception><reporter-output/></test-method>
   <test-method signature="later()" name="later" status="SKIP" duration-ms="0"/>
   <test-method is-config="true" signature="tearDown()" name="tearDown" status="FAIL" duration-ms="1">
    <exception class="java.io.IOException"/></test-method>
  </class></test></suite></testng-results>"""

TRX = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<TestRun id="7b" name="ci" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
 <Times creation="2024-05-01T10:00:00" /><Results>
  <UnitTestResult testId="t1" testName="Adds" duration="00:00:01.5000000" outcome="Passed" />
  <UnitTestResult testId="t2" testName="Shop.Cart.Taxes" duration="00:00:00.0110000" outcome="Failed"><Output>
   <StdOut>hello</StdOut><ErrorInfo><Message>Assert.Equal() Failure: Values differ</Message>
   <StackTrace>at Shop.Cart.Taxes() in /src/Cart.cs:line 9</StackTrace></ErrorInfo></Output></UnitTestResult>
  <UnitTestResult testId="t3" testName="Later" outcome="NotExecuted" />
  <UnitTestResult testId="t4" testName="Rows" outcome="Failed" resultType="DataDrivenTest"><InnerResults>
   <UnitTestResult testId="t4" testName="Rows (1)" outcome="Passed" duration="00:00:00.1" />
   <UnitTestResult testId="t4" testName="Rows (2)" outcome="Timeout" duration="1.00:00:00.0" />
  </InnerResults></UnitTestResult></Results>
 <TestDefinitions><UnitTest name="Adds" id="t1"><TestMethod codeBase="s.dll" className="Shop.Cart, s"/></UnitTest>
  <UnitTest name="Rows" id="t4"><TestMethod className="Shop.Cart" name="Rows"/></UnitTest></TestDefinitions>
 <ResultSummary outcome="Failed"><Counters total="5" passed="2"/></ResultSummary></TestRun>"""

PASSED = {"status": "passed", "duration": 1_500_000_000}
BACKGROUND = {"type": "background", "keyword": "Background", "name": "", "steps": [
    {"keyword": "Given ", "name": "a shop", "result": {"status": "passed", "duration": 1}}]}  # fmt: skip
CUCUMBER = [{"uri": "cart.feature", "keyword": "Feature", "name": "Cart", "elements": [
    BACKGROUND,
    {"type": "scenario", "keyword": "Scenario", "name": "adds", "steps": [
        {"keyword": "When ", "name": "I add", "result": PASSED}], "after": [{"result": {"status": "passed"}}]},
    BACKGROUND,
    {"type": "scenario", "keyword": "Scenario", "name": "taxes", "steps": [
        {"keyword": "Then ", "name": "I pay 7", "result": {"status": "failed", "duration": 3,
                                                           "error_message": "expected 7, got 19"}},
        {"keyword": "And ", "name": "more", "result": {"status": "skipped"}}]},
    {"type": "scenario", "keyword": "Scenario Outline", "name": "undefined",
     "steps": [{"keyword": "Given ", "name": "x", "result": {"status": "undefined"}}]},
    {"type": "scenario", "keyword": "Scenario", "name": "later",
     "steps": [{"keyword": "Given ", "name": "y", "result": {"status": "pending"}}]},
]}]  # fmt: skip
BEHAVE = [{"keyword": "Feature", "name": "Cart", "status": "failed", "elements": [
    {"type": "background", "keyword": "Background", "name": "", "steps": [
        {"keyword": "Given", "name": "db", "result": {"status": "failed", "duration": 0.5,
                                                       "error_message": ["Assertion Failed:", "no db"]}}]},
    {"type": "scenario", "keyword": "Scenario", "name": "adds", "status": "failed", "steps": [
        {"keyword": "When", "name": "I add"}]}]}]  # fmt: skip


def read(file_format: str, data: str | bytes | object, largest: int = 10_000_000) -> TestReport:
    text = data if isinstance(data, str | bytes) else json.dumps(data)
    return parse_report(text.encode() if isinstance(text, str) else text, "r", file_format, largest)


def counts(report: TestReport) -> tuple[int, int, int, int]:
    assert report.notes == ()
    return report.passed, report.failed, report.errors, report.skipped


@pytest.mark.parametrize(
    ("file_format", "data", "expected", "failure"),
    [
        ("NUNITXML", NUNIT2, (1, 1, 1, 1), ("NUnit.Tests.Mock.FailingTest", "Intentional failure\nat NUnit.Tests")),
        ("NUNIT3XML", NUNIT2, (1, 1, 1, 1), ("NUnit.Tests.Mock.FailingTest", "Intentional failure")),
        ("NUNITXML", NUNIT_OLD, (1, 1, 0, 1), ("A.two", "no")),
        ("NUNIT3XML", NUNIT3, (2, 1, 1, 2), ("Cart.Fails", "Expected: 7\n  But was:  19\nat Cart.Fails() in /src")),
        ("TESTNGXML", TESTNG, (2, 1, 1, 1), ("com.example.CartTest.taxes", "java.lang.AssertionError: expected [7] b")),
        ("VISUALSTUDIOTRX", TRX, (2, 1, 1, 1), ("Shop.Cart.Taxes", "Assert.Equal() Failure: Values differ\nat Shop.")),
        ("CUCUMBERJSON", CUCUMBER, (1, 1, 1, 1), ("Cart: taxes", "expected 7, got 19\nfailed: Then I pay 7")),
        ("CUCUMBERJSON", BEHAVE, (0, 1, 0, 0), ("Cart: adds", "Assertion Failed:\nno db\nfailed: Given db")),
    ],
)
def test_tests_are_counted_and_the_first_failure_says_why(
    file_format: str, data: object, expected: tuple[int, int, int, int], failure: tuple[str, str]
) -> None:
    report = read(file_format, data)
    assert counts(report) == expected
    assert report.failures[0].name == failure[0]
    assert report.failures[0].message.startswith(failure[1])


@pytest.mark.parametrize(
    ("file_format", "data", "name", "seconds"),
    [
        ("NUNITXML", NUNIT2, "NUnit.Tests.Mock.Passing", 1.5),
        ("NUNIT3XML", NUNIT3, "Cart.Adds(1,2)", 0.033),
        ("TESTNGXML", TESTNG, "com.example.CartTest.adds(1, 2)", 1.5),
        ("VISUALSTUDIOTRX", TRX, "Shop.Cart.Rows (2)", 86_400.0),
        ("CUCUMBERJSON", CUCUMBER, "Cart: adds", 1.5),
        ("CUCUMBERJSON", BEHAVE, "Cart: adds", 0.5),
    ],
)
def test_the_slowest_test_is_named_with_its_seconds(file_format: str, data: object, name: str, seconds: float) -> None:
    report = read(file_format, data)
    assert (report.slowest[0].name, report.slowest[0].seconds) == (name, seconds)


def test_of_many_tests_the_five_slowest_are_kept_also_when_reports_are_added_up() -> None:
    cases = "".join(f"<testcase name='t{n}' time='{(n * 7) % 100}'/>" for n in range(100))
    report = read("JUNITXML", f"<testsuite>{cases}</testsuite>")
    assert [test.seconds for test in report.slowest] == [99, 98, 97, 96, 95]
    other = read("JUNITXML", "<testsuite><testcase name='slow' time='97.5'/></testsuite>")
    assert [test.seconds for test in add_up([report, other]).slowest] == [99, 98, 97.5, 97, 96]


def test_the_first_500_cases_of_a_file_are_kept_one_by_one() -> None:
    cases = "".join(f"<testcase name='t{n}'/>" for n in range(600))
    found = read_report(f"<testsuite>{cases}</testsuite>".encode(), "r", "JUNITXML", 1_000_000)
    assert (found.report.passed, len(found.cases), found.cases[499].name) == (600, 500, "t499")


COBERTURA = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage version="7.6" timestamp="1" lines-valid="200" lines-covered="175" line-rate="0.875" branches-valid="40"
 branches-covered="30" branch-rate="0.75" complexity="0"><sources/><packages/></coverage>"""
COBERTURA_OLD = """<coverage line-rate="0.5" branch-rate="0"><packages><package name="p"><classes><class name="a">
<methods><method name="m"><lines><line number="1" hits="9"/></lines></method></methods>
<lines><line number="1" hits="9"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/></lines>
</class></classes></package></packages></coverage>"""
JACOCO = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="shop">
<sessioninfo id="x" start="1" dump="2"/><package name="p"><counter type="LINE" missed="5" covered="5"/></package>
<counter type="INSTRUCTION" missed="50" covered="250"/><counter type="BRANCH" missed="2" covered="6"/>
<counter type="LINE" missed="25" covered="75"/></report>"""
JACOCO_GROUPS = """<report name="all"><group name="a"><package name="p"><counter type="LINE" missed="5" covered="5"/>
<class name="c"><counter type="LINE" missed="5" covered="5"/></class></package></group><group name="b">
<package name="q"><counter type="LINE" missed="0" covered="10"/></package></group></report>"""
CLOVER = """<?xml version="1.0"?><coverage generated="1" clover="3.2.0"><project timestamp="1" name="All">
<metrics statements="80" coveredstatements="60" conditionals="10" coveredconditionals="5" methods="1"
 coveredmethods="1" elements="91" coveredelements="66"/><file name="a.js"><metrics statements="80"
 coveredstatements="60"/></file></project></coverage>"""
CLOVER_PHP = """<coverage generated="1"><project timestamp="1"><package name="P"><file name="/a.php"><metrics
 statements="4" coveredstatements="4"/></file></package><metrics files="1" loc="10" ncloc="9" classes="1" methods="1"
 conditionals="0" coveredconditionals="0" statements="4" coveredstatements="3" elements="5"/></project></coverage>"""
RESULTSET = {
    "RSpec": {"coverage": {"/a.rb": {"lines": [1, None, 0, 3], "branches": {
        "[:if, 0]": {"[:then, 1]": 2, "[:else, 2]": 0}}}}, "timestamp": 1},
    "Minitest": {"coverage": {"/a.rb": {"lines": [0, None, 4, 0]}, "/b.rb": {"lines": [0, "ignored"]}}, "timestamp": 1},
}  # fmt: skip
SIMPLECOV_OLD = {"RSpec": {"coverage": {"/a.rb": [1, None, 0]}, "timestamp": 1}}
SIMPLECOV_JSON = {"meta": {"simplecov_version": "0.22.0"}, "coverage": {"/a.rb": {"lines": [1, 0, None, "ignored"],
                  "branches": [{"type": "then", "coverage": 1}, {"type": "else", "coverage": 0}]}}}  # fmt: skip


@pytest.mark.parametrize(
    ("file_format", "data", "expected"),
    [
        ("COBERTURAXML", COBERTURA, (175, 200, 30, 40)),
        ("COBERTURAXML", COBERTURA_OLD, (1, 2, None, None)),
        ("JACOCOXML", JACOCO, (75, 100, 6, 8)),
        ("JACOCOXML", JACOCO_GROUPS, (15, 20, None, None)),
        ("CLOVERXML", CLOVER, (60, 80, 5, 10)),
        ("CLOVERXML", CLOVER_PHP, (3, 4, None, None)),
        ("SIMPLECOV", RESULTSET, (3, 4, 1, 2)),
        ("SIMPLECOV", SIMPLECOV_OLD, (1, 2, None, None)),
        ("SIMPLECOV", SIMPLECOV_JSON, (1, 2, 1, 2)),
    ],
)
def test_coverage_is_read(file_format: str, data: object, expected: tuple[Any, ...]) -> None:
    report = read(file_format, data)
    assert counts(report) == (0, 0, 0, 0)
    covered, total, some, every = expected
    assert report.coverage == Coverage(covered=covered, total=total, branches_covered=some, branches_total=every)


def test_coverage_of_several_files_adds_up() -> None:
    found = add_up([read("JACOCOXML", JACOCO), read("COBERTURAXML", COBERTURA), read("CLOVERXML", CLOVER_PHP)])
    assert found.coverage == Coverage(covered=253, total=304, branches_covered=36, branches_total=48)
    assert found.coverage.percent == pytest.approx(83.22, abs=0.01)


GOOD = {"NUNITXML": NUNIT2, "NUNIT3XML": NUNIT3, "TESTNGXML": TESTNG, "VISUALSTUDIOTRX": TRX, "JACOCOXML": JACOCO,
        "CUCUMBERJSON": json.dumps(CUCUMBER), "COBERTURAXML": COBERTURA, "CLOVERXML": CLOVER,
        "SIMPLECOV": json.dumps(RESULTSET), "JUNITXML": "<testsuite><testcase name='a'/></testsuite>"}  # fmt: skip
BOMB = """<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><{root}>&b;</{root}>"""
STRANGE_JSON: list[object] = [{}, [], 1, None, [1], [{"elements": 3}], [{"x": 1}], {"coverage": []},
    {"a": {"coverage": 1}},
    {"coverage": {"f": {"lines": [True, -1, 1.5, "x", [], {}]}}}, [{"elements": [{"steps": [{"result": 7}]}]}],
    [{"keyword": 1, "elements": [{"name": [], "steps": [{"result": {"status": 3, "duration": 10**30}}]}]}],
    {"coverage": {"f": {"lines": [10**400]}}}]  # fmt: skip


def test_every_format_of_a_buildspec_has_a_parser_and_a_fixture() -> None:
    assert set(PARSERS) == set(GOOD)


@pytest.mark.parametrize("file_format", sorted(PARSERS))
def test_whatever_stands_in_a_report_file_gives_a_report_or_a_note(file_format: str) -> None:
    whole = GOOD[file_format].encode()
    assert read(file_format, whole).notes == ()
    for cut in range(1, len(whole) - 30, 97):  # what a test run that was killed leaves
        assert len(read(file_format, whole[:cut]).notes) == 1, cut
    for data in (*GOOD.values(), *(BOMB.format(root=root) for root in ("testsuite", "report", "TestRun", "coverage"))):
        found = read(file_format, data)
        assert found.notes or found.total or found.coverage
    for value in STRANGE_JSON:
        read(file_format, value)


@pytest.mark.parametrize("file_format", sorted(PARSERS))
def test_enormous_reports_are_refused_before_they_take_memory(file_format: str) -> None:
    for data in (
        b"<a>" * 700_000,
        b"[" * 700_000,
        b"<a/>" * 350_000,
        b'<a b="' + b"x" * 2_000_000 + b'"/>',
        b"[" * 900,
    ):
        assert read(file_format, data).notes
    assert "more than 1,000 bytes" in read(file_format, b"x" * 1001, largest=1000).notes[0]


@pytest.mark.parametrize("roots", ["report", "coverage", "test-run", "testng-results", "TestRun"])
def test_an_external_dtd_is_never_fetched_and_entities_are_refused(roots: str, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    data = f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]><{roots}>&x;</{roots}>'
    for file_format in PARSERS:
        report = read(file_format, data)
        assert report.notes
        assert "hunter2" not in report.model_dump_json()


@settings(deadline=None, max_examples=60)  # the machine may be busy
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_damaged_report_never_raises(file_format: str, data: st.DataObject) -> None:
    whole = GOOD[file_format].encode()
    at = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(max_size=20))
    gone = data.draw(st.integers(0, 40))
    report = read(file_format, whole[:at] + more + whole[at + gone :])
    assert len(report.notes) <= 1
