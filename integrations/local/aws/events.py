"""Writes state changes as EventBridge would: envelope and detail of pipeline, stage, action and build events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local.actions import BuildPhase, ErrorCode, Progress
from integrations.local.aws import names
from integrations.local.aws.changes import Kind, StateChange, state_changes
from integrations.local.external import external_id
from integrations.local.history import error_of
from integrations.local.journal import Change
from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS
from integrations.specs.pipeline import ActionDeclaration

LONGEST = 1000
"""Characters of a sentence in an event: an SQS message holds 256 KB, and nobody reads a novel there."""


class Event(NamedTuple):
    """One event, and the execution that its order counts in."""

    execution: str
    body: Mapping[str, Any]


Describe = Callable[[AsyncConnection, Change], Awaitable[Sequence[Event]]]


class Describer:
    """Looks up what events must tell; the ids of events are new ones."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id

    async def __call__(self, c: AsyncConnection, change: Change) -> list[Event]:
        """Give the events of a change in order: two queries, if there are any."""
        found = list(state_changes(change))
        if not found:
            return []
        e, a = EXECUTIONS.c, ACTIONS.c
        wanted = {each.execution for each in found}
        query = sa.select(e.id, e.pipeline, e.trigger, e.trigger_detail, e.reason, e.created, e.version)
        executions = {row.id: row for row in await c.execute(query.where(e.id.in_(wanted)))}
        actions: dict[str, Any] = {}
        if changed := {each.action for each in found if each.action}:
            key = a.id.concat("#").concat(sa.cast(a.attempt, sa.String))
            wide = sa.select(a.id, a.name, a.declaration, a.progress, a.started, a.finished, a.detail, a.state,
                             ATTEMPTS.c.error).outerjoin(ATTEMPTS, ATTEMPTS.c.id == key)  # fmt: skip
            actions = {row.id: row for row in await c.execute(wide.where(a.id.in_(changed)))}
        return [
            Event(each.execution, self._envelope(source, detail_type, resource, detail, change.at))
            for each in found
            for source, detail_type, resource, detail in _details(each, executions[each.execution], actions)
        ]

    def _envelope(
        self, source: str, detail_type: str, resource: str, detail: Mapping[str, Any], at: datetime
    ) -> dict[str, Any]:
        return {
            "version": "0", "id": self._new_id(), "detail-type": detail_type, "source": source,
            "account": names.ACCOUNT, "time": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "region": names.REGION,
            "resources": [resource], "detail": detail,
        }  # fmt: skip


Detail = tuple[str, str, str, dict[str, Any]]
"""Source, detail-type, resource, detail."""


def _details(change: StateChange, execution: Any, actions: Mapping[str, Any]) -> Iterator[Detail]:
    """Yield the events of one change: its own, and for an action that builds, that of the build."""
    detail: dict[str, Any] = {
        "pipeline": execution.pipeline, "execution-id": execution.id, "state": change.state,
        "version": execution.version or 1,
    }  # fmt: skip
    source, resource = "aws.codepipeline", names.pipeline_arn(execution.pipeline)
    kind = f"CodePipeline {change.kind} Execution State Change"
    if change.kind is Kind.PIPELINE:
        if change.state == "STARTED":
            detail["execution-trigger"] = {
                "trigger-type": execution.trigger,
                "trigger-detail": execution.trigger_detail,
            }
        if change.state == "STOPPING":
            detail["stop-execution-comments"] = execution.reason
        yield source, kind, resource, detail
        return
    if change.kind is Kind.STAGE:
        yield source, kind, resource, detail | {"stage": change.stage}
        return
    row = actions[change.action]
    declared = ActionDeclaration.model_validate(row.declaration)
    what = declared.action_type_id
    detail |= {
        "stage": change.stage, "action": row.name, "action-execution-id": f"{row.id}#{change.attempt}",
        "region": declared.region or names.REGION, "type": what.model_dump(),
        "input-artifacts": [{"name": each.name} for each in declared.input_artifacts],
        "output-artifacts": [{"name": each.name} for each in declared.output_artifacts],
    }  # fmt: skip
    builds = what.provider == "CodeBuild"
    project = declared.configuration.get("ProjectName") or row.name
    outside = external_id(declared, f"{row.id}#{change.attempt}")
    if change.state != "STARTED":
        result: dict[str, Any] = {"external-execution-summary": row.detail[:LONGEST]}
        if outside:
            result["external-execution-id"] = outside
        if change.state == "FAILED":
            result["error-code"] = error_of(row.state, row.error or "") or ErrorCode.JOB_FAILED
        detail["execution-result"] = result
    yield source, kind, resource, detail
    if builds:
        arn = names.build_arn(outside, declared.region)
        yield "aws.codebuild", "CodeBuild Build State Change", arn, _build(change, row, execution, project, arn)


_BUILD_STATUS = {"STARTED": "IN_PROGRESS", "SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "ABANDONED": "STOPPED"}


def _build(change: StateChange, row: Any, execution: Any, project: str, arn: str) -> dict[str, Any]:
    """Write the detail of a build's event (User Guide of CodeBuild, "Build notifications input format reference")."""
    over = change.state != "STARTED"
    phases = (Progress.model_validate(row.progress).phases or ()) if over else ()
    about = {
        "build-complete": over,
        "initiator": f"codepipeline/{execution.pipeline}",
        "build-start-time": _spoken(row.started),
        "source": {"type": "CODEPIPELINE"},
        "logs": {"group-name": names.build_log_group(project), "stream-name": f"{row.id}#{change.attempt}"},
        "phases": [_phase(phase) for phase in phases],
    }
    return {
        "build-status": _BUILD_STATUS[change.state], "project-name": project, "build-id": arn,
        "current-phase": "COMPLETED" if over else "SUBMITTED", "current-phase-context": "[]", "version": "1",
        "additional-information": about,
    }  # fmt: skip


def _phase(phase: BuildPhase) -> dict[str, Any]:
    told: dict[str, Any] = {
        "phase-type": phase.type, "start-time": _spoken(phase.started),
        "phase-context": [f"{each.status_code}: {each.message}"[:LONGEST] for each in phase.contexts],
    }  # fmt: skip
    if phase.finished:
        seconds = int((phase.finished - phase.started).total_seconds())
        told |= {"end-time": _spoken(phase.finished), "duration-in-seconds": seconds, "phase-status": phase.status}
    return told


def _spoken(at: datetime | None) -> str:
    """Write a moment as CodeBuild's events do, as `Sep 1, 2017 4:12:29 PM`."""
    if at is None:
        return ""
    at = at.astimezone(UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"
