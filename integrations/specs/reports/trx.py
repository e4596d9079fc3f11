"""Visual Studio's TRX (`TestRun`), as `dotnet test` and MSTest write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from integrations.specs.reports.cases import LONGEST_TIME, Case, CaseState, Content
from integrations.specs.reports.documents import plain, text_of, xml

# vstst.xsd: TestOutcome. What did not run counts as skipped.
STATES: Mapping[str, CaseState] = {
    "passed": CaseState.PASSED,
    "passedbutrunaborted": CaseState.PASSED,
    "warning": CaseState.PASSED,
    "completed": CaseState.PASSED,
    "failed": CaseState.FAILED,
    "error": CaseState.ERROR,
    "timeout": CaseState.ERROR,
    "aborted": CaseState.ERROR,
    "disconnected": CaseState.ERROR,
}
RESULTS = frozenset({"UnitTestResult", "TestResult", "GenericTestResult", "WebTestResult", "ManualTestResult",
                     "TestResultAggregation"})  # fmt: skip
DURATION = re.compile(r"(?:(\d{1,5})\.)?(\d{1,3}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


def trx(data: bytes) -> Content:
    """Read a TRX file; of a data-driven test its rows count, not their sum."""
    root = xml(data, "a TRX report", "TestRun")
    return Content(_cases(root, _classes(root)))


def _classes(root: Element) -> dict[str, str]:
    """Map a test's id to its class."""
    found: dict[str, str] = {}
    for test in root.iter():
        if plain(test) == "UnitTest":
            for child in test:
                if plain(child) == "TestMethod" and child.get("className"):
                    # An assembly-qualified name: the class stands before the first comma.
                    found[test.get("id") or ""] = (child.get("className") or "").partition(",")[0].strip()
    return found


def _cases(root: Element, classes: Mapping[str, str]) -> Iterator[Case]:
    for element in root.iter():
        if plain(element) not in RESULTS or any(plain(child) == "InnerResults" for child in element):
            continue
        state = STATES.get((element.get("outcome") or "").lower(), CaseState.SKIPPED)
        name, group = element.get("testName") or "(without a name)", classes.get(element.get("testId") or "", "")
        yield Case(
            name=f"{group}.{name}" if group and not name.startswith(group) else name,
            state=state,
            seconds=_seconds(element.get("duration") or ""),
            message=_message(element) if state in {CaseState.FAILED, CaseState.ERROR} else "",
        )


def _seconds(text: str) -> float:
    """Read `[days.]hours:minutes:seconds`."""
    found = DURATION.fullmatch(text)
    if found is None:
        return 0.0
    days, hours, minutes, seconds = found.groups()
    total = int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return total if total < LONGEST_TIME else 0.0


def _message(element: Element) -> str:
    for output in element:
        for error in output if plain(output) == "Output" else ():
            if plain(error) == "ErrorInfo":
                return "\n".join(part for part in (text_of(error, "Message"), text_of(error, "StackTrace")) if part)
    return ""
