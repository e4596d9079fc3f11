"""NUnit's XML: version 2 (`test-results`) and version 3 (`test-run`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from integrations.specs.reports.cases import Case, CaseState, Content, seconds_in
from integrations.specs.reports.documents import plain, text_of, xml

# NUnit 2: nunit_schema_2.5.xsd; NUnit 3: docs.nunit.org, "Test Result XML Format". What says nothing of the code
# under test (ignored, explicit, inconclusive) counts as skipped.
STATES: Mapping[str, CaseState] = {
    "success": CaseState.PASSED,
    "passed": CaseState.PASSED,
    "warning": CaseState.PASSED,
    "failure": CaseState.FAILED,
    "failed": CaseState.FAILED,
    "error": CaseState.ERROR,
    "invalid": CaseState.ERROR,
    "cancelled": CaseState.ERROR,
    "notrunnable": CaseState.ERROR,
}
LABELS = frozenset({"error", "invalid", "cancelled", "notrunnable"})
"""Labels by which NUnit 3 tells a failure that is no failed assertion."""


def nunit(data: bytes) -> Content:
    """Read either version: reports are often declared as the other one."""
    return Content(_cases(xml(data, "an NUnit report", "test-results", "test-run", "test-suite")))


def _cases(root: Element) -> Iterator[Case]:
    for element in root.iter():
        if plain(element) == "test-case":
            yield _case(element)


def _case(element: Element) -> Case:
    result, label = (element.get("result") or "").lower(), (element.get("label") or "").lower()
    if not result:  # NUnit 2.4 and its imitators only say `executed` and `success`
        ran, well = (element.get(name, "").lower() for name in ("executed", "success"))
        result = "skipped" if ran == "false" else "failed" if well == "false" else "passed"
    state = STATES.get(result, CaseState.SKIPPED)
    if state is CaseState.FAILED and label in LABELS:
        state = CaseState.ERROR
    return Case(
        name=element.get("fullname") or element.get("name") or "(without a name)",
        state=state,
        seconds=seconds_in(element.get("duration") or element.get("time")),
        message=_message(element) if state in {CaseState.FAILED, CaseState.ERROR} else "",
    )


def _message(element: Element) -> str:
    for child in element:
        if plain(child) in {"failure", "reason"}:
            parts = [text_of(child, "message"), text_of(child, "stack-trace")]
            return "\n".join(part for part in parts if part)
    return ""
