"""The nouns: what a run, a release and a person are, the same for every backend and every surface."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value: immutable, compared by content, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Status(StrEnum):
    """How far a run, a stage or an action has come. `WAITING` means: for a person."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    """It ended and nobody can say how (for example the machine went down in the middle of a deployment)."""

    @property
    def finished(self) -> bool:
        """Tell whether nothing more happens without somebody asking for it."""
        return self in FINISHED


FINISHED = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.SUPERSEDED, Status.SKIPPED, Status.UNKNOWN}
)


class ActionKind(StrEnum):
    """What an action does; CodePipeline's categories (Developer Guide, "Pipeline structure reference")."""

    SOURCE = "source"
    BUILD = "build"
    TEST = "test"
    DEPLOY = "deploy"
    APPROVAL = "approval"
    INVOKE = "invoke"
    COMPUTE = "compute"


class Revision(Frozen):
    """What is shipped: one commit (or image digest, or object version) and what is known of it."""

    id: str
    """Full commit hash, image digest or object version."""
    summary: str = ""
    """The commit message's first line; untrusted text."""
    author: str = ""
    url: str | None = None
    ref: str | None = None
    """The branch or tag that it was resolved from."""

    @property
    def short(self) -> str:
        """Give the first eight characters, as people say it."""
        return self.id.removeprefix("sha256:")[:8]


class FailedTest(Frozen):
    """One test that failed or broke, with its message; untrusted text."""

    name: str
    message: str = ""


class SlowTest(Frozen):
    """How long one of the slowest tests took; its name is untrusted text."""

    name: str
    seconds: float


class Coverage(Frozen):
    """How many lines (and, if the report knows, branches) the tests ran through, of how many."""

    covered: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    branches_covered: int | None = None
    branches_total: int | None = None

    @property
    def percent(self) -> float:
        """Give the covered lines in percent, 0 to 100; of nothing, 100."""
        return 100.0 * self.covered / self.total if self.total else 100.0


class TestReport(Frozen):
    """What a build's test reports say, all files of one action added up."""

    __test__ = False  # pytest collects classes named Test*

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: tuple[FailedTest, ...] = ()
    """The first failing ones, at most 20."""
    notes: tuple[str, ...] = ()
    """What could not be read, as sentences (a broken report file fails only the report)."""
    slowest: tuple[SlowTest, ...] = ()
    """The slowest tests, slowest first, at most 5."""
    coverage: Coverage | None = None
    """What the coverage reports say, all files added up."""

    @property
    def total(self) -> int:
        """Count every case, skipped ones too."""
        return self.passed + self.failed + self.errors + self.skipped


class Rollout(Frozen):
    """How far a deployment is: targets done of all, and the lifecycle event under way."""

    done: int = 0
    total: int = 0
    step: str = ""
    """The lifecycle event, as `ApplicationStart`."""
    target: str = ""
    percent: float | None = None
    """How much of the traffic goes to what is new, 0 to 100, if it is shifted step by step."""

    @property
    def told(self) -> bool:
        """Tell whether there is anything to say."""
        return bool(self.total) or self.percent is not None


class LogTail(Frozen):
    """The last lines of an action's log, secrets already masked."""

    lines: tuple[str, ...] = ()
    """At most 40 lines of at most 500 characters."""
    key: str | None = None
    """What `Backend.log()` takes to give the whole log."""


class Decision(Frozen):
    """What one person said at a gate."""

    approved: bool
    by: str
    """A person's key in the catalogue, or the backend's name for somebody that it does not know."""
    comment: str = ""
    at: datetime | None = None


class Gate(Frozen):
    """A place where the run waits for a person."""

    token: str
    """Identifies this one waiting: a retry of the same gate has another token."""
    message: str = ""
    link: str | None = None
    expires: datetime | None = None
    decision: Decision | None = None


class Action(Frozen):
    """One step of a stage. `detail` is one short line of progress or of cause."""

    name: str
    kind: ActionKind
    status: Status = Status.QUEUED
    order: int = 1
    """CodePipeline's runOrder: equal numbers run side by side."""
    started: datetime | None = None
    finished: datetime | None = None
    detail: str = ""
    tests: TestReport | None = None
    rollout: Rollout | None = None
    log: LogTail | None = None
    gate: Gate | None = None
    url: str | None = None


class HeldBy(StrEnum):
    """Which condition keeps a failed stage from going on; a person may override it."""

    BEFORE_ENTRY = "before_entry"
    ON_SUCCESS = "on_success"


class Stage(Frozen):
    """A stage of a run. A retry raises `attempt`, and everything in it starts anew; so does an override."""

    name: str
    status: Status = Status.QUEUED
    attempt: Annotated[int, Field(ge=1)] = 1
    started: datetime | None = None
    finished: datetime | None = None
    actions: tuple[Action, ...] = ()
    detail: str = ""
    held: HeldBy | None = None
    """It failed only because this condition did: `Backend.override` lets it go on."""


