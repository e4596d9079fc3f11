"""Reads what an event is about, in whatever envelope it comes: pure, and lenient, since an event is only a hint.

Shapes: User Guides "Monitoring CodePipeline events", "Build notifications input format reference" (CodeBuild),
"Monitoring deployments with CloudWatch Events" (CodeDeploy), "Notification concepts" (Developer Tools console), and
"Parsing Amazon SNS message formats". States and details that these do not name are no reason to refuse an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

DEEPEST = 3
"""Envelopes in envelopes: EventBridge's in SNS's in SQS's."""


class NotAnEvent(ValueError):
    """This is no event of anything that Sayso follows."""


class About(NamedTuple):
    """What an event is about. A run is named by itself, or by the build or deployment that is part of it."""

    id: str
    """The event's own; the same event may come more than once. May be empty."""
    pipeline: str = ""
    run_id: str = ""
    external: str = ""
    """A build's or deployment's id."""
    whole: bool = False
    """It is about the execution itself, not about a part of it."""
    step: bool = False
    """It only says how far a build or a deployment is."""
    over: bool = False
    """It says that a build or a deployment has ended."""
    stage: str = ""
    action: str = ""
    state: str = ""
    """Of the execution, or of this stage or action of it, in EventBridge's words."""


def read_event(text: str) -> About:
    """Read a message; raises `NotAnEvent` with a sentence for the log."""
    return _read(_parsed(text), 0)


def _read(body: Mapping[str, Any], depth: int) -> About:
    message = body.get("Message")
    if isinstance(message, str) and "TopicArn" in body and depth < DEEPEST:  # SNS to SQS, without raw delivery
        return _read(_parsed(message), depth + 1)
    detail = body.get("detail")
    if not isinstance(detail, Mapping):
        detail = body  # an input transformer of the rule may send only this
    kind = _text(body, "detail-type") or _text(body, "detailType")  # the latter: CodeStar Notifications
    event_id = _text(body, "id") or _text(body, "notificationId")
    state, stage, action = _text(detail, "state"), _text(detail, "stage"), _text(detail, "action")
    if run_id := _text(detail, "execution-id"):
        whole = not stage and not action and state != "STARTED"
        return About(event_id, _text(detail, "pipeline"), run_id, whole=whole, stage=stage, action=action, state=state)
    if build := _text(detail, "build-id"):
        step = "Phase" in kind or "completed-phase" in detail or _text(detail, "build-status") == "IN_PROGRESS"
        return About(event_id, external=build.rpartition("build/")[2], step=step, over=not step)
    if deployment := _text(detail, "deploymentId"):
        step = "Instance" in kind or "instanceId" in detail or state in {"START", "READY"}
        return About(event_id, external=deployment, step=step, over=not step)
    what = kind or _text(body, "Type") or "nothing that says what it is"
    raise NotAnEvent(f"a message without an execution, a build or a deployment: {what[:100]}")


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= 1000 else ""


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("a message that is not JSON") from error
    if not isinstance(body, Mapping):
        raise NotAnEvent("a message that is not a JSON object")
    return body
