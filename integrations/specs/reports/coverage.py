"""Coverage reports: Cobertura, JaCoCo, Clover and SimpleCov."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import Element

from integrations.specs.reports.cases import Content, UnreadableReport, count_in, coverage
from integrations.specs.reports.documents import json_value, xml


def cobertura(data: bytes) -> Content:
    """Read Cobertura's XML (coverage-04.dtd): the totals that it gives, or else its lines counted."""
    root = xml(data, "a Cobertura report", "coverage")
    if root.get("line-rate") is None and root.get("lines-valid") is None and not len(root.findall("packages")):
        raise UnreadableReport("this is not a Cobertura report: it has neither totals nor packages.")
    covered, total = count_in(root.get("lines-covered")), count_in(root.get("lines-valid"))
    if covered is None or total is None:
        hits = [count_in(line.get("hits")) or 0 for each in root.iter("class") for line in each.findall("lines/line")]
        covered, total = sum(hit > 0 for hit in hits), len(hits)
    branches = count_in(root.get("branches-covered")), count_in(root.get("branches-valid"))
    return Content(coverage=coverage(covered, total, branches))


def jacoco(data: bytes) -> Content:
    """Read JaCoCo's XML (report.dtd): the counters of the whole report, or else those of its packages added up."""
    root = xml(data, "a JaCoCo report", "report")
    at = [root] if _counters([root], "LINE") else [*root.iter("package")]
    lines, branches = _counters(at, "LINE"), _counters(at, "BRANCH")
    if not lines:
        raise UnreadableReport("it counts no lines; the classes may have been compiled without debug information.")
    return Content(coverage=coverage(*_added(lines), _added(branches) if branches else (None, None)))


def _counters(elements: Iterable[Element], kind: str) -> list[tuple[int, int]]:
    """Give (covered, total) of the counters of one kind that stand directly in the elements."""
    return [
        (covered, covered + missed)
        for element in elements
        for counter in element.findall("counter")
        if counter.get("type") == kind
        and (covered := count_in(counter.get("covered"))) is not None
        and (missed := count_in(counter.get("missed"))) is not None
    ]


def _added(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(some for some, _ in pairs), sum(every for _, every in pairs)


def clover(data: bytes) -> Content:
    """Read Clover's XML: statements are its lines, conditionals its branches."""
    root = xml(data, "a Clover report", "coverage")
    found = [metrics for project in root.findall("project") for metrics in project.findall("metrics")]
    if not found:
        raise UnreadableReport("this is not a Clover report: it has no project with metrics.")
    lines = [(count_in(one.get("coveredstatements")), count_in(one.get("statements"))) for one in found]
    branches = [(count_in(one.get("coveredconditionals")), count_in(one.get("conditionals"))) for one in found]
    return Content(coverage=coverage(*_total(lines), _total(branches)))


def _total(pairs: list[tuple[int | None, int | None]]) -> tuple[int | None, int | None]:
    known = [(some, every) for some, every in pairs if some is not None and every is not None]
    return _added(known) if known else (None, None)


def simplecov(data: bytes) -> Content:
    """Read SimpleCov's JSON: `.resultset.json` or `coverage.json`; a file that several runs saw counts once."""
    files: dict[str, list[int | None]] = {}
    branches: dict[str, dict[str, int]] = {}
    known = False
    for found in _coverages(json_value(data)):
        known = True
        for file, seen in found.items():
            lines = seen.get("lines") if isinstance(seen, dict) else seen
            if isinstance(lines, list):
                files[file] = _merged(files.get(file, []), [_hits(line) for line in lines])
            for branch, hits in _branches(seen.get("branches") if isinstance(seen, dict) else None):
                kept = branches.setdefault(file, {})
                kept[branch] = kept.get(branch, 0) + hits
    if not known:
        raise UnreadableReport("this is not SimpleCov's JSON: expected an object with `coverage`.")
    counted = [hits for lines in files.values() for hits in lines if hits is not None]
    ways = [hits for file in branches.values() for hits in file.values()]
    pair = (sum(hits > 0 for hits in ways), len(ways)) if ways else (None, None)
    return Content(coverage=coverage(sum(hits > 0 for hits in counted), len(counted), pair))


def _coverages(value: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    for run in [value, *value.values()]:
        if isinstance(run, dict) and isinstance(run.get("coverage"), dict):
            yield run["coverage"]
            if run is value:
                return


def _hits(value: object) -> int | None:
    """Read how often a line ran; `null` is no code, and `"ignored"` is not to be counted."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else None


def _merged(one: list[int | None], other: list[int | None]) -> list[int | None]:
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    padded = [*shorter, *[None] * (len(longer) - len(shorter))]
    return [b if a is None else a if b is None else max(a, b) for a, b in zip(longer, padded, strict=True)]


def _branches(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for condition, ways in value.items():
            for way, hits in ways.items() if isinstance(ways, dict) else ():
                yield f"{condition}/{way}", _hits(hits) or 0
    elif isinstance(value, list):
        for place, way in enumerate(value):
            if isinstance(way, dict):
                yield str(place), _hits(way.get("coverage")) or 0
