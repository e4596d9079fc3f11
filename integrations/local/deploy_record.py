"""What a deployment did to each target, event by event, made of its driver's journal: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.core.model import Frozen

LIFECYCLE = (
    "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart",
    "ValidateService",
)  # fmt: skip
"""Of an in-place deployment without a load balancer (User Guide, "Lifecycle event hook run order")."""
LONGEST_LOG = 2048
"""Characters of a failed script's log, as CodeDeploy's agent keeps."""


class LifecycleEvent(Frozen):
    """One lifecycle event of one target (API reference of CodeDeploy, "LifecycleEvent" and "Diagnostics")."""

    name: str
    status: str
    """`Pending`, `InProgress`, `Succeeded`, `Failed`, `Skipped` or `Unknown`."""
    started: datetime | None = None
    ended: datetime | None = None
    code: str = ""
    """LifecycleErrorCode of one that failed."""
    script: str = ""
    message: str = ""
    log: str = ""
    """The last lines of the script that failed, secrets masked."""


class TargetRecord(Frozen):
    """One target of a deployment; its status as its events' ones."""

    name: str
    status: str
    events: tuple[LifecycleEvent, ...] = ()


class DeploymentRecord(Frozen):
    """All targets, in the order in which they are deployed to."""

    targets: tuple[TargetRecord, ...] = ()

    def settled(self) -> DeploymentRecord:
        """Give it as it is once nobody works on it any more: what had no end is unknown, the rest was left out."""
        over = {"InProgress": "Unknown", "Pending": "Skipped"}
        targets = tuple(
            target.model_copy(
                update={
                    "status": over.get(target.status, target.status),
                    "events": tuple(
                        event.model_copy(update={"status": over.get(event.status, event.status)})
                        for event in target.events
                    ),
                }
            )
            for target in self.targets
        )
        return DeploymentRecord(targets=targets)


def record_of(journal: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> DeploymentRecord:
    """Make the record of a journal; `lines` are the last ones of the log, masked."""
    names: Sequence[str] = next((event["targets"] for event in journal if "targets" in event), [])
    steps = [event for event in journal if event["target"]]
    verdict = steps[-1].get("verdict") if steps else None
    last = steps[-1]["target"] if steps else None
    reached = names.index(last) if last in names else -1
    made = []
    for number, name in enumerate(names):
        if number < reached or (number == reached and verdict == "succeeded"):
            status = "Succeeded"
        elif number == reached:
            status = {None: "InProgress", "failed": "Failed"}.get(verdict, "Unknown")
        else:
            status = "Pending" if verdict is None else "Skipped"
        made.append(TargetRecord(name=name, status=status, events=tuple(_events(name, status, steps, lines))))
    return DeploymentRecord(targets=tuple(made))


def hidden(record: DeploymentRecord, hide: Callable[[str], str]) -> DeploymentRecord:
    """Mask what failed events say; the log's lines are masked already."""
    return DeploymentRecord(
        targets=tuple(
            target.model_copy(
                update={"events": tuple(e.model_copy(update={"message": hide(e.message)}) for e in target.events)}
            )
            for target in record.targets
        )
    )


def _events(
    target: str, status: str, steps: Sequence[Mapping[str, Any]], lines: Sequence[str]
) -> Iterator[LifecycleEvent]:
    began: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}
    before = None
    for event in steps:
        at = datetime.fromtimestamp(event["time"], UTC)
        over = before != (event["target"], event["step"]) or "verdict" in event
        if before is not None and over and before[0] == target:
            ended[before[1]] = at
        before = (event["target"], event["step"])
        if event["target"] == target and event["step"]:
            began.setdefault(event["step"], at)
    current = max((LIFECYCLE.index(name) for name in began if name in LIFECYCLE), default=-1)
    for number, name in enumerate(LIFECYCLE):
        times = {"started": began.get(name), "ended": ended.get(name)}
        if status == "Succeeded" or number < current:  # one without scripts succeeds without a moment of its own
            yield LifecycleEvent(name=name, status="Succeeded", **times)
        elif number > current:
            yield LifecycleEvent(name=name, status="Pending" if status in {"Pending", "InProgress"} else "Skipped")
        elif status == "Failed":
            yield LifecycleEvent(name=name, status="Failed", **times, **_diagnostics(steps[-1], lines))
        else:
            yield LifecycleEvent(name=name, status=status, **times)


def _diagnostics(verdict: Mapping[str, Any], lines: Sequence[str]) -> dict[str, str]:
    script = verdict.get("script", "")
    told = {"code": verdict.get("code", "UnknownError"), "script": script,
            "message": verdict.get("message", verdict.get("detail", ""))}  # fmt: skip
    if script:
        told["log"] = _script_log(verdict, script, lines)
    return told


def _script_log(verdict: Mapping[str, Any], script: str, lines: Sequence[str]) -> str:
    """Give what the script printed last, headed as the log of CodeDeploy's agent."""
    ours = f"[Sayso] {verdict['target']}: "
    begins = [n for n, line in enumerate(lines, 1) if line == f"{ours}{verdict['step']}: {script}"]
    printed = [f"[stdout]{line}" for line in lines[begins[-1] if begins else 0 :] if not line.startswith(ours)]
    head = f"LifecycleEvent - {verdict['step']}\nScript - {script}\n"
    return head + "\n".join(printed)[-(LONGEST_LOG - len(head)) :]
