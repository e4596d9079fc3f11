"""The seams: what a backend and a chat must offer. Contracts stand here; every implementation passes the same suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, SecretStr, StringConstraints

from bot.core.errors import Mistake
from bot.core.model import Decision, Frozen, HeldBy, Release, Run

BASE = "base"
"""In the validation context of a target (`ValidationInfo.context`): the catalogue's folder, which relative paths in it
start from, as a `pathlib.Path`."""


class Capability(StrEnum):
    """What a backend can do beyond start, observe, decide and stop."""

    ABANDON = "abandon"
    RETRY = "retry"
    ROLL_BACK = "roll_back"
    HOLD = "hold"
    OVERRIDE = "override"


class RetryScope(StrEnum):
    """What a retried stage runs again (CodePipeline's RetryStageExecution retryMode)."""

    FAILED_ACTIONS = "failed_actions"
    ALL_ACTIONS = "all_actions"


class Nudge(Frozen):
    """Look at this run now. Only a hint: it may be lost, late or repeated, and nothing depends on it."""

    run_id: str


@runtime_checkable
class Backend(Protocol):
    """A place that runs releases.

    Every verb may be repeated safely: the same call with the same arguments after a crash has the same effect once.
    Verbs raise `BackendUnavailable` when trying again may help, `RunNotFound`, `Conflict` when the run has moved on
    (already finished, the gate is decided, the stage is taken), and `BackendError` with a sentence for the person
    otherwise. A failed release is a status of its run, never an exception.
    """

    target: type[BaseModel]
    """What the catalogue must say about an environment of this backend; its validation errors reach `sayso check`."""
    capabilities: frozenset[Capability]

    async def start(self, target: BaseModel, release: Release) -> str:
        """Start a run of `release.ref` (or the pipeline's own branch) and give its id.

        `release.id` is the idempotency key: a second call gives the first call's run. A pipeline that can't be read
        still gives a run: one that failed, with the mistakes in `detail`.
        """
        ...

    async def observe(self, target: BaseModel, run_id: str) -> Run:
        """Tell how the run looks now. Cheap: called often."""
        ...

    async def decide(self, target: BaseModel, run_id: str, gate: str, decision: Decision) -> None:
        """Answer the gate with this token. `Conflict` if it is decided already, differently, or not open any more."""
        ...

    async def stop(self, target: BaseModel, run_id: str, reason: str, *, abandon: bool = False) -> None:
        """End the run: let running actions finish, or with `abandon` end them at once. Finished: no effect."""
        ...

    async def retry(self, target: BaseModel, run_id: str, stage: str, scope: RetryScope, attempt: int) -> None:
        """Run a failed stage again in the same run. `attempt` is the failed one; if it is past, nothing happens."""
        ...

    async def override(self, target: BaseModel, run_id: str, stage: str, condition: HeldBy, attempt: int) -> None:
        """Let a stage go on although its condition failed (`Stage.held`). `attempt` is as in `retry`.

        `Conflict` if nothing holds it, or a newer run has been in the stage since.
        """
        ...

    async def roll_back(self, target: BaseModel, release: Release, stage: str, to: str) -> str:
        """Bring the stage back to what run `to` put there; gives the new run's id.

        `release.id` is the idempotency key, as in `start`.
        """
        ...

    async def hold(self, target: BaseModel, stage: str, reason: str | None) -> None:
        """Close the way into a stage, saying why; `None` opens it again."""
        ...

    async def recent(self, target: BaseModel, limit: int) -> list[Run]:
        """List the newest runs, newest first, also those that were not started through Sayso."""
        ...

    async def log(self, target: BaseModel, run_id: str, key: str) -> str:
        """Give an action's whole log (`LogTail.key`), secrets masked, its last 5 MB if it is longer."""
        ...

    def nudges(self) -> AsyncIterator[Nudge]:
        """Yield a nudge whenever a run may look different; ends when the backend closes. One consumer."""
        ...


Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,49}\z")]
"""What a machine is or has, as `linux` or `gpu`; an action may ask for some."""


class Sharing(Frozen):
    """How several processes, on one machine or on many, share a backend's work."""

    labels: frozenset[Label] = frozenset()
    """Of this process: it takes the actions that ask for none, or only for these."""
    works: bool = True
    """False: it only decides what comes next, and leaves the work to others."""
    slots: int = 4
    """Actions at once, by process and combination of labels; whoever starts last says it for all."""
    lease: float = 15.0
    """Seconds of silence after which others take over what a process had under way."""
    drain: float = 0.0
    """Seconds that what is under way may go on when the process is asked to end; then others take it over."""


