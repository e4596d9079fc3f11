"""The seam between the engine, which owns the state, and the runners, which carry out one action attempt each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.core.model import Frozen, LogTail, Revision, Rollout, TestReport
from integrations.specs.pipeline import ActionDeclaration


class AfterCrash(StrEnum):
    """What becomes of an attempt that was under way when the server died."""

    RERUN = "rerun"
    """It is idempotent: simply again (source)."""
    REATTACH = "reattach"
    """Its process outlived us on this host: go on with that one (build)."""
    ASK = "ask"
    """It may have changed the world half way: a person decides (deploy)."""


class PhaseContext(Frozen):
    """Why a phase of a build failed, as `BatchGetBuilds` says it (API reference, "PhaseContext")."""

    status_code: str
    """As `COMMAND_EXECUTION_ERROR`."""
    message: str
    """As `Error while executing command: false. Reason: exit status 1`; secrets masked."""


class BuildPhase(Frozen):
    """One phase of a build (API reference, "BuildPhase")."""

    type: str
    """As `DOWNLOAD_SOURCE`, `INSTALL`, `POST_BUILD`, `COMPLETED`."""
    status: str
    """`IN_PROGRESS`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `FAULT`."""
    started: datetime
    finished: datetime | None = None
    contexts: tuple[PhaseContext, ...] = ()


class Progress(Frozen):
    """What a runner tells while it works; every field replaces the former value unless it is None."""

    detail: str | None = None
    tests: TestReport | None = None
    rollout: Rollout | None = None
    log: LogTail | None = None
    phases: tuple[BuildPhase, ...] | None = None
    """A build's phases so far, in order."""
    build_number: int | None = None
    """A build's number within its project."""


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """It was cancelled, and its processes are gone."""
    INTERRUPTED = "interrupted"
    """The server died under it and nobody can say how far it came: shown as unknown; a person decides."""


class ErrorCode(StrEnum):
    """Why an action failed, as `ErrorDetails.code` says it (API reference, "FailureDetails", `type`).

    CodePipeline's own codes beyond those types are not documented: `TIMED_OUT` and `APPROVAL_REJECTED` are its words
    for these failures elsewhere. `INTERRUPTED` is ours: nobody knows how it ended.
    """

    JOB_FAILED = "JobFailed"
    """It did its work, and that failed."""
    CONFIGURATION = "ConfigurationError"
    """It can't begin as it is written in the pipeline or in the catalogue."""
    PERMISSION = "PermissionError"
    REVISION_UNAVAILABLE = "RevisionUnavailable"
    """What it is to fetch is not there."""
    SYSTEM_UNAVAILABLE = "SystemUnavailable"
    """Something that it needs did not answer, or this machine has no room."""
    TIMED_OUT = "TimedOut"
    APPROVAL_REJECTED = "ApprovalRejected"
    INTERRUPTED = "Interrupted"


class Result(Frozen):
    """How an attempt ended and what it leaves behind."""

    outcome: Outcome
    detail: str = ""
    """For a failure its cause, one sentence for a person."""
    error: str = ""
    """For a failure its `ErrorCode`, or what the work itself called it; empty: `JobFailed`."""
    outputs: Mapping[str, str] = {}
    """Output artifact's name to the folder that is to be kept as that artifact."""
    variables: Mapping[str, str] = {}
    """Output variables for the action's namespace, values of at most 1,000 characters."""
    revision: Revision | None = None
    """What a source action fetched."""
    external_id: str = ""
    """What the runner itself calls this work, as a build's id (CodePipeline's externalExecutionId)."""
    url: str | None = None
    """Where to look at it."""
    tests: TestReport | None = None
    rollout: Rollout | None = None
    log: LogTail | None = None
    phases: tuple[BuildPhase, ...] | None = None
    """A build's phases so far, in order."""
    build_number: int | None = None
    """A build's number within its project."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that a runner needs for one attempt of one action."""

    id: str
    """Action execution id and attempt, as `…#1`: the idempotency key of everything the runner does."""
    execution_id: str
    pipeline: str
    stage: str
    declaration: ActionDeclaration
    configuration: Mapping[str, str]
    """The action's configuration, variables already resolved."""
    inputs: Mapping[str, Path]
    """Input artifact's name to a read-only folder holding it."""
    folder: Path
    """This attempt's own clean work folder; the runner may do there what it wants. Kept for re-attaching."""
    log: Path
    """Where the runner appends its log as it goes (UTF-8, secrets masked)."""
    base: Path
    """The folder of the pipeline file: relative paths in configurations start here."""
    environment: Mapping[str, str]
    """Variables of the execution that every child process gets."""
    revision: Revision | None
    """The primary source revision, once a source action ran; for a source action: the one that is asked for."""
    report: Callable[[Progress], Awaitable[None]]
    """Tell progress; cheap, may be called often (the engine coalesces)."""
    asked_type: str | None = None
    """For a source action: what kind of `revision` is asked for (CodePipeline's SourceRevisionType), if it was said."""
    sources: Mapping[str, Revision] = field(default_factory=dict)
    """Artifact's name to its revision, for those that source actions made."""
    webhook: Mapping[str, str] = field(default_factory=dict)
    """The `CODEBUILD_WEBHOOK_…` variables of the event that started the execution."""
    leaving: Callable[[], bool] = lambda: False
    """True while the server goes down: a cancelled `perform` then leaves its processes running, to be re-attached."""


class Runner(Protocol):
    """Carries out attempts of one kind of action.

    `perform` may be cancelled (asyncio): it then ends the processes it started (TERM, then KILL), and re-raises;
    unless `attempt.leaving()` says that the server goes down: a `REATTACH` runner then leaves them running.
    It never raises otherwise for what a user's files or commands do: that is a failed `Result` with a sentence.
    After a crash `perform` is called again with `interrupted=True` if the policy says `RERUN` or `REATTACH`; being
    cancelled then means to end the processes that outlived the crash, too (never before its first await).
    """

    after_crash: AfterCrash

    async def perform(self, attempt: Attempt, *, interrupted: bool) -> Result:
        """Carry the attempt out to its end."""
        ...
