"""What is known of one execution, and what its actions alone tell of it: pure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.core.errors import BackendError
from bot.core.model import Run, Status
from integrations.aws.answers import Answer, revision_of, source_actions
from integrations.aws.events.envelopes import About
from integrations.aws.listings import Print
from integrations.aws.target import AwsTarget

ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})
CONDITIONS = ("beforeEntry", "onSuccess", "onFailure")
_BEGUN = frozenset({Status.RUNNING, Status.WAITING, Status.SUCCEEDED})


@dataclass(slots=True)
class Known:
    """What is known of one execution. Moments are on the loop's clock."""

    target: AwsTarget
    run: Run | None = None
    execution: dict[str, Any] = field(default_factory=dict)
    """As of the last time that it was asked for."""
    print: Print = ()
    """How the list of executions showed it, `compared` ago."""
    compared: float = float("-inf")
    looked: float = float("-inf")
    asked_whole: float = float("-inf")
    changed: float = float("-inf")
    wanted: float = float("-inf")
    """The last look, the last time that the execution was asked for, the last change, and when somebody wanted to
    know."""
    doubted: float = float("inf")
    """From when on it has to be looked at, unless an event had it looked at before."""
    error: BackendError | None = None
    """Why the last look failed."""
    throttled: float = float("inf")
    """Since when looks are refused for there being too many calls."""
    dirty: bool = True
    news: bool = False
    """An event came, and others of the same step may follow: it is looked at when its nudge is due."""
    whole: bool = True
    """The next look must ask for the execution, too."""
    started: datetime | None = None
    stop_reason: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    states: frozenset[tuple[str, str]] = frozenset()
    """Its actions' executions and their states, as of the last look."""
    unsure_above: int | None = 0
    """The attempt of the whole run which a retry may have gone beyond without a trace in its history, as one of a stage
    that was stopped between two actions: then only the pipeline's state tells. None: none has."""
    logs: set[str] = field(default_factory=set)
    """Keys of its actions' logs, former attempts' too."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def looking(self) -> None:
        """Know that a look is being taken: what is nudged from here on is not in it."""
        self.dirty, self.news, self.doubted = False, False, float("inf")


def shows(run: Run, about: About) -> bool:
    """Tell whether a look shows already what an event tells, so that another would bring nothing.

    Only what can't come again in an execution counts: a stage that failed may fail once more after a retry.
    """
    if about.external or about.state not in {"STARTED", "SUCCEEDED"}:
        return False
    if not about.stage:
        return run.status in (_BEGUN if about.state == "STARTED" else {Status.SUCCEEDED})
    stage = run.stage(about.stage)
    found: Any = stage
    if stage is not None and about.action:
        found = next((each for each in stage.actions if each.name == about.action), None)
    if found is None:
        return False
    return found.status in (_BEGUN if about.state == "STARTED" else {Status.SUCCEEDED, Status.SKIPPED})


def states_of(actions: Sequence[Answer]) -> frozenset[tuple[str, str]]:
    """Tell which executions of actions there are, and how each stands."""
    return frozenset((row["actionExecutionId"], row["status"]) for row in actions)


def conditional(declaration: Answer) -> bool:
    """Tell whether a stage has conditions."""
    return any(stage.get(hook) for stage in declaration["stages"] for hook in CONDITIONS)


def still_so(target: AwsTarget, execution: Answer, actions: Sequence[Answer], declaration: Answer) -> bool:
    """Tell whether what was known of the execution can be true still: it is under way, and so is an action.

    What a source fetched is told with the execution, too: if the source itself does not tell, that is asked for again.
    """
    if execution["status"] != "InProgress" or not any(row["status"] == "InProgress" for row in actions):
        return False
    sources = {each["name"] for each in source_actions(declaration)}
    fetched = any(row["actionName"] in sources and row["status"] == "Succeeded" for row in actions)
    return not fetched or revision_of(declaration, execution, actions, target.source) is not None


def in_between(known: Known, actions: Sequence[Answer], declaration: Answer) -> bool:
    """Tell whether it is only on its way from one action to the next: something has just ended, and ended well."""
    return (
        not known.whole
        and known.execution["status"] == "InProgress"
        and bool(actions)
        and all(row["status"] == "Succeeded" for row in actions)
        and not _all_done(actions, declaration)
        and states_of(actions) != known.states
    )


def _all_done(actions: Sequence[Answer], declaration: Answer) -> bool:
    done = {(row["stageName"], row["actionName"]) for row in actions if row["status"] == "Succeeded"}
    return all((each["name"], action["name"]) in done for each in declaration["stages"] for action in each["actions"])


def explained(execution: Answer, actions: Sequence[Answer], declaration: Answer) -> bool:
    """Tell whether the actions, which were asked after first, show how the execution has ended."""
    states = {row["status"] for row in actions}
    if "InProgress" in states or conditional(declaration):
        return False
    if execution["status"] == "Succeeded" and execution.get("executionType") != "ROLLBACK":
        return _all_done(actions, declaration)
    return execution["status"] != "Failed" or "Failed" in states