class Surroundings(Frozen):
    """What of the catalogue and the environment concerns one backend."""

    targets: tuple[BaseModel, ...] = ()
    """Of all environments of this backend."""
    secrets: Mapping[str, SecretStr] = {}
    """Variable's name, as `SAYSO_AWS_ACCESS_KEY_ID`, to its value; only those that are set."""
    sharing: Sharing | None = None
    """None: this process is alone with its database and data folder."""


@runtime_checkable
class Doors(Protocol):
    """What an opened backend may offer besides: HTTP apps of its own, next to the bot's."""

    @property
    def doors(self) -> Mapping[str, Any]:
        """Give the ASGI app by path, as `/aws`; a request's `path` is not shortened for it."""
        ...


@runtime_checkable
class Forgets(Protocol):
    """What a backend that keeps its runs itself may offer besides: it drops those that are old."""

    async def forget(self, before: datetime, kept: Collection[str]) -> int:
        """Drop runs that ended before, with all that is kept of them, and give how many that were.

        Never those in `kept` (ids), those under way, and those that a stage could be brought back to.
        """
        ...


class Transactions(Protocol):
    """The application's database, for a backend that keeps rows of its own in it.

    Both verbs give an SQLAlchemy `AsyncConnection`. All writers share one queue on SQLite, which has one writer anyway.
    """

    engine: Any
    """The `AsyncEngine` below, for what is not a transaction: which database it is, and its address."""

    def write(self) -> AbstractAsyncContextManager[Any]:
        """Open a transaction that commits at the end of the block, and rolls back on an error."""
        ...

    def read(self) -> AbstractAsyncContextManager[Any]:
        """Open a consistent view for reading."""
        ...


class BackendPlugin(Protocol):
    """How a backend comes in: the entry point group `sayso.backends` names an object of this shape, by backend name."""

    target: type[BaseModel]
    """As `Backend.target`; known without opening anything, so that `sayso check` can use it."""
    migrations: tuple[str, str] | None
    """Alembic folder and version table of the backend's own tables, if it has some."""

    def wanted(self, secrets: Mapping[str, SecretStr]) -> bool:
        """Tell whether to open it even if no environment of the catalogue is its own."""
        ...

    def open(
        self,
        *,
        database: Transactions,
        data: Any,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        surroundings: Surroundings,
    ) -> AbstractAsyncContextManager[Backend]:
        """Open it for the time of the block: `database` is migrated, `data` a folder of its own.

        The backend may be one that has `Doors`, too. `Misconfigured` if it can't be opened with what is set.
        """
        ...


class Review(Frozen):
    """What `sayso check` says of an environment beyond what stands in the catalogue."""

    mistakes: tuple[Mistake, ...] = ()
    """It can't work so."""
    warnings: tuple[Mistake, ...] = ()
    """It works, but perhaps not as its author thinks."""


@runtime_checkable
class Reviewer(Protocol):
    """What a backend's plugin may offer besides: it reads what a target only names, as a pipeline's file."""

    def review(self, target: BaseModel, stage: str | None, *, production: bool) -> Review:
        """Look at one environment, without opening the backend."""
        ...


Content = TypeVar("Content")
Content_contra = TypeVar("Content_contra", contravariant=True)


class Posted(Frozen):
    """Where a message stands: Slack's channel id and `ts`."""

    channel: str
    ts: str


class Messenger(Protocol[Content_contra]):
    """A chat that messages go to. `Content` is its own form of a message (Slack: text and blocks).

    Every verb is one attempt, bounded in time, and raises a `DeliveryError`: `RateLimited` (nothing happened),
    `Unreachable` (`ambiguous`: it may have happened), `Gone` (the channel or message is not there for us; the sentence
    says what to do), `ContentRefused` (nothing happened; another content may be taken).
    """

    async def post(
        self, channel: str, content: Content_contra, *, message_id: str, thread: str | None = None
    ) -> Posted:
        """Post a new message, at the top or below the message `thread`; `message_id` lets `find` know it again."""
        ...

    async def edit(self, place: Posted, content: Content_contra) -> None:
        """Replace a message's content; may be repeated."""
        ...

    async def find(self, message_id: str, channel: str, *, since: datetime, thread: str | None = None) -> Posted | None:
        """Look for a message or file that was sent with this id, no earlier than `since`."""
        ...

    async def upload(self, channel: str, *, name: str, text: str, message_id: str, thread: str | None = None) -> Posted:
        """Share a text file; `name` is without its ending. The answer's `ts` is empty if the chat doesn't tell it."""
        ...

    async def open_direct(self, person: str) -> str:
        """Give the channel for direct messages to a person (the chat's id of the person)."""
        ...

    async def link(self, place: Posted) -> str:
        """Give a message's web address."""
        ...
