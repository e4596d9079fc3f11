"""Runs unittest tests and writes what happened as JUnit XML: `python3 -m tools.junit REPORT FOLDER`."""

from __future__ import annotations

import sys
import time
import unittest
from pathlib import Path
from types import TracebackType
from typing import Optional, Tuple, Type, Union  # Python 3.8 can't evaluate the newer spellings in an alias
from xml.etree import ElementTree as ET

ExcInfo = Union[
    Tuple[Type[BaseException], BaseException, Optional[TracebackType]],
    Tuple[None, None, None],
]


class JUnitResult(unittest.TestResult):
    """Collects one `<testcase>` per test and prints one line for each, as it happens."""

    def __init__(self) -> None:
        super().__init__()
        self.suite = ET.Element("testsuite", name="checkout")
        self.case: ET.Element | None = None
        self.began = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        """Open a case."""
        super().startTest(test)
        name = test.id().split(".")
        self.case = ET.SubElement(self.suite, "testcase", classname=".".join(name[:-1]), name=name[-1])
        self.began = time.perf_counter()

    def stopTest(self, test: unittest.TestCase) -> None:
        """Close a case: its time, and a line for whoever watches."""
        super().stopTest(test)
        assert self.case is not None
        self.case.set("time", f"{time.perf_counter() - self.began:.3f}")
        outcome = {"failure": "FAILED", "error": "BROKEN", "skipped": "skipped"}.get(
            self.case[0].tag if len(self.case) else "", "ok"
        )
        self.tell(outcome, self.case)
        self.case = None

    def addFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:
        """Note an assertion that does not hold."""
        super().addFailure(test, err)
        self.note("failure", err, self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: ExcInfo) -> None:
        """Note a test that broke; also a module that can't be imported, or a fixture outside any test."""
        super().addError(test, err)
        if self.case is None:
            self.case = ET.SubElement(self.suite, "testcase", classname="setup", name=str(test), time="0")
            self.note("error", err, self.errors[-1][1])
            self.tell("BROKEN", self.case)
            self.case = None
        else:
            self.note("error", err, self.errors[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note a test that was left out."""
        super().addSkip(test, reason)
        if self.case is not None:
            ET.SubElement(self.case, "skipped", message=reason)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: ExcInfo | None) -> None:
        """Note a subtest that failed with the test that it belongs to."""
        super().addSubTest(test, subtest, err)
        if err is not None and err[0] is not None:
            failed = issubclass(err[0], test.failureException)
            self.note("failure" if failed else "error", err, (self.failures if failed else self.errors)[-1][1])

    def note(self, tag: str, err: ExcInfo, trace: str) -> None:
        """Add a failure to the open case: the sentence as its message, the way there as its text."""
        assert self.case is not None
        kind = err[0].__name__ if err[0] else "Exception"
        # unittest puts its own comparison before our sentence, as `3 != 4 : the sentence`.
        message = str(err[1]).split(" : ", 1)[-1]
        ET.SubElement(self.case, tag, type=kind, message=message).text = trace

    def tell(self, outcome: str, case: ET.Element) -> None:
        """Print a finished case: one line, and one for each thing that went wrong."""
        print(f"{outcome:8}{case.get('name', '').replace('_', ' ')}", flush=True)
        for wrong in case:
            print(f"        {wrong.get('message')}", flush=True)

    def count(self, tag: str) -> int:
        """Count the cases that are marked `failure`, `error` or `skipped`."""
        return sum(case.find(tag) is not None for case in self.suite)

    def write(self, report: Path, seconds: float) -> None:
        """Write the report; makes its folder."""
        self.suite.set("tests", str(len(self.suite)))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            self.suite.set(attribute, str(self.count(tag)))
        self.suite.set("time", f"{seconds:.3f}")
        report.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(self.suite).write(report, encoding="utf-8", xml_declaration=True)


def run(tests: unittest.TestSuite, report: Path) -> int:
    """Run, report and give the exit code: 0 all well, 1 something failed, 5 there was nothing to run."""
    began = time.perf_counter()
    result = JUnitResult()
    tests.run(result)
    result.write(report, time.perf_counter() - began)
    total, skipped = len(result.suite), result.count("skipped")
    failed = result.count("failure") + result.count("error")
    # Once more at the end, where whoever only sees the log's last lines finds them.
    for case in result.suite:
        if case.find("failure") is not None or case.find("error") is not None:
            result.tell("FAILED", case)
    print(f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped", flush=True)
    if not total:
        return 5
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Usage: python3 -m tools.junit REPORT FOLDER")
    sys.exit(run(unittest.defaultTestLoader.discover(sys.argv[2], top_level_dir="."), Path(sys.argv[1])))