class Run(Frozen):
    """One look at a backend's execution: everything that is known of it at `seen`."""

    id: str
    pipeline: str
    status: Status = Status.QUEUED
    revision: Revision | None = None
    stages: tuple[Stage, ...] = ()
    started: datetime | None = None
    finished: datetime | None = None
    detail: str = ""
    """Why it failed or stopped, one sentence; empty while all is well."""
    trigger: str = ""
    """What started it, in the backend's words (`Webhook`, `StartPipelineExecution`, `ManualRollback`)."""
    started_by: tuple[str, ...] = ()
    """What whoever started it is called outside Sayso, surest first: `github:ana-r`, an ARN, an e-mail address. The
    catalogue knows whose that is. Empty if nobody did (a schedule), or the backend doesn't know."""
    rollback: bool = False
    url: str | None = None
    seen: datetime
    """When the backend began this look; of two looks at the same state the later one's details count."""

    def stage(self, name: str) -> Stage | None:
        """Find a stage by its name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def attempt(self) -> int:
        """Count the retries of all stages; only a higher number may revive a finished run."""
        return 1 + sum(stage.attempt - 1 for stage in self.stages)

    @property
    def open_gate(self) -> tuple[Stage, Action, Gate] | None:
        """Find the gate that waits for a person, if one does."""
        for stage in self.stages:
            for action in stage.actions:
                if action.gate and action.status is Status.WAITING and action.gate.decision is None:
                    return stage, action, action.gate
        return None


class Surface(StrEnum):
    """The channel a person speaks through."""

    SLACK = "slack"
    VOICE = "voice"
    CLI = "cli"
    HTTP = "http"
    BACKEND = "backend"
    """Nobody spoke: a run that the backend started by itself."""


class Actor(Frozen):
    """A person as known to the catalogue, and the channel they speak through."""

    person: str
    """Key in the catalogue's `people`."""
    name: str
    surface: Surface
    conversation: str | None = None
    """Where they said it (a Slack channel's id), for answers in place."""


class Hold(Frozen):
    """What somebody wished for the way into an environment's stage: closed, or open again."""

    environment: str
    stage: str
    closed: bool = True
    by: str
    """A person's key in the catalogue."""
    reason: str = ""
    """In the person's own words; a backend may show less of it."""
    since: datetime
    done: bool = False
    """The backend has taken it."""

    @property
    def state(self) -> Literal["closing", "closed", "opening", "open"]:
        """Say how the way in stands: what is only asked for is not called done."""
        if self.closed:
            return "closed" if self.done else "closing"
        return "open" if self.done else "opening"


class ReleaseKind(StrEnum):
    """How a release came to be."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    """It continues a run that waited before this environment's stage."""
    ROLLBACK = "rollback"
    ADOPTED = "adopted"


class Release(Frozen):
    """Somebody's wish: this revision of this service to this environment; with the run that carries it out."""

    id: str
    number: int
    """Counts up per service: what people say and type, as in `checkout #12`."""
    service: str
    environment: str
    ref: str | None = None
    """What was asked for after `@`; empty: the pipeline's own branch."""
    revision: Revision | None = None
    reason: str = ""
    kind: ReleaseKind = ReleaseKind.DEPLOY
    requested_by: str
    """Person's key; for an adopted run that nobody of the catalogue started the backend's words for what did."""
    run_asked_by: tuple[str, ...] = ()
    """For a promoted release: who asked for what its run carried out before."""
    surface: Surface
    conversation: str | None = None
    backend: str
    stage: str | None = None
    """The stage of the pipeline that is this environment; without one the whole run is."""
    run_id: str | None = None
    status: Status = Status.QUEUED
    active: bool = True
    """Only one release per service and environment is; the database enforces it."""
    detail: str = ""
    """Why it failed or stopped, one sentence."""
    gate: str | None = None
    """Token of the gate that `approvals` belong to."""
    approvals: tuple[Decision, ...] = ()
    """What people said through Sayso at the gate that is open or was last."""
    approvals_needed: int = 1
    min_attempt: int = 1
    """A look at a lower attempt of the run is from before a retry that was asked for, and can't end the release."""
    unreachable_since: datetime | None = None
    """Since when the backend has not answered; what is shown is older than that."""
    stopped_by: str | None = None
    held: tuple[Hold, ...] = ()
    """The environments of its pipeline whose way in is closed, or not open again yet; see `holds.in_the_way`."""
    run: Run | None = None
    version: int = 1
    """Raised by every change: a card that shows this version is up to date."""
    created: datetime
    updated: datetime
    finished: datetime | None = None

    @property
    def behind(self) -> frozenset[str]:
        """Give everybody who asked for something that this release's run carries out: they can't approve it."""
        return frozenset({self.requested_by, *self.run_asked_by})

    @property
    def label(self) -> str:
        """Name it the way people do."""
        return f"{self.service} #{self.number}"
