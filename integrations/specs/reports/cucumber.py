"""Cucumber's JSON: each scenario is one test case."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.specs.reports.cases import LONGEST_TIME, Case, CaseState, Content, UnreadableReport
from integrations.specs.reports.documents import json_value

WORST = ("failed", "ambiguous", "error", "undefined", "pending", "skipped", "untested")
STATES: Mapping[str, CaseState] = {
    "failed": CaseState.FAILED,
    "ambiguous": CaseState.ERROR,
    "error": CaseState.ERROR,
    "undefined": CaseState.ERROR,
}


def cucumber(data: bytes) -> Content:
    """Read the JSON of Cucumber (JVM, Ruby, JavaScript), godog or behave."""
    features = json_value(data)
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise UnreadableReport("this is not Cucumber's JSON: expected a list of features.")
    if features and not any("elements" in one or "keyword" in one for one in features):
        raise UnreadableReport("this is not Cucumber's JSON: its entries are no features.")
    return Content(_cases(features))


def _cases(features: list[dict[str, Any]]) -> Iterator[Case]:
    for feature in features:
        background: list[dict[str, Any]] = []
        for element in _objects(feature.get("elements")):
            steps = _steps(element)
            if element.get("type") == "background" or element.get("keyword") == "Background":
                background = steps  # it runs before each scenario, and its failure is that scenario's
                continue
            yield _scenario(f"{_text(feature.get('name'))}: {_text(element.get('name'))}", [*background, *steps])


def _scenario(name: str, steps: list[dict[str, Any]]) -> Case:
    results = [step["result"] if isinstance(step.get("result"), dict) else {} for step in steps]
    statuses = [_text(result.get("status")).lower() for result in results]
    worst = next((status for status in WORST if status in statuses), "passed" if "passed" in statuses else "skipped")
    state = STATES.get(worst, CaseState.PASSED if worst == "passed" else CaseState.SKIPPED)
    message = ""
    if state in {CaseState.FAILED, CaseState.ERROR}:
        place = statuses.index(worst)
        step = f"{_text(steps[place].get('keyword')).strip()} {_text(steps[place].get('name'))}".strip()
        said = results[place].get("error_message")
        text = "\n".join(map(_text, said)) if isinstance(said, list) else _text(said)
        message = "\n".join(part for part in (text.strip(), f"{worst}: {step}" if step else worst) if part)
    return Case(name=name, state=state, seconds=sum(map(_seconds, results)), message=message)


def _steps(element: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the steps with the hooks around the scenario and around each step."""
    found = _objects(element.get("before"))
    for step in _objects(element.get("steps")):
        found += [*_objects(step.get("before")), step, *_objects(step.get("after"))]
    return [*found, *_objects(element.get("after"))]


def _seconds(result: Mapping[str, Any]) -> float:
    """Read a duration: Cucumber writes whole nanoseconds, behave seconds with a fraction."""
    duration = result.get("duration", 0)
    if isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 <= duration < 1e18:
        return 0.0
    seconds = duration / 1e9 if isinstance(duration, int) else duration
    return seconds if math.isfinite(seconds) and seconds < LONGEST_TIME else 0.0


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
