"""Understands a build while it runs and at its end: its journal and the report files that its tests leave."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.core.errors import SaysoError
from bot.core.model import TestReport
from integrations.local.actions import BuildPhase, ErrorCode, Outcome, PhaseContext, Progress
from integrations.local.build_outputs import filled_in
from integrations.local.files import bases, matching
from integrations.specs.buildspec import Buildspec, Report
from integrations.specs.reports import Read, add_up, read_report

LARGEST_REPORT = 10_000_000
MOST_REPORTS = 500
MOST_BYTES = 50_000_000
"""Bytes of all reports of a build together; one that was written again counts again."""
MOST_CASES = 5000
"""Cases that are kept one by one, of all reports together."""


class BuildStory:
    """What a build's journal and report files say."""

    def __init__(self, source: Path, spec: Buildspec, plan: Mapping[str, Any]) -> None:
        """Take the source folder, the buildspec, and of the driver's plan what is told of it."""
        self.spec = spec
        self.number: int = plan["number"]
        self._source = source
        self._last: Mapping[str, Any] = {}
        self._due, self._next = False, 0.0
        self._now: TestReport | None = None
        self._seen: dict[Path, tuple[tuple[int, int], Read]] = {}
        self._bytes = 0
        began, prepared = map(_moment, plan["prepared"])
        self.phases = [
            BuildPhase(type="SUBMITTED", status="SUCCEEDED", started=began, finished=began),
            BuildPhase(type="DOWNLOAD_SOURCE", status="SUCCEEDED", started=began, finished=prepared),
        ]

    def read(self, event: Mapping[str, Any]) -> Progress | None:
        """Take an event; a phase or a command that begins is told at once."""
        if "texts" in event:
            self.spec = filled_in(self.spec, event["texts"])
            return None
        if event.get("done") or event.get("verdict") == "limit":
            self._end_phase(event)
        if event.get("done"):
            return None
        self._last = event
        self._due = self._due or "code" in event
        if "verdict" in event or "code" in event:
            return None
        if "command" not in event:
            self.phases.append(BuildPhase(type=event["phase"], status="IN_PROGRESS", started=_moment(event["at"])))
        command = one_line(event.get("command", ""))
        return Progress(detail=f"{event['phase']}: `{command}`" if command else event["phase"])

    def _end_phase(self, event: Mapping[str, Any]) -> None:
        if self.phases[-1].finished is not None:
            return
        status = "SUCCEEDED"
        contexts: tuple[PhaseContext, ...] = ()
        if (failure := event.get("failure")) is not None:
            status, contexts = "FAILED", (_context(failure),)
        elif event.get("verdict") == "limit":
            status = "TIMED_OUT" if event["limit"] == "time" else "FAILED"
            code = "BUILD_TIMED_OUT" if event["limit"] == "time" else "COMMAND_EXECUTION_ERROR"
            contexts = (PhaseContext(status_code=code, message=_broken(event)),)
        ended = {"status": status, "finished": _moment(event["at"]), "contexts": contexts}
        self.phases[-1] = self.phases[-1].model_copy(update=ended)

    def uploaded(self, began: float, ended: float, problem: str) -> None:
        """Note that the artifacts were taken from `began` to `ended`, or why they could not be."""
        contexts = (PhaseContext(status_code="CLIENT_ERROR", message=problem),) if problem else ()
        self.phases.append(
            BuildPhase(
                type="UPLOAD_ARTIFACTS",
                status="FAILED" if problem else "SUCCEEDED",
                started=_moment(began),
                finished=_moment(ended),
                contexts=contexts,
            )
        )

    def completed(self, at: float) -> None:
        """Note the end."""
        self.phases.append(BuildPhase(type="COMPLETED", status="SUCCEEDED", started=_moment(at)))

    def look(self) -> Progress | None:
        """Read the reports that are there already: after each command, and now and then while one runs.

        Looking through a big source folder takes time; it may take a twentieth of the build's.
        """
        began = time.monotonic()
        if self._due or began >= self._next:
            self._due = False
            self._now = self.tests()
            self._next = time.monotonic() + max(2.0, 20 * (time.monotonic() - began))
        return Progress(tests=self._now, phases=tuple(self.phases), build_number=self.number)

    def verdict(self, exit_code: int | None) -> tuple[Outcome, str]:
        """Tell how the build ended, by its journal's last line."""
        match self._last.get("verdict"):
            case "succeeded" if exit_code == 0:
                return Outcome.SUCCEEDED, ""
            case "failed":
                phase, command, code = (self._last[key] for key in ("phase", "command", "code"))
                full = "; the disk is full" if self._last.get("full") else ""
                return Outcome.FAILED, f"{phase}: `{one_line(command)}` ended with exit code {code}{full}"
            case "limit":
                at = f"{self._last['phase']}: `{one_line(self._last['command'])}` " if "command" in self._last else ""
                return Outcome.FAILED, f"{at}{_broken(self._last)}"
        if exit_code is None:
            return Outcome.INTERRUPTED, "Interrupted: the build's process was ended by somebody else."
        return Outcome.FAILED, f"The build could not be carried out (exit code {exit_code}); its log says why."

    @property
    def code(self) -> ErrorCode:
        """Give what CodePipeline calls its failure."""
        timed_out = self._last.get("verdict") == "limit" and self._last["limit"] == "time"
        return ErrorCode.TIMED_OUT if timed_out else ErrorCode.JOB_FAILED

    def tests(self, *, final: bool = False) -> TestReport | None:
        """Add up the reports; `None` if the buildspec names none, or none is there yet and this is not the end."""
        if not self.spec.reports:
            return None
        found: list[TestReport] = []
        try:
            for group, report in self.spec.reports.items():
                files = self._files(report)
                found += [self._report(path, name, report.file_format) for name, path in files]
                if final and not files:
                    sentence = f"{group}: no report file matches {', '.join(report.files)} in {report.base_directory}."
                    found.append(TestReport(notes=(sentence,)))
                if final and len(files) == MOST_REPORTS:
                    sentence = f"{group}: only the first {MOST_REPORTS} report files were read."
                    found.append(TestReport(notes=(sentence,)))
        except (SaysoError, OSError) as problem:  # the commands are at work on these files just now
            found += [TestReport(notes=(str(problem),))] if final else []
        return add_up(found) if found else None

    def _read(self, path: Path, name: str, file_format: str) -> Read:
        stat = path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        if path not in self._seen or self._seen[path][0] != version:
            self._bytes += min(stat.st_size, LARGEST_REPORT)
            if self._bytes > MOST_BYTES:
                note = f"{name}: the reports together have more than {MOST_BYTES:,} bytes, and so it was not read."
                return Read(TestReport(notes=(note,)))
            with path.open("rb") as file:
                data = file.read(LARGEST_REPORT + 1)
            self._seen[path] = version, read_report(data, name, file_format, LARGEST_REPORT)
        return self._seen[path][1]

    def _report(self, path: Path, name: str, file_format: str) -> TestReport:
        return self._read(path, name, file_format).report

    def groups(self) -> list[dict[str, Any]]:
        """Give each report group with its cases one by one, as JSON; call it after `tests(final=True)`."""
        made: list[dict[str, Any]] = []
        room = MOST_CASES
        for group, report in self.spec.reports.items():
            read = [self._read(path, name, report.file_format) for name, path in self._files(report)]
            cases = [asdict(case) for one in read for case in one.cases][:room]
            room -= len(cases)
            whole = add_up(one.report for one in read)
            made.append({"name": group, "format": report.file_format, "cases": cases,
                         "report": whole.model_dump(mode="json")})  # fmt: skip
        return made

    def _files(self, report: Report) -> list[tuple[str, Path]]:
        folders = bases(self._source, report.base_directory)
        found = [one for folder in folders for one in matching(self._source, folder, report.files)]
        return found[:MOST_REPORTS]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _context(failure: Mapping[str, Any]) -> PhaseContext:
    """Say it as CodeBuild's own phase contexts do."""
    message = f"Error while executing command: {failure['command']}. Reason: exit status {failure['code']}"
    return PhaseContext(status_code="COMMAND_EXECUTION_ERROR", message=message)


def _broken(event: Mapping[str, Any]) -> str:
    match event["limit"]:
        case "time":
            return f"took too long; a build may take {event['most']} minutes in all"
        case "processes":
            return f"started too many processes; a build may have {event['most']:,} at once"
        case "memory":
            return f"used too much memory; a build may use {event['most'] // 1_000_000:,} MB in all"
        case "disk":
            return "was ended: the disk is full, and its log can't be written. Make room, then retry."
    return f"was ended: its log can't be written ({os.strerror(event['number'])})."


def one_line(command: str) -> str:
    """Show a command on one short line."""
    lines = [line for line in command.strip().splitlines() if line.strip()]
    head = lines[0].strip() if lines else ""
    return f"{head[:119]}…" if len(lines) > 1 or len(head) > 120 else head
