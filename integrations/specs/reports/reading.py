"""Reads one report file by its format and adds several up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.core.model import Coverage, FailedTest, SlowTest, TestReport
from integrations.specs.reports.cases import Case, CaseState, Content, UnreadableReport, clean
from integrations.specs.reports.coverage import clover, cobertura, jacoco, simplecov
from integrations.specs.reports.cucumber import cucumber
from integrations.specs.reports.junit import junit
from integrations.specs.reports.nunit import nunit
from integrations.specs.reports.testng import testng
from integrations.specs.reports.trx import trx

MOST_FAILURES = 20
MOST_NOTES = 10
MOST_SLOW = 5
MOST_CASES = 500
"""Cases of one file that are kept one by one (CodeBuild User Guide, "Quotas": test cases per report)."""
LONGEST_MESSAGE = 1000
LONGEST_NAME = 300

PARSERS: Mapping[str, Callable[[bytes], Content]] = {
    "JUNITXML": junit,
    "NUNITXML": nunit,
    "NUNIT3XML": nunit,
    "TESTNGXML": testng,
    "VISUALSTUDIOTRX": trx,
    "CUCUMBERJSON": cucumber,
    "COBERTURAXML": cobertura,
    "JACOCOXML": jacoco,
    "CLOVERXML": clover,
    "SIMPLECOV": simplecov,
}
"""buildspec's `file-format` to its parser, which raises `UnreadableReport`, also while its cases are gone through."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one report file says: summed up, and its first cases one by one."""

    report: TestReport
    cases: tuple[Case, ...] = ()


def parse_report(data: bytes, file: str, file_format: str, largest: int) -> TestReport:
    """Read one report file, summed up; see `read_report`."""
    return read_report(data, file, file_format, largest).report


def read_report(data: bytes, file: str, file_format: str, largest: int) -> Read:
    """Read one report file. More than `largest` bytes, a broken or hostile file give a report with only a note."""
    parser = PARSERS.get(file_format.upper())
    if parser is None:
        return _unread(file, f"reports of the format {clean(file_format)} can't be read.")
    if len(data) > largest:
        return _unread(file, f"the report has more than {largest:,} bytes, and so was not read.")
    if not data.strip():
        return _unread(file, "the report is empty.")
    try:
        content = parser(data)
        return _count(content.cases, content.coverage)
    except UnreadableReport as error:
        return _unread(file, str(error))


def _unread(file: str, why: str) -> Read:
    return Read(TestReport(notes=(f"{clean(file)}: {why}",)))


def add_up(reports: Iterable[TestReport]) -> TestReport:
    """Add reports up; the first failures and notes are kept, the same note once, and the slowest tests of all."""
    every = list(reports)
    notes = dict.fromkeys(note for report in every for note in report.notes)
    return TestReport(
        passed=sum(report.passed for report in every),
        failed=sum(report.failed for report in every),
        errors=sum(report.errors for report in every),
        skipped=sum(report.skipped for report in every),
        seconds=round(sum(report.seconds for report in every), 3),
        failures=tuple(failure for report in every for failure in report.failures)[:MOST_FAILURES],
        notes=tuple(notes)[:MOST_NOTES],
        slowest=_slowest(test for report in every for test in report.slowest),
        coverage=_covered([report.coverage for report in every if report.coverage is not None]),
    )


def _covered(found: list[Coverage]) -> Coverage | None:
    if not found:
        return None
    branches = [(c.branches_covered, c.branches_total) for c in found if c.branches_total is not None]
    return Coverage(
        covered=sum(one.covered for one in found),
        total=sum(one.total for one in found),
        branches_covered=sum(some or 0 for some, _ in branches) if branches else None,
        branches_total=sum(every or 0 for _, every in branches) if branches else None,
    )


def _slowest(tests: Iterable[SlowTest]) -> tuple[SlowTest, ...]:
    return tuple(sorted(tests, key=lambda test: -test.seconds)[:MOST_SLOW])


def _count(cases: Iterable[Case], coverage: Coverage | None) -> Read:
    counts = dict.fromkeys(CaseState, 0)
    kept: list[Case] = []
    failures: list[FailedTest] = []
    slow: list[SlowTest] = []
    seconds = 0.0
    for case in cases:
        counts[case.state] += 1
        seconds += case.seconds
        fails = case.state in {CaseState.FAILED, CaseState.ERROR} and len(failures) < MOST_FAILURES
        lags = case.seconds > 0 and (len(slow) < MOST_SLOW or case.seconds > slow[-1].seconds)
        if not (fails or lags or len(kept) < MOST_CASES):
            continue
        name = " ".join(clean(case.name).split())[:LONGEST_NAME]
        message = clean(case.message).strip()[:LONGEST_MESSAGE]
        if len(kept) < MOST_CASES:
            kept.append(Case(name, case.state, case.seconds, message))
        if fails:
            failures.append(FailedTest(name=name, message=message))
        if lags:
            slow = list(_slowest([*slow, SlowTest(name=name, seconds=round(case.seconds, 3))]))
    report = TestReport(
        passed=counts[CaseState.PASSED],
        failed=counts[CaseState.FAILED],
        errors=counts[CaseState.ERROR],
        skipped=counts[CaseState.SKIPPED],
        seconds=round(seconds, 3),
        failures=tuple(failures),
        slowest=tuple(slow),
        coverage=coverage,
    )
    return Read(report, tuple(kept))
