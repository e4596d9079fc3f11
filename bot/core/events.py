"""What can happen to a release: typed facts, appended to the log in the transaction that made them true."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.core.model import Decision, Frozen, HeldBy, ReleaseKind, Revision, Status, TestReport


class ReleaseRequested(Frozen):
    """Somebody asked for it and was told yes."""

    kind: Literal["release_requested"] = "release_requested"
    by: str
    how: ReleaseKind
    ref: str | None = None
    reason: str = ""


class RunStarted(Frozen):
    """The backend works on it."""

    kind: Literal["run_started"] = "run_started"
    run_id: str
    revision: Revision | None = None


class StageStarted(Frozen):
    """A stage began, for the first or another time."""

    kind: Literal["stage_started"] = "stage_started"
    stage: str
    attempt: int


class ActionFinished(Frozen):
    """An action ended, well or not."""

    kind: Literal["action_finished"] = "action_finished"
    stage: str
    attempt: int
    action: str
    status: Status
    detail: str = ""
    seconds: float | None = None
    tests: TestReport | None = None


class StageFinished(Frozen):
    """A stage ended."""

    kind: Literal["stage_finished"] = "stage_finished"
    stage: str
    attempt: int
    status: Status
    detail: str = ""
    seconds: float | None = None


class GateOpened(Frozen):
    """The run waits for a person."""

    kind: Literal["gate_opened"] = "gate_opened"
    stage: str
    action: str
    token: str
    message: str = ""
    expires: datetime | None = None


class ApprovalGiven(Frozen):
    """One person said yes or no through Sayso; the gate may need more of them."""

    kind: Literal["approval_given"] = "approval_given"
    token: str
    decision: Decision
    needed: int
    given: int


class GateDecided(Frozen):
    """The backend took the answer, wherever it was given."""

    kind: Literal["gate_decided"] = "gate_decided"
    stage: str
    action: str
    token: str
    decision: Decision


class StopRequested(Frozen):
    """Somebody asked to end it."""

    kind: Literal["stop_requested"] = "stop_requested"
    by: str
    reason: str = ""
    abandon: bool = False


class RetryRequested(Frozen):
    """Somebody asked to run the failed stage again."""

    kind: Literal["retry_requested"] = "retry_requested"
    by: str
    stage: str
    attempt: int
    """The attempt that failed."""


class OverrideRequested(Frozen):
    """Somebody asked to let a stage go on although its condition failed."""

    kind: Literal["override_requested"] = "override_requested"
    by: str
    stage: str
    condition: HeldBy
    attempt: int
    """The attempt that the condition failed."""
    reason: str


class EnvironmentHeld(Frozen):
    """Somebody closed the way into an environment that the release is on its way to."""

    kind: Literal["environment_held"] = "environment_held"
    environment: str
    by: str
    reason: str = ""


class EnvironmentOpened(Frozen):
    """Somebody opened it again."""

    kind: Literal["environment_opened"] = "environment_opened"
    environment: str
    by: str
    reason: str = ""


class VerbFailed(Frozen):
    """The backend refused what was asked of it; `detail` is the sentence for people."""

    kind: Literal["verb_failed"] = "verb_failed"
    verb: str
    detail: str


class Deployed(Frozen):
    """An environment runs this revision now."""

    kind: Literal["deployed"] = "deployed"
    environment: str
    run_id: str
    revision: Revision | None = None
    rollback: bool = False


class ReleaseFinished(Frozen):
    """It ended; `status` says how."""

    kind: Literal["release_finished"] = "release_finished"
    status: Status
    attempt: int
    detail: str = ""
    seconds: float | None = None


class ReleaseRevived(Frozen):
    """It had ended and goes on, because somebody retried it (here or at the backend)."""

    kind: Literal["release_revived"] = "release_revived"
    attempt: int


class CommandSpoken(Frozen):
    """What was changed just now was asked for by voice."""

    kind: Literal["command_spoken"] = "command_spoken"
    by: str
    verb: str
    heard: str
    """Untrusted text."""
    confirmed: Literal["yes", "tap", "pin"]
    """How it was proved: a yes to what was read back, a tap in the chat, or Alexa's voice PIN."""


Event = Annotated[
    ReleaseRequested
    | RunStarted
    | StageStarted
    | ActionFinished
    | StageFinished
    | GateOpened
    | ApprovalGiven
    | GateDecided
    | StopRequested
    | RetryRequested
    | OverrideRequested
    | EnvironmentHeld
    | EnvironmentOpened
    | VerbFailed
    | Deployed
    | ReleaseFinished
    | ReleaseRevived
    | CommandSpoken,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes events as JSON."""


class LoggedEvent(Frozen):
    """An event as it stands in the log: `position` only grows."""

    position: int
    release_id: str
    service: str
    environment: str
    at: datetime
    event: Event
