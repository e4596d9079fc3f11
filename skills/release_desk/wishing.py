"""Lets the desk plan a wish, reads it back, and takes the yes, the no, or what came of the voice PIN."""

from __future__ import annotations

from bot.core.commands import Accepted
from bot.core.errors import Refused
from bot.core.voice import PinResult, PinWanted, Tap, VoiceDesk
from bot.core.wording import say
from skills.release_desk import asking, speech
from skills.release_desk.reply import Reply, Verify
from skills.release_desk.tongue import Tongue
from skills.release_desk.turn import Memory, Open, Turn


async def wish(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Complete a wish, let the desk plan it, and read it back. Nothing changes yet."""
    place = asking.place(turn, tongue)
    if isinstance(place, Reply):
        await person(desk, turn)  # whoever may wish for nothing is not asked what for
        return place
    wanted = asking.intent_of(turn)
    assert wanted.verb is not None
    plan = await desk.plan(turn.voice, asking.command(wanted.verb, place), asking.heard(turn), turn.id)
    memory = Memory(plan=Open(plan=plan.id), staying=turn.memory.staying)
    return Reply(memory=memory, ask=speech.read_back(plan, tongue, build=place.build), release=plan.release)


async def confirm(desk: VoiceDesk, turn: Turn, plan: str, tongue: Tongue, pin: PinResult | None = None) -> Reply:
    """Let the desk carry a plan out, and say what is still missing or what was done."""
    outcome = await desk.confirm(turn.voice, plan, turn.id, pin)
    memory = Memory(staying=turn.memory.staying)
    if isinstance(outcome, PinWanted):
        return Reply(verify=Verify(plan, outcome.level), memory=memory)
    if isinstance(outcome, Tap):
        return Reply(tongue.say("alexa.tap", number=outcome.number))
    assert isinstance(outcome, Accepted)
    return Reply(speech.accepted(outcome, tongue), memory, release=outcome.release)


async def no(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Leave the wish."""
    await drop(desk, turn)
    return Reply(tongue.say("alexa.dropped"), Memory(staying=turn.memory.staying))


async def resumed(desk: VoiceDesk, turn: Turn, tongue: Tongue) -> Reply:
    """Go on after Alexa has asked for the voice PIN (`SessionResumedRequest`)."""
    plan = str(turn.cause.get("token") or "")
    status, result = turn.cause.get("status") or {}, turn.cause.get("result") or {}
    if str(status.get("code")) != "200" or result.get("status") not in {"ACHIEVED", "NOT_ACHIEVED", "NOT_ENABLED"}:
        await desk.drop(turn.voice, plan)
        return Reply(tongue.say("alexa.pin.failed"), Memory(staying=turn.memory.staying))
    pin = PinResult(status=result["status"], reason=result.get("reason"))
    return await confirm(desk, turn, plan, tongue, pin)


async def person(desk: VoiceDesk, turn: Turn) -> None:
    """Refuse a voice that is nobody's."""
    speaker = await desk.speaker(turn.voice)
    if speaker.actor is None:
        raise Refused("voice", say("voice.unpaired" if speaker.recognised else "voice.unrecognised"))


async def drop(desk: VoiceDesk, turn: Turn) -> None:
    """Forget the plan that waits for a yes, if there is one."""
    if turn.memory.plan:
        await desk.drop(turn.voice, turn.memory.plan.plan)
