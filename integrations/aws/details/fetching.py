"""Fetches what each kind of action has to tell, with as few calls as it takes; reading it is done elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.core.model import LogTail
from integrations.aws.answers import Answer
from integrations.aws.details import cloudformation, codebuild, codedeploy, ecs, functions, instances, reports
from integrations.aws.details.asking import Asking
from integrations.aws.details.lines import MOST_LINES, LogStream, read_key, tail, text_of
from integrations.aws.observing import Detail

_MOST_REPORTS = 100
_NO_LOG = frozenset({"ResourceNotFound"})
_NOT_YET = frozenset({"DeploymentNotStarted"})
_NO_STACK = frozenset({"ValidationError", "ChangeSetNotFound"})
"""DescribeStackEvents says ValidationError of a stack that is not there yet."""

Fetch = Callable[[Asking, str, Answer], Awaitable[Detail | None]]
"""Takes the pipeline's name and the action's execution; None: there is nothing to tell."""


async def build(ask: Asking, build: Answer) -> Detail:
    """Put together what is known of a build: of one that has ended also its tests, and the log if it failed."""
    detail = codebuild.read_build(build, ask.place.region)
    if not codebuild.over(build):
        return detail
    if arns := build.get("reportArns"):
        detail = replace(detail, tests=await _tests(ask, arns[:_MOST_REPORTS]))
    if codebuild.failed(build) and (stream := codebuild.log_of(build, ask.place.region)):
        detail = replace(detail, log=await _log_tail(ask, stream))
    return detail


async def _tests(ask: Asking, arns: list[str]) -> Any:
    answer = await ask("aws.part.tests", "codebuild", "BatchGetReports", reportArns=arns)
    if answer is None:
        return None
    found = answer.get("reports", ())
    if reports.unfinished(found):
        ask.again = True
        return None
    cases: dict[str, list[Answer]] = {}
    for arn, status in reports.wanted_cases(found):
        filtered: dict[str, Any] = {"filter": {"status": status}} if status else {}
        page = await ask("aws.part.tests", "codebuild", "DescribeTestCases", reportArn=arn, maxResults=reports.PAGE,
                         **filtered)  # fmt: skip
        cases.setdefault(arn, []).extend((page or {}).get("testCases", ()))
    return reports.read_tests(found, cases, answer.get("reportsNotFound", ()))


async def _log_tail(ask: Asking, stream: LogStream) -> LogTail | None:
    answer = await ask("aws.part.log", "logs", "GetLogEvents", gone=_NO_LOG, logGroupName=stream.group,
                       logStreamName=stream.stream, limit=MOST_LINES, startFromHead=False)  # fmt: skip
    return tail(text_of(answer["events"]), stream.key) if answer and answer.get("events") else None


async def batch(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch a batch of builds: of one that has ended its reports, and the log of the first build that failed."""
    ids = [codebuild.build_id(row)]
    answer = await ask("aws.part.build", "codebuild", "BatchGetBuildBatches", ids=ids)
    found = next(iter((answer or {}).get("buildBatches", ())), None)
    if found is None:
        return None
    detail = codebuild.read_batch(found)
    if not codebuild.batch_over(found):
        return detail
    if arns := found.get("reportArns"):
        detail = replace(detail, tests=await _tests(ask, arns[:_MOST_REPORTS]))
    if broken := codebuild.broken_builds(found):
        detail = replace(detail, log=await _log_of_build(ask, broken[0]))
    return detail


async def _log_of_build(ask: Asking, build: str) -> LogTail | None:
    answer = await ask("aws.part.log", "codebuild", "BatchGetBuilds", ids=[build])
    found = next(iter((answer or {}).get("builds", ())), None)
    stream = codebuild.log_of(found, ask.place.region) if found else None
    return await _log_tail(ask, stream) if stream else None


