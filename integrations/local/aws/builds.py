"""CodeBuild's operations that read: builds, their reports, test cases and coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.local.actions import BuildPhase
from integrations.local.aws import names
from integrations.local.aws.build_records import Build, Builds, Group, groups_of
from integrations.local.aws.endpoint import Operation
from integrations.local.aws.paging import Pages
from integrations.local.aws.pipeline_shapes import clipped
from integrations.local.aws.problems import Problem
from integrations.local.states import State

Given = Mapping[str, Any]
AT_ONCE = 100
STATUS: Mapping[State | None, str] = {
    None: "IN_PROGRESS", State.SUCCEEDED: "SUCCEEDED", State.FAILED: "FAILED", State.ABANDONED: "STOPPED",
    State.UNKNOWN: "FAULT",
}  # fmt: skip
CASE_STATUS = {"passed": "SUCCEEDED", "failed": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}


class BuildOperations:
    """What is offered of CodeBuild."""

    def __init__(self, builds: Builds, pages: Pages) -> None:
        self._builds, self._pages = builds, pages

    def table(self) -> dict[str, Operation]:
        """Give the operations by their names in the model."""
        return {
            "BatchGetBuilds": self.get, "ListBuilds": self.list, "ListBuildsForProject": self.list_of_project,
            "BatchGetReports": self.reports, "DescribeTestCases": self.cases,
            "DescribeCodeCoverages": self.coverages, "ListReportsForReportGroup": self.reports_of_group,
        }  # fmt: skip

    async def get(self, given: Given) -> Given:
        """BatchGetBuilds: by ids or ARNs."""
        wanted = {text: text.rpartition("build/")[2] for text in given["ids"]}
        found = await self._builds.find([id_.partition(":")[2] for id_ in wanted.values()])
        builds, missing = [], []
        for text, id_ in wanted.items():
            build = found.get(id_.partition(":")[2])
            if build is None or id_ != build.id:
                missing.append(text)
            else:
                builds.append(_build(build, await groups_of(build)))
        return {"builds": builds, "buildsNotFound": missing or None}

    async def list(self, given: Given) -> Given:
        """ListBuilds."""
        return await self._list("ListBuilds", given, None)

    async def list_of_project(self, given: Given) -> Given:
        """ListBuildsForProject; a project is known once it was built."""
        answer = await self._list("ListBuildsForProject", given, given["projectName"])
        if not answer["ids"] and "nextToken" not in given:
            raise Problem("ResourceNotFoundException", f"No build of a project {given['projectName']} is known here.")
        return answer

    async def _list(self, operation: str, given: Given, project: str | None) -> Given:
        after = self._pages.after(operation, given)
        descending = given.get("sortOrder", "DESCENDING") == "DESCENDING"
        found, more = await self._builds.page(after, limit=AT_ONCE, descending=descending, project=project)
        return {
            "ids": [build.id for build in found] or None,
            "nextToken": self._pages.token(operation, given, more),
        }

    async def reports(self, given: Given) -> Given:
        """BatchGetReports."""
        found, missing = [], []
        for arn in given["reportArns"]:
            report = await self._report(arn)
            if report is None:
                missing.append(arn)
            else:
                found.append(_report(*report))
        return {"reports": found or None, "reportsNotFound": missing or None}

    async def reports_of_group(self, given: Given) -> Given:
        """ListReportsForReportGroup; a page may be shorter than asked for, and another still follow."""
        name = given["reportGroupArn"].rpartition("report-group/")[2]
        after = self._pages.after("ListReportsForReportGroup", given)
        descending = given.get("sortOrder", "DESCENDING") == "DESCENDING"
        limit = given.get("maxResults", AT_ONCE)
        builds, more = await self._builds.page(after, limit=limit, descending=descending)
        arns = []
        for build in builds:
            groups = await groups_of(build) if name.startswith(f"{build.project}-") else []
            arns += [
                _report_arn(build, group)
                for group in groups
                if f"{build.project}-{group.name}" == name
                and given.get("filter", {}).get("status") in (None, _report_status(group))
            ]
        token = self._pages.token("ListReportsForReportGroup", given, more)
        return {"reports": arns or None, "nextToken": token}

    async def cases(self, given: Given) -> Given:
        """DescribeTestCases; the filter's keyword is looked for in the name."""
        report = await self._report(given["reportArn"])
        if report is None:
            raise Problem("ResourceNotFoundException", f"There is no report {given['reportArn']} on this machine.")
        asked = given.get("filter", {})
        fitting = [
            case
            for case in report[1].cases
            if asked.get("status") in (None, CASE_STATUS[case["state"]]) and asked.get("keyword", "") in case["name"]
        ]
        here, token = self._part("DescribeTestCases", given, fitting)
        found = [
            {
                "reportArn": given["reportArn"], "name": case["name"], "status": CASE_STATUS[case["state"]],
                "durationInNanoSeconds": int(case["seconds"] * 1e9), "message": clipped(case["message"]),
            }
            for case in here
        ]  # fmt: skip
        return {"testCases": found, "nextToken": token}

    async def coverages(self, given: Given) -> Given:
        """DescribeCodeCoverages: one line for all files, since the engine keeps only their sum."""
        report = await self._report(given["reportArn"])
        if report is None or report[1].report.coverage is None:
            raise Problem("InvalidInputException", f"There is no coverage report {given['reportArn']} on this machine.")
        percent = report[1].report.coverage.percent
        low, high = given.get("minLineCoveragePercentage", 0), given.get("maxLineCoveragePercentage", 100)
        whole = {"id": given["reportArn"], "reportARN": given["reportArn"], "filePath": ".", **_coverage(report[1])}
        here, token = self._part("DescribeCodeCoverages", given, [whole] if low <= percent <= high else [])
        return {"codeCoverages": here, "nextToken": token}

    def _part(self, operation: str, given: Given, whole: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
        """Give the asked page of a list that is at hand."""
        begin = int(self._pages.after(operation, given) or 0)
        end = begin + given.get("maxResults", AT_ONCE)
        return whole[begin:end], self._pages.token(operation, given, str(end) if end < len(whole) else None)

    async def _report(self, arn: str) -> tuple[Build, Group] | None:
        name, _, attempt = arn.rpartition("report/")[2].partition(":")
        build = (await self._builds.find([attempt])).get(attempt)
        if build is None:
            return None
        for group in await groups_of(build):
            if f"{build.project}-{group.name}" == name and _report_arn(build, group) == arn:
                return build, group
        return None


def _report_arn(build: Build, group: Group) -> str:
    return names.report_arn(f"{build.project}-{group.name}", build.attempt, build.region)


def _build(build: Build, groups: Sequence[Group]) -> dict[str, Any]:
    phases = build.progress.phases or ()
    status = STATUS[build.state]
    if status == "FAILED" and any(phase.status == "TIMED_OUT" for phase in phases):
        status = "TIMED_OUT"
    over = build.state is not None
    revision = build.revision.id if build.revision else None
    return {
        "id": build.id, "arn": build.arn, "buildNumber": build.progress.build_number, "startTime": build.begun,
        "endTime": build.ended, "buildStatus": status, "buildComplete": over, "projectName": build.project,
        "currentPhase": "COMPLETED" if over else phases[-1].type if phases else "SUBMITTED",
        "sourceVersion": revision, "resolvedSourceVersion": revision, "source": {"type": "CODEPIPELINE"},
        "initiator": f"codepipeline/{build.pipeline}",
        "phases": [_phase(phase) for phase in phases] or _preparation(build, status),
        "logs": _logs(build),
        "exportedEnvironmentVariables": [{"name": key, "value": value} for key, value in build.exported.items()],
        "reportArns": [_report_arn(build, group) for group in groups],
    }  # fmt: skip


def _logs(build: Build) -> dict[str, Any]:
    """Say where GetLogEvents finds the log."""
    group = names.build_log_group(build.project)
    return {
        "groupName": group, "streamName": build.attempt,
        "cloudWatchLogsArn": names.log_stream_arn(group, build.attempt, build.region),
        "cloudWatchLogs": {"status": "ENABLED", "groupName": group, "streamName": build.attempt},
    }  # fmt: skip


def _phase(phase: BuildPhase) -> dict[str, Any]:
    seconds = int((phase.finished - phase.started).total_seconds()) if phase.finished else None
    contexts = [{"statusCode": each.status_code, "message": each.message} for each in phase.contexts]
    return {"phaseType": phase.type, "phaseStatus": phase.status, "startTime": phase.started,
            "endTime": phase.finished, "durationInSeconds": seconds, "contexts": contexts}  # fmt: skip


def _preparation(build: Build, status: str) -> list[dict[str, Any]]:
    """Say why a build never began, as of a buildspec that can't be read, where CodeBuild says it."""
    if status not in {"FAILED", "FAULT"}:
        return []
    context = {"statusCode": "CLIENT_ERROR", "message": build.detail}
    return [{"phaseType": "DOWNLOAD_SOURCE", "phaseStatus": status, "startTime": build.begun, "endTime": build.ended,
             "contexts": [context]}]  # fmt: skip


def _report_status(group: Group) -> str:
    report = group.report
    if report.notes and not report.total and report.coverage is None:
        return "INCOMPLETE"
    return "FAILED" if report.failed or report.errors else "SUCCEEDED"


def _report(build: Build, group: Group) -> dict[str, Any]:
    report, arn = group.report, _report_arn(build, group)
    counts = {"SUCCEEDED": report.passed, "FAILED": report.failed, "ERROR": report.errors, "SKIPPED": report.skipped,
              "UNKNOWN": 0}  # fmt: skip
    tests = {"total": report.total, "statusCounts": counts, "durationInNanoSeconds": int(report.seconds * 1e9)}
    return {
        "arn": arn, "name": arn.rpartition("report/")[2], "type": "CODE_COVERAGE" if report.coverage else "TEST",
        "reportGroupArn": names.report_group_arn(f"{build.project}-{group.name}", build.region),
        "executionId": build.arn, "status": _report_status(group), "created": build.ended or build.begun,
        "truncated": len(group.cases) < report.total,
        "testSummary": None if report.coverage else tests,
        "codeCoverageSummary": _coverage(group) if report.coverage else None,
    }  # fmt: skip


def _coverage(group: Group) -> dict[str, Any]:
    found = group.report.coverage
    assert found is not None
    told: dict[str, Any] = {
        "lineCoveragePercentage": found.percent, "linesCovered": found.covered,
        "linesMissed": found.total - found.covered,
    }  # fmt: skip
    if found.branches_total is not None and found.branches_covered is not None:
        told |= {
            "branchCoveragePercentage": 100.0 * found.branches_covered / found.branches_total
            if found.branches_total else 100.0,
            "branchesCovered": found.branches_covered,
            "branchesMissed": found.branches_total - found.branches_covered,
        }  # fmt: skip
    return told
