"""The intents by name, what they come to, and which slots they have."""

from __future__ import annotations

from enum import StrEnum

from bot.core.commands import Verb
from bot.core.model import Frozen


class Slot(StrEnum):
    """What may be said in a place of a sentence."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    BUILD = "build"


TYPES = {Slot.SERVICE: "ServiceName", Slot.ENVIRONMENT: "EnvironmentName", Slot.BUILD: "AMAZON.NUMBER"}
"""The slots' types; those without a dot are the catalogue's own names."""


class Intent(Frozen):
    """Something that a person may want from the skill."""

    name: str
    verb: Verb | None = None
    """The command's line in the table, whose words and aliases begin the utterances."""
    slots: tuple[Slot, ...] = ()
    needs: tuple[Slot, ...] = ()
    """Asked for, in this order, if they are missing."""


_PLACE = (Slot.SERVICE, Slot.ENVIRONMENT)

DEPLOY = Intent(name="DeployIntent", verb=Verb.DEPLOY, slots=(*_PLACE, Slot.BUILD), needs=_PLACE)
STATUS = Intent(name="StatusIntent", verb=Verb.STATUS, slots=_PLACE)
APPROVE = Intent(name="ApproveIntent", verb=Verb.APPROVE, slots=_PLACE)
REJECT = Intent(name="RejectIntent", verb=Verb.REJECT, slots=_PLACE)
STOP_RELEASE = Intent(name="StopReleaseIntent", verb=Verb.STOP, slots=_PLACE)
ROLL_BACK = Intent(name="RollBackIntent", verb=Verb.ROLLBACK, slots=_PLACE, needs=_PLACE)
RETRY = Intent(name="RetryIntent", verb=Verb.RETRY, slots=_PLACE)
HISTORY = Intent(name="HistoryIntent", verb=Verb.HISTORY, slots=_PLACE)
WHERE = Intent(name="WhereIntent", verb=Verb.WHERE, slots=_PLACE)
TESTS = Intent(name="TestResultIntent", slots=_PLACE)
WAITING = Intent(name="WaitingForMeIntent")
PAIR = Intent(name="PairIntent")
NOTIFY = Intent(name="NotificationsOnIntent")
HUSH = Intent(name="NotificationsOffIntent")
ANSWER = Intent(name="AnswerIntent", slots=_PLACE)
"""A bare name: the answer to a question that Alexa no longer knows it belongs to, as after `help`."""

INTENTS = (
    DEPLOY, STATUS, APPROVE, REJECT, STOP_RELEASE, ROLL_BACK, RETRY, HISTORY, WHERE, TESTS, WAITING, PAIR, NOTIFY, HUSH,
    ANSWER,
)  # fmt: skip
WISHES = (DEPLOY, APPROVE, REJECT, STOP_RELEASE, ROLL_BACK, RETRY)
"""Those that change something, so they are read back first."""
BUILT_IN = tuple(
    f"AMAZON.{name}Intent" for name in ("Help", "Stop", "Cancel", "Fallback", "NavigateHome", "Yes", "No", "Repeat")
)


def intent(name: str) -> Intent | None:
    """Find one of our own intents."""
    return next((each for each in INTENTS if each.name == name), None)
