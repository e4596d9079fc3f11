"""TestNG's own XML (`testng-results`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from integrations.specs.reports.cases import Case, CaseState, Content, seconds_in
from integrations.specs.reports.documents import plain, text_of, xml

# testng.org, "Test results", "XML reports".
STATES: Mapping[str, CaseState] = {
    "PASS": CaseState.PASSED,
    "SUCCESS_PERCENTAGE_FAILURE": CaseState.PASSED,
    "FAIL": CaseState.FAILED,
}


def testng(data: bytes) -> Content:
    """Read TestNG's report; methods that only set up or tear down count if they failed."""
    return Content(_cases(xml(data, "a TestNG report", "testng-results", "suite")))


def _cases(root: Element) -> Iterator[Case]:
    for group in root.iter():
        if plain(group) != "class":
            continue
        for method in group:
            if plain(method) != "test-method":
                continue
            state = STATES.get(method.get("status", "").upper(), CaseState.SKIPPED)
            if method.get("is-config", "").lower() == "true":
                if state is not CaseState.FAILED:
                    continue
                state = CaseState.ERROR
            name = (method.get("name") or "(without a name)") + _parameters(method)
            yield Case(
                name=f"{group.get('name')}.{name}" if group.get("name") else name,
                state=state,
                seconds=seconds_in(method.get("duration-ms"), 0.001),
                message=_message(method) if state in {CaseState.FAILED, CaseState.ERROR} else "",
            )


def _parameters(method: Element) -> str:
    """Give a data provider's values, which tell the runs of one method apart."""
    values = [text_of(one, "value") for child in method if plain(child) == "params" for one in child]
    return f"({', '.join(values)[:100]})" if values else ""


def _message(method: Element) -> str:
    for child in method:
        if plain(child) == "exception":
            kind, message = child.get("class") or "", text_of(child, "message")
            head = f"{kind}: {message}" if kind and message else message or kind
            return "\n".join(part for part in (head, text_of(child, "full-stacktrace", "short-stacktrace")) if part)
    return ""
