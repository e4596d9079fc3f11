"""Reads a build of CodeBuild: how far it is, why it failed, where its log is; pure.

Shapes: API model of CodeBuild, "Build" and "BuildBatch"; the phases and their contexts as in the User Guide, "View
build details".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.model import LogTail
from bot.core.wording import say
from integrations.aws.answers import Answer, result
from integrations.aws.details.lines import LogStream, one_line
from integrations.aws.observing import Detail

_BROKEN = frozenset({"FAILED", "FAULT", "TIMED_OUT", "STOPPED"})


def build_id(row: Answer) -> str:
    """Give the build that an action's execution is, as `PROJECT:UUID`; empty before it has one."""
    return str(result(row).get("externalExecutionId", ""))


def is_batch(row: Answer) -> bool:
    """Tell whether the action starts a batch of builds (Action reference, "AWS CodeBuild", BatchEnabled)."""
    asked = row.get("input", {})
    configuration: Mapping[str, str] = asked.get("resolvedConfiguration") or asked.get("configuration") or {}
    return configuration.get("BatchEnabled", "").lower() == "true"


def read_build(build: Answer, region: str) -> Detail:
    """Read one build, without its tests and its log's lines."""
    stream = log_of(build, region)
    return Detail(
        detail=_cause(build) if over(build) else str(build.get("currentPhase", "")) or None,
        log=LogTail(key=stream.key) if stream and over(build) else None,
        url=build.get("logs", {}).get("deepLink"),
    )


def read_batch(batch: Answer) -> Detail:
    """Read a batch of builds: how many are done, or which of them failed."""
    latest = [(group.get("identifier", ""), group.get("currentBuildSummary", {}).get("buildStatus", ""))
              for group in batch.get("buildGroups", ())]  # fmt: skip
    if not batch_over(batch):
        done = sum(bool(status) and status != "IN_PROGRESS" for _, status in latest)
        phase = str(batch.get("currentPhase", ""))
        return Detail(detail=say("aws.build.batch", done=done, n=len(latest)) if latest else phase or None)
    broken = [name for name, status in latest if status in _BROKEN]
    if broken:
        return Detail(detail=say("aws.build.batch.failed", names=", ".join(broken), n=len(broken)))
    return Detail(detail=_context(batch.get("phases", ())) or None)


def batch_over(batch: Answer) -> bool:
    """Tell whether a batch has ended."""
    return bool(batch.get("complete", batch.get("endTime") is not None))


def broken_builds(batch: Answer) -> list[str]:
    """Give the builds of a batch that failed, by ARN."""
    latest = (group.get("currentBuildSummary", {}) for group in batch.get("buildGroups", ()))
    return [each["arn"] for each in latest if each.get("buildStatus") in _BROKEN and each.get("arn")]


def over(build: Answer) -> bool:
    """Tell whether a build has ended."""
    return bool(build.get("buildStatus", "IN_PROGRESS") != "IN_PROGRESS")


def failed(build: Answer) -> bool:
    """Tell whether a build has ended badly."""
    return build.get("buildStatus") in _BROKEN


def log_of(build: Answer, region: str) -> LogStream | None:
    """Say where the log is; None if the project keeps none in CloudWatch Logs."""
    logs = build.get("logs", {})
    where = logs.get("cloudWatchLogs", {})
    group, stream = logs.get("groupName") or where.get("groupName"), logs.get("streamName") or where.get("streamName")
    if where.get("status") == "DISABLED" or not group or not stream:
        return None
    return LogStream(region, group, stream)


def _cause(build: Answer) -> str | None:
    """Say why a build did not succeed: the first phase that did not, and its context."""
    if not failed(build):
        return None
    if told := _context(build.get("phases", ())):
        return told
    phase = build.get("currentPhase", "")
    return say(f"aws.build.{build['buildStatus'].lower()}", phase=phase if phase != "COMPLETED" else "BUILD")


def _context(phases: Iterable[Answer]) -> str:
    for phase in phases:
        if phase.get("phaseStatus") not in _BROKEN:
            continue
        for context in phase.get("contexts", ()):
            if told := one_line(context.get("message")) or one_line(context.get("statusCode")):
                return f"{phase['phaseType']}: {told}"
        words = say(f"aws.phase.{phase['phaseStatus'].lower()}")
        return f"{phase['phaseType']}: {words}"
    return ""
