"""What people can ask for: one typed `Command` for every surface, and what the desk answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.core.model import Frozen, Hold, Release, Revision


class Verb(StrEnum):
    """The verbs, as people type them."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    """Let the run that waits before this environment go on; only ever offered, as the answer to a deploy."""
    STATUS = "status"
    APPROVE = "approve"
    REJECT = "reject"
    STOP = "stop"
    RETRY = "retry"
    OVERRIDE = "override"
    """Let a stage go on although its condition failed."""
    ROLLBACK = "rollback"
    HOLD = "hold"
    """Close the way into an environment."""
    UNHOLD = "unhold"
    HISTORY = "history"
    WHERE = "where"
    PAIR = "pair"
    """Let a voice speak for you, by the code that it was told."""
    UNPAIR = "unpair"
    VOICES = "voices"
    HELP = "help"


class Command(Frozen):
    """One wish. Surfaces fill in what was said; the desk finds out the rest or answers what is missing.

    A button names its release by `release` and what it saw there by `gate` (token), `run_id` or `attempt`, so that a
    stale one can't act on something else.
    """

    verb: Verb
    service: str | None = None
    """Catalogue key: aliases and typos are resolved by the grammar."""
    environment: str | None = None
    ref: str | None = None
    reason: str = ""
    release: str | None = None
    number: int | None = None
    """`checkout #12`."""
    gate: str | None = None
    run_id: str | None = None
    """For `PROMOTE`: the waiting run that was offered."""
    attempt: int | None = None
    """For `RETRY` and `OVERRIDE`: the failed run's attempt that the button showed."""
    abandon: bool = False
    """For `STOP`: end running actions at once instead of letting them finish."""
    whole: bool = False
    """For `RETRY`: run all of the stage's actions again, also those that went well."""
    fresh: bool = False
    """For `DEPLOY`: start a new run even though one already waits before this environment."""
    topic: str | None = None
    """For `HELP`: a verb."""
    code: str | None = None
    """For `PAIR`: six digits, however they are grouped."""


class Accepted(Frozen):
    """The wish is recorded and will be carried out; the release as it stands with it."""

    kind: Literal["accepted"] = "accepted"
    verb: Verb
    release: Release
    repeated: bool = False
    """The same command (by its idempotency key) was accepted before; nothing new was started."""
    given: int = 0
    needed: int = 0
    """For `APPROVE`: how many approvals the gate has with this one, and how many it needs."""


class Coming(Frozen):
    """A run that comes behind another one."""

    run_id: str
    revision: Revision | None
    started_by: str
    """Person's key, or the backend's word."""


class Offered(Frozen):
    """Ship exactly the run that already waits before this environment, or start another one."""

    kind: Literal["offered"] = "offered"
    service: str
    environment: str
    run_id: str
    gate: str
    revision: Revision | None
    started_by: str
    """Person's key, or the backend's word."""
    waiting_since: datetime | None
    contains: tuple[str, ...] = ()
    """What is in it that the environment does not run yet, newest first, as `9f1c2d3a Fix rounding (Ana)`."""
    current: Revision | None = None
    """What the environment runs now, if known."""
    may_approve: bool
    """Whether this person's tap counts as the approval; if not, `why_not` says why and who may."""
    why_not: str = ""
    held: Hold | None = None
    """If the way into the environment is closed: the run would wait there."""
    newer: Coming | None = None
    """A newer run of the same pipeline, which is on its way behind this one."""


class Held(Frozen):
    """The way into an environment is to be closed, or open again; `hold.state` says how far that is."""

    kind: Literal["held"] = "held"
    verb: Verb
    service: str
    hold: Hold
    release: Release | None = None
    """The release that is on its way there."""
    repeated: bool = False
    """The same command (by its idempotency key) was accepted before."""


class Releases(Frozen):
    """Releases, newest first: the active ones (`STATUS`) or the past (`HISTORY`)."""

    kind: Literal["releases"] = "releases"
    verb: Verb
    releases: tuple[Release, ...]
    waiting_for_me: tuple[str, ...] = ()
    """Ids of those that this person may approve now."""


class Deployment(Frozen):
    """What one environment of a service runs."""

    service: str
    environment: str
    revision: Revision | None
    release: str | None
    number: int | None
    since: datetime | None
    """All None: Sayso has not deployed anything there yet, so it doesn't know."""
    doubt: str = ""
    """Why this may not be what runs: a later release began there and did not end well."""
    held: Hold | None = None
    """If the way in is closed, or not open again yet."""


class Deployments(Frozen):
    """What runs where."""

    kind: Literal["deployments"] = "deployments"
    deployments: tuple[Deployment, ...]


class Paired(Frozen):
    """A voice that speaks for a person."""

    person: str
    whole_account: bool
    """Everybody who speaks to the account's devices: Alexa recognised nobody when it was paired."""
    locale: str
    since: datetime
    notify: bool = False
    """Whether it wants to be told of its person's releases."""


class Voices(Frozen):
    """A person's voices: the one just paired (`PAIR`), those unpaired (`UNPAIR`), or all (`VOICES`)."""

    kind: Literal["voices"] = "voices"
    verb: Verb
    voices: tuple[Paired, ...]


class HelpWanted(Frozen):
    """The surface shows its help; `topic` is a verb or None for all."""

    kind: Literal["help"] = "help"
    topic: str | None = None


Answer = Accepted | Offered | Held | Releases | Deployments | Voices | HelpWanted
