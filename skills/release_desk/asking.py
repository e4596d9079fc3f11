"""What a wish or a question is about: resolved, or asked for while the rest is remembered (pure)."""

from __future__ import annotations

from bot.core.commands import Command, Verb
from skills.release_desk import meant
from skills.release_desk.intents import DEPLOY, Intent, intent
from skills.release_desk.phrases import as_said
from skills.release_desk.reply import Elicit, Reply
from skills.release_desk.tongue import Tongue
from skills.release_desk.turn import Asked, Memory, Turn


def intent_of(turn: Turn) -> Intent:
    """Give the intent of a turn that has one of ours."""
    return intent(turn.intent) or DEPLOY


def continued(turn: Turn) -> Turn:
    """Add to an open wish what was said for it before; what is said now counts more, and the question is answered."""
    asked = turn.memory.asked
    if asked is None or asked.intent != turn.intent:
        return turn
    memory = turn.memory.model_copy(update={"asked": None, "question": ""})
    return turn.model_copy(update={"slots": {**asked.slots, **turn.slots}, "memory": memory})


def heard(turn: Turn) -> str:
    """Put the sentence together again, for the release's thread."""
    wanted = intent(turn.intent)
    said = {slot: each.said for slot, each in turn.slots.items()}
    return as_said(wanted, said, turn.language) if wanted else turn.intent


def place(turn: Turn, tongue: Tongue) -> meant.Place | Reply:
    """Resolve what is named; or ask for what is missing."""
    wanted = intent_of(turn)
    said = turn.slots
    found = meant.place(wanted, said, tongue)
    if isinstance(found, meant.Place):
        return found
    kept = {slot: each for slot, each in meant.usable(tongue.words, said).items() if slot is not found.slot}
    asked = Asked(intent=wanted.name, slots=kept, missing=found.slot, offered=found.offered)
    # Alexa takes a directive about the intent that was said just now, and only if that is in the dialog model.
    direct = bool(wanted.needs) and turn.heard_as == wanted.name
    elicit = Elicit(wanted.name, found.slot) if direct else None
    return Reply(memory=Memory(asked=asked, staying=turn.memory.staying), ask=found.text, elicit=elicit, names=True)


def command(verb: Verb, place: meant.Place) -> Command:
    """Give the command about a place."""
    return Command(verb=verb, service=place.service, environment=place.environment, number=place.build)
