"""The seam between whatever a person speaks to and the desk: who spoke, what was planned, and how a yes is proved."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from bot.core.commands import Accepted, Answer, Command, Offered
from bot.core.model import Actor, Frozen, Release
from bot.core.vocabulary import Vocabulary

PLAN_SECONDS = 120
"""How long a plan may be confirmed, and how long Slack's three numbers may be pressed after that."""
CODE_SECONDS = 300
"""How long a pairing code may be typed."""
MOST_WRONG = 5
"""Wrong tries in a row after which a person is locked."""
LOCK_SECONDS = 900
"""How long a lock holds."""


class VoiceRule(StrEnum):
    """How far voice may go in an environment: the catalogue's `voice`."""

    DENY = "deny"
    """Not even questions."""
    READ = "read"
    """Questions only."""
    CHAT = "confirm-in-chat"
    """A tap by the same person in Slack completes it."""
    PIN = "pin"
    """Alexa's own voice PIN completes it."""
    ALLOW = "allow"
    """A read-back and a yes suffice."""


class Voice(Frozen):
    """Who spoke, as a verified request says. Ids are Amazon's own: hashed before anything is kept or logged."""

    skill: str
    """`context.System.application.applicationId`."""
    account: str
    """`context.System.user.userId`: the household."""
    person: str | None = None
    """`context.System.person.personId`; None: Alexa did not recognise the voice."""
    level: int | None = None
    """`context.System.person.authenticationConfidenceLevel.level` of the raw request (the SDK's model drops it)."""
    locale: str = "en-US"


class Speaker(Frozen):
    """Whom a voice belongs to."""

    actor: Actor | None = None
    """The paired person; None: not paired, or not recognised well enough."""
    recognised: bool = False
    """Whether Alexa knows the voice (a `person` with a level that suffices), paired or not."""
    locked_until: datetime | None = None
    """After too many wrong tries: until then this person's voice may only ask."""
    notify: bool = False
    """Whether this paired voice wants to be told when a release of theirs finishes, fails or waits."""


class Factor(StrEnum):
    """What completes a plan, after it was read back and answered with yes."""

    NONE = "none"
    CHAT = "chat"
    """`confirm` answers with a `Tap`: Alexa says the number, Slack offers three."""
    PIN = "pin"
    """`confirm` answers with a `PinWanted`: start AMAZON.VerifyPerson with the plan's id as its token, and `confirm`
    again with the result."""


class Plan(Frozen):
    """What will be done if the same speaker confirms it: kept on the server, used once, checked again at the end."""

    id: str
    command: Command
    """Resolved: names the service, the environment, and the release, run or gate that it is about."""
    service: str
    environment: str
    release: Release | None = None
    """The release that it is about, as it is now: the one to approve, reject, stop or retry; for a promotion the one
    whose run waits. None for a new release (deploy, roll back)."""
    number: int | None = None
    """What people call it (`checkout 12`): of `release`, else the number that a new release will get unless another
    one comes first."""
    becomes: Release | None = None
    """How the release will be recorded: its `ref`, and its `revision` (for a rollback what is brought back)."""
    offered: Offered | None = None
    """For a deploy to where a run waits already: that run, which `command` (`PROMOTE`) lets go on."""
    factor: Factor
    expires: datetime


class Tap(Frozen):
    """Yes was heard; now the same person must press this number in Slack. The message is on its way already."""

    kind: Literal["tap"] = "tap"
    number: int
    """10 to 99. Slack offers it among three."""
    expires: datetime


class PinWanted(Frozen):
    """Yes was heard; now Alexa must verify the same person with their voice PIN, and `confirm` be told the result."""

    kind: Literal["pin"] = "pin"
    level: int
    """What AMAZON.VerifyPerson/2 must be asked for (`requestedAuthenticationConfidenceLevel.level`)."""
    expires: datetime