async def deployment(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch a deployment of CodeDeploy, and where they tell more, some of its targets."""
    name = codedeploy.deployment_id(row)
    answer = await ask("aws.part.deployment", "codedeploy", "GetDeployment", deploymentId=name) if name else None
    if answer is None:
        return None
    info = answer["deploymentInfo"]
    filters = codedeploy.wanted_targets(info)
    targets = await _targets(ask, name, filters) if filters is not None else []
    return codedeploy.read_deployment(info, targets, ask.place.region)


async def _targets(ask: Asking, name: str, filters: Mapping[str, list[str]]) -> list[Answer]:
    given: dict[str, Any] = {"targetFilters": dict(filters)} if filters else {}
    listed = await ask("aws.part.targets", "codedeploy", "ListDeploymentTargets", gone=_NOT_YET, deploymentId=name,
                       **given)  # fmt: skip
    ids = (listed or {}).get("targetIds", ())[: codedeploy.AT_ONCE]
    if not ids:
        return []
    answer = await ask("aws.part.targets", "codedeploy", "BatchGetDeploymentTargets", gone=_NOT_YET,
                       deploymentId=name, targetIds=list(ids))  # fmt: skip
    return list((answer or {}).get("deploymentTargets", ()))


def plans(row: Answer) -> bool:
    """Tell whether the action only makes a plan, which is worth showing when it is there."""
    return cloudformation.change_set(row) is not None


async def stack(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch what CloudFormation does: the change set that an action makes, or the events of the stack it changes."""
    if (wanted := cloudformation.change_set(row)) is not None:
        answer = await ask("aws.part.changes", "cloudformation", "DescribeChangeSet", gone=_NO_STACK,
                           StackName=wanted[0], ChangeSetName=wanted[1])  # fmt: skip
        return cloudformation.read_change_set(answer) if answer else None
    name = cloudformation.stack(row)
    if name is None:
        return None
    answer = await ask("aws.part.stack", "cloudformation", "DescribeStackEvents", gone=_NO_STACK, StackName=name)
    return cloudformation.read_events(answer["StackEvents"], *_between(row)) if answer else None


async def service(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch a service of ECS."""
    wanted = ecs.service_of(row)
    if wanted is None:
        return None
    answer = await ask("aws.part.service", "ecs", "DescribeServices", cluster=wanted[0], services=[wanted[1]])
    found = next(iter((answer or {}).get("services", ())), None)
    return ecs.read_service(found, *_between(row)) if found else None


async def function(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch the log of a Lambda function that failed; of one that went well CodePipeline tells enough."""
    group, (since, until) = functions.log_group(row), _between(row)
    if group is None or row["status"] != "Failed" or until is None:
        return None
    answer = await ask("aws.part.log", "logs", "FilterLogEvents", gone=_NO_LOG, logGroupName=group,
                       startTime=functions.milliseconds(since), endTime=functions.milliseconds(until) + 1000,
                       limit=500)  # fmt: skip
    return functions.read_log(answer.get("events", ()), row, ask.place.region, group) if answer else None


async def instances_of(ask: Asking, pipeline: str, row: Answer) -> Detail | None:
    """Fetch the targets of CodePipeline's own deployment to EC2."""
    answer = await ask("aws.part.targets", "codepipeline", "ListDeployActionExecutionTargets",
                       pipelineName=pipeline, actionExecutionId=row["actionExecutionId"])  # fmt: skip
    return instances.read_targets(answer.get("targets", ())) if answer else None


async def commands(ask: Asking, _: str, row: Answer) -> Detail | None:
    """Fetch the end of the log of commands that failed (the action "Commands"); else only say where the log is."""
    stream = functions.log_stream(row)
    if stream is None or row["status"] == "InProgress":
        return None
    found = await _log_tail(ask, stream) if row["status"] == "Failed" else None
    return Detail(log=found or LogTail(key=stream.key))


async def whole_log(ask: Asking, key: str, most: int) -> str | None:
    """Fetch the log that `LogTail.key` names, its last `most` bytes; None if there is none."""
    where = read_key(key)
    if where is None:
        return None
    if not isinstance(where, LogStream):
        return await _scripts_log(ask, where.deployment)
    given: dict[str, Any] = {"logGroupName": where.group, "logStreamName": where.stream, "startFromHead": False}
    parts: list[str] = []
    size = 0
    while (answer := await ask("aws.part.log", "logs", "GetLogEvents", gone=_NO_LOG, **given)) is not None:
        parts.insert(0, text_of(answer.get("events", ())))
        size += len(parts[0].encode())
        token = answer.get("nextBackwardToken")
        if size >= most or not token or token == given.get("nextToken"):  # the same token again: this was the beginning
            break
        given["nextToken"] = token
    return "".join(parts).encode()[-most:].decode(errors="ignore") or None


async def _scripts_log(ask: Asking, name: str) -> str | None:
    answer = await ask("aws.part.deployment", "codedeploy", "GetDeployment", deploymentId=name)
    filters = codedeploy.wanted_targets(answer["deploymentInfo"]) if answer else None
    return codedeploy.scripts_log(await _targets(ask, name, filters)) or None if filters is not None else None


def _between(row: Answer) -> tuple[datetime, datetime | None]:
    return row["startTime"], row["lastUpdateTime"] if row["status"] != "InProgress" else None


FETCHES: Mapping[str, Fetch] = {
    "CodeDeploy": deployment, "CodeDeployToECS": deployment, "CloudFormation": stack, "ECS": service,
    "Lambda": function, "EC2": instances_of, "Commands": commands,
}  # fmt: skip
"""By the action's provider; builds are fetched together, see `looking.py`."""
