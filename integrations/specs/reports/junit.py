"""JUnit XML, as the many tools write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import junitparser

from integrations.specs.reports.cases import Case, CaseState, Content, seconds_in
from integrations.specs.reports.documents import xml


def junit(data: bytes) -> Content:
    """Read JUnit XML; nested suites are read flat."""
    return Content(_cases(xml(data, "JUnit XML", "testsuite", "testsuites")))


def _cases(root: Element) -> Iterator[Case]:
    for element in root.iter("testcase"):
        yield _case(element)


def _case(element: Element) -> Case:
    classname, name = element.get("classname") or "", element.get("name") or "(without a name)"
    # Most cases are empty, which says that they passed.
    results = junitparser.TestCase.fromelem(element).result if len(element) else []  # type: ignore[no-untyped-call]
    state, found = CaseState.PASSED, None
    for kind, worse in (
        (junitparser.Skipped, CaseState.SKIPPED),
        (junitparser.Failure, CaseState.FAILED),
        (junitparser.Error, CaseState.ERROR),
    ):
        for result in results:
            if isinstance(result, kind):
                state, found = worse, result
    return Case(
        name=f"{classname}.{name}" if classname and not name.startswith(classname) else name,
        state=state,
        seconds=seconds_in(element.get("time")),
        message=_message(found.message or "", found.text or "") if found is not None else "",
    )


def _message(message: str, text: str) -> str:
    """Put first what says most: the given message, pytest's `E` line, the line naming an error, or the text."""
    if message.strip():
        return message
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [line.strip()[1:].strip() for line in lines if re.match(r"\s*E\s{2,}\S", line)]
    naming = [line.strip() for line in lines if re.match(r"\s*[\w.]*(Error|Exception|Failure)\b", line)]
    head = next(iter([*marked, *naming[-1:]]), "")
    return f"{head}\n{text}" if head else text.strip()