class PinResult(Frozen):
    """How AMAZON.VerifyPerson/2 ended: `SessionResumedRequest.cause.result`."""

    status: Literal["ACHIEVED", "NOT_ACHIEVED", "NOT_ENABLED"]
    reason: str | None = None
    """METHOD_LOCKOUT, VERIFICATION_METHOD_NOT_SETUP or NOT_MATCH."""


class PairingCode(Frozen):
    """What the person types in Slack: `/release pair 123 456`."""

    code: str
    """Six digits in two groups, as `123 456`."""
    expires: datetime


class Numbers(Protocol):
    """What a chat needs of the voice desk: to hand on the number that somebody pressed."""

    async def tap(self, actor: Actor, plan_id: str, number: int) -> Accepted:
        """Carry the plan out if this is the number that Alexa said; any other number ends the plan.

        A second press of the right one is answered as `repeated`. Raises as `VoiceDesk`, `Refused` also for anybody
        but the speaker.
        """
        ...


class VoiceDesk(Protocol):
    """What a skill may ask for. Every verb is bounded in time: it takes a transaction, and asks a backend briefly.

    All raise `Refused`, `NotFound`, `NotUnderstood`, `Conflict` or `BackendUnavailable` with sentences for the person
    (`error.sentence`, `error.fix`); then nothing has changed, except that a wrong try is counted and its plan is over.
    `key` is the request's id: a second delivery of the same request is answered as the first one.
    """

    async def speaker(self, voice: Voice) -> Speaker:
        """Tell whose voice this is."""
        ...

    async def pairing_code(self, voice: Voice) -> PairingCode:
        """Make a code that binds this voice to whoever types it; the voice's earlier codes stop working.

        `Refused` if the voice is paired already, or not recognised where the catalogue's `[voice] accounts` does not
        let a whole account speak for one person.
        """
        ...

    async def ask(self, voice: Voice, command: Command, heard: str, key: str) -> Answer:
        """Look: STATUS, HISTORY, WHERE or HELP. A voice that is nobody's may only ask for STATUS.

        Environments that are closed to voice (`deny`) are left out of the answer.
        """
        ...

    async def plan(self, voice: Voice, command: Command, heard: str, key: str) -> Plan:
        """Check a wish as far as that is possible without changing anything, and keep it for `confirm`.

        DEPLOY, APPROVE, REJECT, STOP, RETRY, ROLLBACK (and PROMOTE). A DEPLOY may have `number`: the build that release
        `service #number` shipped. STOP and RETRY without a place mean the speaker's own latest release; if several
        could be meant, `NotUnderstood` lists them. A speaker's earlier unconfirmed plan is dropped. `heard` is what
        the person said, for the release's thread; untrusted text.
        """
        ...

    async def confirm(
        self, voice: Voice, plan_id: str, key: str, pin: PinResult | None = None
    ) -> Accepted | Tap | PinWanted:
        """Take the yes (or the PIN's result) of the speaker who made the plan.

        Said again it changes nothing: `Accepted.repeated` once carried out (also by the tap, meanwhile), the same `Tap`
        while Slack is waited for. `NotFound` if it is another's or unknown, `Conflict` if it expired, was dropped or
        was refused in Slack; `Refused` if the PIN was wrong, or the level is too low.
        """
        ...

    async def drop(self, voice: Voice, plan_id: str) -> None:
        """Forget a plan that was answered with no, or left behind; one that is gone already is no error."""
        ...

    async def notify(self, voice: Voice, wanted: bool) -> None:
        """Begin or end to tell this paired voice of its person's releases; without a `person`, all of the account."""
        ...

    async def forget(self, voice: Voice) -> int:
        """Unbind every voice of this account in this skill (SkillDisabled, AccountUnlinked); gives how many."""
        ...

    def vocabulary(self) -> Vocabulary:
        """Give the names of services and environments; `Names.spoken` are words for the ear, `all` those written."""
        ...
