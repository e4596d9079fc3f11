"""Reads CodeBuild's test and coverage reports: pure.

Shapes: API model of CodeBuild, "Report" and "TestCase"; User Guide, "Working with test reporting".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.core.model import Coverage, FailedTest, SlowTest, TestReport
from bot.core.wording import say
from integrations.aws.answers import Answer
from integrations.specs.reports import add_up
from integrations.specs.reports.cases import clean
from integrations.specs.reports.reading import LONGEST_MESSAGE, LONGEST_NAME, MOST_FAILURES, MOST_SLOW

PAGE = 100
"""Cases that one DescribeTestCases gives at most; of a report that small all are read, of a bigger one the bad ones."""
_BAD = ("FAILED", "ERROR")


def unfinished(reports: Iterable[Answer]) -> bool:
    """Tell whether a report is still being made."""
    return any(report.get("status") == "GENERATING" for report in reports)


def wanted_cases(reports: Iterable[Answer]) -> list[tuple[str, str | None]]:
    """Say which cases to ask for: a report's ARN, and the status to filter by, None for all."""
    found: list[tuple[str, str | None]] = []
    for report in reports:
        counts = _counts(report)
        bad = [status for status in _BAD if counts.get(status)]
        if bad and sum(counts.values()) <= PAGE:
            found.append((report["arn"], None))
        else:
            found += [(report["arn"], status) for status in bad]
    return found


def read_tests(
    reports: Sequence[Answer], cases: Mapping[str, Sequence[Answer]], gone: Sequence[str] = ()
) -> TestReport | None:
    """Add reports up; `cases` by the report's ARN; `gone` are ARNs that CodeBuild no longer knows. None without any."""
    read = [_read(report, cases.get(report["arn"], ())) for report in reports]
    if gone:
        read.append(TestReport(notes=(say("aws.report.gone", n=len(gone)),)))
    return add_up(read) if read else None


def _read(report: Answer, cases: Sequence[Answer]) -> TestReport:
    if report.get("type") == "CODE_COVERAGE":
        return TestReport(coverage=_coverage(report.get("codeCoverageSummary", {})), notes=tuple(_notes(report)))
    counts = _counts(report)
    bad = sorted((case for case in cases if case.get("status") in _BAD), key=lambda case: case["status"] != "FAILED")
    slow = sorted(cases, key=lambda case: -case.get("durationInNanoSeconds", 0))[:MOST_SLOW]
    whole = len(cases) >= sum(counts.values())
    return TestReport(
        passed=counts.get("SUCCEEDED", 0),
        failed=counts.get("FAILED", 0),
        errors=counts.get("ERROR", 0),
        skipped=counts.get("SKIPPED", 0) + counts.get("UNKNOWN", 0),
        seconds=_seconds(report.get("testSummary", {})),
        failures=tuple(
            FailedTest(name=_name(case), message=clean(case.get("message", "")).strip()[:LONGEST_MESSAGE])
            for case in bad[:MOST_FAILURES]
        ),
        slowest=tuple(SlowTest(name=_name(case), seconds=_seconds(case)) for case in slow if _seconds(case) > 0)
        if whole
        else (),
        notes=tuple(_notes(report)),
    )


def _counts(report: Answer) -> Mapping[str, int]:
    counts: Mapping[str, int] = report.get("testSummary", {}).get("statusCounts", {})
    return counts


def _notes(report: Answer) -> Iterable[str]:
    name = report.get("name", "")
    if report.get("status") == "INCOMPLETE":
        yield say("aws.report.incomplete", name=name)
    if report.get("truncated"):
        yield say("aws.report.truncated", name=name)
    if unknown := _counts(report).get("UNKNOWN"):
        yield say("aws.report.unknown", name=name, n=unknown)


def _coverage(summary: Answer) -> Coverage | None:
    covered, missed = summary.get("linesCovered"), summary.get("linesMissed")
    if covered is None or missed is None:
        return None
    some, more = summary.get("branchesCovered") or 0, summary.get("branchesMissed") or 0
    if not some + more:
        return Coverage(covered=covered, total=covered + missed)
    return Coverage(covered=covered, total=covered + missed, branches_covered=some, branches_total=some + more)


def _name(case: Answer) -> str:
    """Name a case; its prefix is what the framework groups by, as JUnit's class."""
    name, prefix = str(case.get("name", "")), str(case.get("prefix", ""))
    whole = name if not prefix or name.startswith(prefix) else f"{prefix}.{name}"
    return " ".join(clean(whole).split())[:LONGEST_NAME]


def _seconds(timed: Answer) -> float:
    return round(float(timed.get("durationInNanoSeconds") or 0) / 1e9, 3)
