"""Reads a deployment of CodeDeploy: its targets, lifecycle events, failing script and shifted traffic; pure.

Shapes: API model of CodeDeploy, "DeploymentInfo" and "DeploymentTarget"; the lifecycle events as in the User Guide,
"AppSpec 'hooks' section".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bot.core.model import Rollout
from bot.core.wording import say
from integrations.aws.answers import Answer, result
from integrations.aws.details.lines import Scripts, one_line, tail
from integrations.aws.observing import Detail

AT_ONCE = 25
"""Targets that one BatchGetDeploymentTargets may ask for (API model)."""
_KINDS = ("instanceTarget", "ecsTarget", "lambdaTarget", "cloudFormationTarget")
_OVER = frozenset({"Succeeded", "Failed", "Stopped"})


class Failure(NamedTuple):
    """A lifecycle event that failed on one target."""

    target: str
    event: str
    code: str
    script: str
    message: str
    log: str


def deployment_id(row: Answer) -> str:
    """Give the deployment that an action's execution is, as `d-ABCDEF123`; empty before it has one."""
    return str(result(row).get("externalExecutionId", ""))


def over(info: Answer) -> bool:
    """Tell whether a deployment has ended."""
    return info.get("status") in _OVER


def wanted_targets(info: Answer) -> dict[str, list[str]] | None:
    """Say by which statuses to choose the targets to look at: of a failed one those that failed; None: none is needed.

    Filters are for EC2 and on-premises only (API model, "ListDeploymentTargets").
    """
    status, server = info.get("status"), info.get("computePlatform", "Server") == "Server"
    if status in {"Created", "Queued"}:
        return None
    if status == "Failed":
        return {"TargetStatus": ["Failed"]} if server else {}
    if status in _OVER:
        return None
    return {"TargetStatus": ["InProgress"]} if server else {}


def read_deployment(info: Answer, targets: Sequence[Answer], region: str) -> Detail:
    """Read a deployment; `targets` are those of `wanted_targets`."""
    inside = [found for each in targets if (found := _inner(each)) is not None]
    broken = [failure for each in inside for failure in failures(each)]
    key = Scripts(region, str(info.get("deploymentId", ""))).key
    logged = next((failure.log for failure in broken if failure.log.strip()), None)
    return Detail(
        detail=_said(info, broken) or None, rollout=_rollout(info, inside), log=tail(logged, key) if logged else None
    )


def failures(target: Answer) -> Iterator[Failure]:
    """Yield the lifecycle events of a target that failed, in order."""
    for event in target.get("lifecycleEvents", ()):
        if event.get("status") == "Failed":
            about = event.get("diagnostics", {})
            yield Failure(_short(target), event.get("lifecycleEventName", ""), about.get("errorCode", ""),
                          about.get("scriptName", ""), about.get("message", ""), about.get("logTail", ""))  # fmt: skip


def scripts_log(targets: Iterable[Answer]) -> str:
    """Write the last lines of all failed scripts, each under its target and event."""
    inside = [found for each in targets if (found := _inner(each)) is not None]
    parts = [
        f"{failure.target} {failure.event} {failure.script}\n{failure.log or failure.message}\n"
        for each in inside
        for failure in failures(each)
    ]
    return "\n".join(parts)


def _inner(target: Answer) -> Answer | None:
    """Give the part of a DeploymentTarget that its type has."""
    return next((target[kind] for kind in _KINDS if target.get(kind)), None)


def _short(target: Answer) -> str:
    return str(target.get("targetId", "")).rpartition("/")[2]


def _rollout(info: Answer, targets: Sequence[Answer]) -> Rollout | None:
    counts = info.get("deploymentOverview") or {}
    total = sum(counts.values())
    done = counts.get("Succeeded", 0) + counts.get("Skipped", 0)
    step, target = "", ""
    for each in targets:
        going = (e for e in each.get("lifecycleEvents", ()) if e.get("status") == "InProgress")
        if (event := next(going, None)) is not None:
            step, target = event.get("lifecycleEventName", ""), _short(each)
            break
    percent = _percent(info, targets)
    if not total and percent is None:
        return None
    return Rollout(done=done, total=total, step=step, target=target, percent=percent)


def _percent(info: Answer, targets: Sequence[Answer]) -> float | None:
    """Tell how much of the traffic goes to what is new; only of Lambda and ECS, where it is shifted bit by bit."""
    if info.get("computePlatform") in {"Lambda", "ECS"} and info.get("status") == "Succeeded":
        return 100.0
    weights: list[float | None] = []
    for target in targets:
        weights += [target.get("lambdaFunctionInfo", {}).get("targetVersionWeight"), target.get("targetVersionWeight")]
        weights += [t.get("trafficWeight") for t in target.get("taskSetsInfo", ()) if t.get("taskSetLabel") == "Green"]
    known = [_in_percent(weight) for weight in weights if weight is not None]
    return min(known, default=None)


def _in_percent(weight: float) -> float:
    """Read a weight: the model says percent, Lambda's own weights are fractions; no config shifts less than 1 %."""
    return round(100 * weight if 0 < weight < 1 else weight, 1)


def _said(info: Answer, broken: Sequence[Failure]) -> str:
    status = info.get("status", "")
    if status == "Failed":
        return " ".join(filter(None, (_cause(info, broken), _rolled_back(info))))
    if status == "Stopped":
        told = one_line(info.get("errorInformation", {}).get("message"))
        return " ".join(filter(None, (told or say("aws.deploy.stopped"), _rolled_back(info))))
    if status == "Ready":
        return say("aws.deploy.ready")
    if status == "Baking":
        return say("aws.deploy.baking")
    messages = info.get("deploymentStatusMessages") or ()
    return one_line(messages[-1]) if messages and status not in _OVER else ""


def _cause(info: Answer, broken: Sequence[Failure]) -> str:
    if not broken:
        return one_line(info.get("errorInformation", {}).get("message")) or say("aws.deploy.failed")
    first = broken[0]
    script = f" {first.script}" if first.script else ""
    why = one_line(first.message) or say(f"aws.script.{_CODES.get(first.code, 'unknown')}")
    more = say("aws.deploy.more", n=len(broken) - 1) if len(broken) > 1 else ""
    return f"{first.event}{script} on {first.target}: {why}{more}"


_CODES = {"ScriptMissing": "missing", "ScriptNotExecutable": "not_executable", "ScriptTimedOut": "timed_out",
          "ScriptFailed": "failed"}  # fmt: skip


def _rolled_back(info: Answer) -> str:
    to = info.get("rollbackInfo", {}).get("rollbackDeploymentId")
    return say("aws.deploy.rolled_back", deployment=to) if to else ""
