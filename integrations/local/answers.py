"""What the engine tells about pipelines and their executions: CodePipeline's nouns, plain and typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from integrations.local.states import Direction, Hook, Mode, State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, newest first (pipelines: by name)."""

    items: Sequence[T]
    after: str | None
    """What to ask with for the next part; `None` at the end."""


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """One version of a pipeline."""

    name: str
    version: int
    declaration: Mapping[str, Any]
    """As PipelineDeclaration in AWS's camelCase; `version` is this one's."""
    created: datetime
    updated: datetime
    file: str | None
    """The pipeline's file; `None` if it was made through the API."""

    @property
    def mode(self) -> Mode:
        """Give its execution mode."""
        return Mode(self.declaration.get("executionMode", Mode.SUPERSEDED))


@dataclass(frozen=True, slots=True)
class SourceRevision:
    """What one source action fetched."""

    action: str
    id: str
    summary: str = ""
    url: str | None = None
    artifact: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """One execution (PipelineExecution and PipelineExecutionSummary)."""

    id: str
    pipeline: str
    version: int
    status: State
    """Never `UNKNOWN`: CodePipeline says `FAILED`."""
    summary: str
    started: datetime
    updated: datetime
    sources: tuple[SourceRevision, ...]
    trigger: str
    """TriggerType, as `StartPipelineExecution`."""
    trigger_detail: str
    stop_reason: str
    mode: Mode
    rollback_to: str | None
    """For an execution of type ROLLBACK: whose artifacts and variables it brings back."""
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ActionExecutionRecord:
    """One attempt of one action, or of one rule of a condition (ActionExecutionDetail, RuleExecutionDetail)."""

    id: str
    """actionExecutionId or ruleExecutionId: each attempt has its own."""
    execution_id: str
    pipeline: str
    version: int
    stage: str
    name: str
    attempt: int
    hook: Hook | None
    """For a rule: whose condition's."""
    status: State
    """`IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `ABANDONED`."""
    started: datetime
    updated: datetime
    by: str
    """Who answered it (an approval), else empty."""
    declaration: Mapping[str, Any]
    """As ActionDeclaration or RuleDeclaration in AWS's camelCase."""
    resolved: Mapping[str, str]
    """Its configuration with the variables put in."""
    inputs: Mapping[str, str]
    """Artifact's name to the digest of what is in it."""
    outputs: Mapping[str, str]
    variables: Mapping[str, str]
    external_id: str
    """What the runner calls its work, as a build's id; an approval's token while it is open."""
    external_url: str | None
    summary: str
    error: str
    """For one that failed: its `ErrorCode`; else empty."""
    token: str | None
    """An approval's token, while it is open."""


@dataclass(frozen=True, slots=True)
class StageExecution:
    """An execution as one stage sees it."""

    execution_id: str
    status: State
    rollback: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """The way into a stage, or out of it."""

    enabled: bool = True
    reason: str = ""
    """In the characters that CodePipeline allows."""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action of a stage, or a rule, and its latest attempt there."""

    name: str
    latest: ActionExecutionRecord | None
    revision: SourceRevision | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionState:
    """A stage's condition as it stands in the stage's latest execution."""

    hook: Hook
    status: State | None
    """`None` while it has not been looked at."""
    summary: str
    changed: datetime | None
    rules: tuple[ActionState, ...]


@dataclass(frozen=True, slots=True)
class StageStateRecord:
    """One stage of a pipeline now (StageState)."""

    name: str
    latest: StageExecution | None
    inbound: tuple[StageExecution, ...]
    """Executions that wait to come in, oldest first."""
    transitions: Mapping[Direction, Transition]
    actions: tuple[ActionState, ...]
    conditions: Mapping[Hook, ConditionState]
    automatic_retries: int = 0
    manual_retries: int = 0
    latest_retry: str = ""
    """`AutomatedStageRetry`, `ManualStageRetry`, or empty."""


@dataclass(frozen=True, slots=True)
class PipelineStateRecord:
    """A whole pipeline now (GetPipelineState)."""

    name: str
    version: int
    mode: Mode
    created: datetime
    updated: datetime
    stages: tuple[StageStateRecord, ...]


@dataclass(frozen=True, slots=True)
class AskedRevision:
    """What a source action is to fetch (SourceRevisionOverride)."""

    action: str
    type: str
    """COMMIT_ID, IMAGE_DIGEST, S3_OBJECT_VERSION_ID or S3_OBJECT_KEY."""
    value: str


@dataclass(frozen=True, slots=True)
class StartRequest:
    """All that may be said when an execution is started."""

    token: str
    """clientRequestToken: the same one again gives the same execution."""
    variables: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[AskedRevision, ...] = ()
    trigger: str = "StartPipelineExecution"
    """TriggerType."""
    trigger_detail: str = ""
    started_by: tuple[str, ...] = ()
    """As `Run.started_by`."""
    webhook: Mapping[str, str] = field(default_factory=dict)
    """The `CODEBUILD_WEBHOOK_…` variables of the event that starts it."""


def plain_reason(text: str) -> str:
    """Write a transition's reason in the characters and length that CodePipeline allows (API model, DisabledReason)."""
    allowed = re.sub(r"[^a-zA-Z0-9!@ ().*?-]+", " ", text)
    return " ".join(allowed.split())[:300].strip() or "closed"
