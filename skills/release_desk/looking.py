"""Answers questions: how releases stand, what waits, what was released, what runs where, how the tests went."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.commands import Command, Deployments, Releases, Verb
from bot.core.model import Release
from bot.core.voice import VoiceDesk
from skills.release_desk import asking, meant, speech, wishing
from skills.release_desk.intents import TESTS, Slot
from skills.release_desk.reply import Reply
from skills.release_desk.tongue import Tongue
from skills.release_desk.turn import Asked, Memory, Turn


async def status(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say how what is under way stands."""
    place = asking.place(turn, tongue)
    if isinstance(place, Reply):
        return place
    found = await releases(desk, turn, asking.command(Verb.STATUS, place))
    if place.environment and not place.service:
        kept = tuple(each for each in found.releases if each.environment == place.environment)
        found = found.model_copy(update={"releases": kept})
    last = None if found.releases or place != meant.Place() else await _last(desk, turn)
    return Reply(speech.status(found, tongue, place.service, last), turn.memory, release=_only(found.releases) or last)


async def waiting(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say what waits for this person."""
    await wishing.person(desk, turn)
    found = await releases(desk, turn, Command(verb=Verb.STATUS))
    return Reply(speech.waiting(found, tongue), turn.memory)


async def history(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Name the last releases."""
    place = asking.place(turn, tongue)
    if isinstance(place, Reply):
        return place
    found = await releases(desk, turn, asking.command(Verb.HISTORY, place))
    return Reply(speech.history(found, tongue), turn.memory)


async def where(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say what runs where."""
    place = asking.place(turn, tongue)
    if isinstance(place, Reply):
        return place
    found = await desk.ask(turn.voice, asking.command(Verb.WHERE, place), asking.heard(turn), turn.id)
    assert isinstance(found, Deployments)
    return Reply(speech.where(found, tongue), turn.memory)


async def tests(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say how the tests went: of the service that is named, of the only release, of the speaker's only one; or ask."""
    place = asking.place(turn, tongue)
    if isinstance(place, Reply):
        return place
    found = (await releases(desk, turn, asking.command(Verb.STATUS, place))).releases
    speaker = await desk.speaker(turn.voice)
    own = [each for each in found if speaker.actor and each.requested_by == speaker.actor.person]
    which = _only(found) or _only(own) or (found[0] if found and place.service else None)
    if not found and place == meant.Place():
        which = await _last(desk, turn)
    if which:
        return Reply(speech.tests(which, tongue), turn.memory, release=which)
    if place.service or not found:
        return Reply(speech.status(Releases(verb=Verb.STATUS, releases=()), tongue, place.service), turn.memory)
    asked = Asked(intent=TESTS.name, slots=turn.slots, missing=Slot.SERVICE)
    return Reply(memory=Memory(asked=asked, staying=turn.memory.staying), ask=tongue.say("alexa.tests.which"))


async def releases(desk: VoiceDesk, turn: Turn, command: Command) -> Releases:
    """Ask the desk for releases."""
    found = await desk.ask(turn.voice, command, asking.heard(turn), turn.id)
    assert isinstance(found, Releases)
    return found


async def _last(desk: VoiceDesk, turn: Turn) -> Release | None:
    """Give this person's own last release, if there is one."""
    speaker = await desk.speaker(turn.voice)
    if speaker.actor is None:
        return None
    past = (await releases(desk, turn, Command(verb=Verb.HISTORY))).releases
    return next((each for each in past if each.requested_by == speaker.actor.person), None)


def _only(found: Sequence[Release]) -> Release | None:
    return found[0] if len(found) == 1 else None
