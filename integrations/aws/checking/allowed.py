"""Asks AWS what Sayso may do: by IAM's simulator, or, where that is not allowed, by reading what does no harm."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bot.core.errors import BackendError, BackendUnavailable
from integrations.aws.checking.environments import Identity
from integrations.aws.checking.needs import Need
from integrations.aws.clients import Clients
from integrations.aws.refusals import NotLetIn
from integrations.aws.target import AwsTarget, Place

_MOST_ANSWERS = 1000
"""Of one page (API model, "maxItemsType")."""
_NO_BUILD = "00000000-0000-4000-8000-000000000000"
_SESSION = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*")


class Allowed(NamedTuple):
    """What is known of what Sayso may do."""

    denied: list[Need]
    untold: list[Need]
    """Nobody can say without doing it."""


async def allowed(clients: Clients, place: Place, identity: Identity, needed: Mapping[Need, AwsTarget]) -> Allowed:
    """Tell which needs are not met; each comes with a target that has it."""
    principal = principal_of(identity, place)
    if identity.arn.endswith(":root"):
        return Allowed([], [])
    if principal is not None:
        try:
            return Allowed(await _simulated(clients, place, principal, needed), [])
        except BackendError:
            pass  # not allowed, not there (a role's path is not in a session's name), or no answer
    return await _tried(clients, needed)


def principal_of(identity: Identity, place: Place) -> str | None:
    """Give the ARN of the user or role that the simulator is asked about; None if it can't be asked."""
    if place.role:
        return place.role
    if session := _SESSION.fullmatch(identity.arn):
        return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
    kind = identity.arn.split(":", 5)[5]
    return f"arn:{identity.arn.split(':')[1]}:iam::{identity.account}:{kind}" if kind.startswith("user/") else None


async def _simulated(clients: Clients, place: Place, principal: str, needed: Iterable[Need]) -> list[Need]:
    by_action: dict[str, set[str]] = defaultdict(set)
    for need in needed:
        by_action[need.action].add(need.resource)
    together: dict[frozenset[str], list[str]] = defaultdict(list)
    for action, resources in by_action.items():
        together[frozenset(resources)].append(action)
    denied: list[Need] = []
    for on, actions in together.items():
        given: dict[str, Any] = {
            "PolicySourceArn": principal, "ActionNames": actions, "ResourceArns": sorted(on),
            "MaxItems": _MOST_ANSWERS,
        }  # fmt: skip
        while True:
            answer = await clients.call(place, "iam", "SimulatePrincipalPolicy", **given)
            for each in answer.get("EvaluationResults", ()):
                denied += _denied(each)
            if not answer.get("IsTruncated"):
                break
            given["Marker"] = answer["Marker"]
    return denied


def _denied(result: Mapping[str, Any]) -> Iterator[Need]:
    """Yield what is not allowed; of several resources each may have its own result (API model, "EvaluationResult")."""
    action = result["EvalActionName"]
    if specific := result.get("ResourceSpecificResults"):
        for each in specific:
            if each["EvalResourceDecision"] != "allowed":
                yield Need(action, each["EvalResourceName"])
    elif result["EvalDecision"] != "allowed":
        yield Need(action, result["EvalResourceName"])


async def _tried(clients: Clients, needed: Mapping[Need, AwsTarget]) -> Allowed:
    found = Allowed([], [])
    for need, target in needed.items():
        attempt = _attempt(clients, need, target)
        if attempt is None:
            found.untold.append(need)
            continue
        try:
            await attempt
        except NotLetIn:
            found.denied.append(need)
        except BackendUnavailable:
            found.untold.append(need)
        except BackendError:
            pass  # it was let in, and there is no such thing
    return found


def _attempt(clients: Clients, need: Need, target: AwsTarget) -> Awaitable[object] | None:
    """Make a call that only reads, mostly of what is not there; None if there is none."""
    service, _, operation = need.action.partition(":")
    name = need.resource.split(":", 5)[5] if need.resource != "*" else ""
    place = target.place if name == "" else target.place._replace(region=need.resource.split(":")[3])

    def call(**given: Any) -> Awaitable[object]:
        return clients.call(place, service, operation, **given)

    tries: Mapping[str, Callable[[], Awaitable[object]]] = {
        "GetPipeline": lambda: call(name=target.pipeline),
        "GetPipelineState": lambda: call(name=target.pipeline),
        "ListPipelines": lambda: call(maxResults=1),
        "ListPipelineExecutions": lambda: call(pipelineName=target.pipeline, maxResults=1),
        "ListActionExecutions": lambda: call(pipelineName=target.pipeline, maxResults=1),
        "ListRuleExecutions": lambda: call(pipelineName=target.pipeline, maxResults=1),
        "GetPipelineExecution": lambda: call(pipelineName=target.pipeline, pipelineExecutionId=_NO_BUILD),
        "BatchGetBuilds": lambda: call(ids=[f"{_last(name)}:{_NO_BUILD}"]),
        "BatchGetBuildBatches": lambda: call(ids=[f"{_last(name)}:{_NO_BUILD}"]),
        "BatchGetReports": lambda: call(reportArns=[_report(need.resource)]),
        "DescribeTestCases": lambda: call(reportArn=_report(need.resource)),
        "GetLogEvents": lambda: call(logGroupName=name.split(":")[1], logStreamName=name.split(":")[3], limit=1),
        "FilterLogEvents": lambda: call(logGroupName=name.split(":")[1], limit=1),
        "DescribeStackEvents": lambda: call(StackName=name.split("/")[1]),
        "DescribeServices": lambda: call(cluster=name.split("/")[1], services=[name.split("/")[2]]),
    }
    found = tries.get(operation)
    return found() if found else None


def _last(resource: str) -> str:
    return resource.partition("/")[2]


def _report(group: str) -> str:
    return f"{group.replace(':report-group/', ':report/')}:{_NO_BUILD}"


def by_sentence(needs: Sequence[Need], key: Callable[[str], str]) -> dict[str, list[Need]]:
    """Put needs together whose absence means the same to people."""
    found: dict[str, list[Need]] = defaultdict(list)
    for need in needs:
        found[key(need.action)].append(need)
    return found
