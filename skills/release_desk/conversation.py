"""Leads the dialogs: what begins and ends them, what is said in between, and which step answers which request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.core.commands import Command, Verb
from bot.core.errors import NotUnderstood, SaysoError
from bot.core.voice import VoiceDesk
from skills.release_desk import looking, meant, speech, wishing
from skills.release_desk.asking import continued
from skills.release_desk.intents import ANSWER, WISHES, Slot
from skills.release_desk.names import offered
from skills.release_desk.reply import Reply
from skills.release_desk.tongue import Ssml, Tongue, spelled, together
from skills.release_desk.turn import Asked, Heard, Late, Memory, Turn

Step = Callable[[VoiceDesk, Turn, Tongue], Awaitable[Reply]]
"""Answers one request. It keeps nothing: plans are the desk's, and the session remembers the rest."""
_WISHES = frozenset(each.name for each in WISHES)


async def launch(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Greet whoever opens the skill without a wish."""
    speaker = await desk.speaker(turn.voice)
    hello = (
        tongue.say("alexa.welcome", name=speaker.actor.name) if speaker.actor else tongue.say("alexa.welcome.stranger")
    )
    return Reply(ask=hello, memory=Memory(staying=True), names=True)


async def helped(_desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say what can be said here. An open question is asked again after it."""
    memory = turn.memory
    if memory.plan:
        return Reply(tongue.say("alexa.help.plan"), memory)
    if memory.asked or memory.late:
        return Reply(tongue.say("alexa.help.asked"), memory)
    service = next(iter(tongue.words.services), "")
    place = next(iter(offered(tongue.words, service)), "")
    example = {"service": tongue.service(service), "environment": tongue.environment(service, place)}
    return Reply(tongue.say("alexa.help", **example), Memory(staying=True), names=True)


async def repeat(_desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say the last thing again."""
    if turn.memory.question:
        return Reply(memory=turn.memory, ask=Ssml(turn.memory.question))
    return Reply(Ssml(turn.memory.said) or tongue.say("alexa.nothing_said"), turn.memory)


async def fallback(_desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say that it was not understood."""
    if turn.memory.question:
        return Reply(tongue.say("alexa.fallback"), turn.memory)
    memory = turn.memory.model_copy(update={"staying": True})
    return Reply(tongue.say("alexa.fallback"), memory, ask=tongue.say("alexa.fallback.more"))


async def yes(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Take the answer yes: to a plan, to a name that was offered, or to looking for a late answer once more."""
    memory = turn.memory
    if memory.plan:
        return await wishing.confirm(desk, turn, memory.plan.plan, tongue)
    if late := memory.late:
        then = {"intent": late.intent, "slots": late.slots, "id": late.key, "memory": Memory(staying=memory.staying)}
        return await wishing.wish(desk, turn.model_copy(update=then), tongue)
    asked = memory.asked
    if asked and asked.offered and asked.missing:
        said = {asked.missing: Heard(said=asked.offered, ids=(asked.offered,))}
        return await _answered(desk, turn.model_copy(update={"slots": said}), asked, tongue)
    if memory.question:
        return Reply(memory=memory)
    return Reply(memory=Memory(staying=True), ask=tongue.say("alexa.nothing_to_confirm"))


async def bare_name(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Take a bare name as the answer to the question that is open."""
    if asked := turn.memory.asked:
        return await _answered(desk, turn, asked, tongue)
    found = meant.place(ANSWER, turn.slots, tongue)
    if turn.memory.question or isinstance(found, meant.Question) or found.service is None:
        return await fallback(desk, turn, tongue)
    question = tongue.say("alexa.ask.what", service=tongue.service(found.service))
    return Reply(memory=turn.memory.model_copy(update={"staying": True}), ask=question)


async def _answered(desk: VoiceDesk, turn: Turn, asked: Asked, tongue: Tongue) -> Reply:
    turn = _wish_of(turn)
    return await STEPS.get(asked.intent, fallback)(desk, turn, tongue)


def _wish_of(turn: Turn) -> Turn:
    """Take a bare name, or a yes to one that was offered, for what the open wish asked for."""
    asked = turn.memory.asked
    if asked is None or turn.intent not in {ANSWER.name, "AMAZON.YesIntent"}:
        return turn
    return continued(turn.model_copy(update={"intent": asked.intent}))


async def cancel(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Leave the wish that is open; without one the skill. No says the same: "what else?" "no"."""
    open_wish = turn.memory.plan or turn.memory.asked or turn.memory.late
    return await (wishing.no if open_wish else stop)(desk, turn, tongue)


async def stop(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """End the session only. What is under way goes on, and that is said."""
    await wishing.drop(desk, turn)
    speaker = await desk.speaker(turn.voice)
    if speaker.actor is None:
        return Reply(tongue.say("alexa.bye"))
    found = await looking.releases(desk, turn, Command(verb=Verb.STATUS))
    own = [each for each in found.releases if each.requested_by == speaker.actor.person]
    return Reply(speech.goodbye(own, tongue))


async def leave(desk: VoiceDesk, turn: Turn, _tongue: Tongue) -> Reply:
    """End without a word."""
    await wishing.drop(desk, turn)
    return Reply()


async def pair(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Say a code that binds this voice to whoever types it; the code is on no card, which the household can read."""
    speaker = await desk.speaker(turn.voice)
    if speaker.actor:
        return Reply(tongue.say("alexa.pair.already", name=speaker.actor.name), turn.memory)
    code = await desk.pairing_code(turn.voice)
    card = str(tongue.say("alexa.pair.card"))
    return Reply(tongue.say("alexa.pair", code=spelled(code.code)), turn.memory, card=card)


async def notify(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Begin to notify; the permission for it is given in the app."""
    await desk.notify(turn.voice, wanted=True)
    said = tongue.say("alexa.notify.on")
    if turn.may_notify:
        return Reply(said, turn.memory)
    return Reply(together(said, tongue.say("alexa.notify.permission")), turn.memory, consent=True)


async def hush(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """End to notify. Whoever is not known could silence the whole household's, so it takes somebody who is."""
    await wishing.person(desk, turn)
    await desk.notify(turn.voice, wanted=False)
    return Reply(tongue.say("alexa.notify.off"), turn.memory)


async def disabled(desk: VoiceDesk, turn: Turn, _tongue: Tongue) -> Reply:
    """Unbind every voice of an account that has disabled the skill."""
    await desk.forget(turn.voice)
    return Reply()


async def permissions(desk: VoiceDesk, turn: Turn, _tongue: Tongue) -> Reply:
    """End to notify an account that does not allow or want it any more."""
    if not turn.may_notify:
        await desk.notify(turn.voice, wanted=False)
    return Reply()


REQUESTS: Mapping[str, Step] = {
    "LaunchRequest": launch,
    "SessionResumedRequest": wishing.resumed,
    "SessionEndedRequest": leave,
    "AlexaSkillEvent.SkillDisabled": disabled,
    "AlexaSkillEvent.SkillPermissionChanged": permissions,
    "AlexaSkillEvent.ProactiveSubscriptionChanged": permissions,
}
STEPS: Mapping[str, Step] = {
    **dict.fromkeys(_WISHES, wishing.wish),
    "StatusIntent": looking.status,
    "HistoryIntent": looking.history,
    "WhereIntent": looking.where,
    "TestResultIntent": looking.tests,
    "WaitingForMeIntent": looking.waiting,
    "PairIntent": pair,
    "NotificationsOnIntent": notify,
    "NotificationsOffIntent": hush,
    "AnswerIntent": bare_name,
    "AMAZON.YesIntent": yes,
    "AMAZON.NoIntent": cancel,
    "AMAZON.HelpIntent": helped,
    "AMAZON.RepeatIntent": repeat,
    "AMAZON.CancelIntent": cancel,
    "AMAZON.StopIntent": stop,
    "AMAZON.NavigateHomeIntent": leave,
}
"""By intent; whatever else is said is answered by `fallback`."""


def refused(error: SaysoError, turn: Turn, tongue: Tongue) -> Reply:
    """Say why not. If a name would help, the wish stays open for it."""
    said = tongue.error(error)
    turn = _wish_of(turn)
    missing = next((slot for slot in (Slot.SERVICE, Slot.ENVIRONMENT) if slot not in turn.slots), None)
    if isinstance(error, NotUnderstood) and turn.intent in _WISHES and missing:
        asked = Asked(intent=turn.intent, slots=turn.slots, missing=missing)
        return Reply(memory=Memory(asked=asked, staying=turn.memory.staying), ask=said)
    return Reply(said, Memory(staying=turn.memory.staying))


def slow(turn: Turn, tongue: Tongue) -> Reply:
    """Say that there is no answer yet: it is not known, rather than not so. What was begun goes on behind it."""
    staying = turn.memory.staying
    if turn.type == "SessionResumedRequest" or (turn.intent == "AMAZON.YesIntent" and turn.memory.plan):
        return Reply(tongue.say("alexa.slow"), Memory(staying=staying))
    late = turn.memory.late if turn.intent == "AMAZON.YesIntent" else None
    wish = _wish_of(turn)
    if wish.intent in _WISHES:
        late = Late(intent=wish.intent, slots=wish.slots, key=turn.id)
    if late:
        return Reply(memory=Memory(late=late, staying=staying), ask=tongue.say("alexa.slow.wish"))
    return Reply(tongue.say("alexa.slow.look"), turn.memory)


def finished(reply: Reply, turn: Turn, tongue: Tongue) -> Reply:
    """Let an open question follow whatever was said in between; and remember what was said, for `repeat`."""
    memory, ask = reply.memory, reply.ask
    waits = bool(memory.plan or memory.asked or memory.late)
    if ask is None and waits and memory.question:
        ask = Ssml(memory.question)
    elif ask is None and memory.staying and reply.said and not reply.verify:
        ask = tongue.say("alexa.what_else")
    question = str(ask) if ask and waits else ""
    said = turn.memory.said if turn.intent == "AMAZON.RepeatIntent" else str(reply.said or ask or "")
    return replace(reply, ask=ask, memory=memory.model_copy(update={"question": question, "said": said}))
