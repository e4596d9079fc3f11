"""Takes the proof of a plan (a yes, a tap, a PIN) and carries it out, once; or says why it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.commands import Accepted, Offered, Verb
from bot.core.errors import BackendUnavailable, Conflict, NotFound, Refused, SaysoError
from bot.core.events import CommandSpoken
from bot.core.memos import Outcome, Question
from bot.core.model import Actor, Release
from bot.core.voice import PLAN_SECONDS, Factor, PinResult, PinWanted, Tap
from bot.core.wording import say
from bot.desk import locking
from bot.store import events, messages, plans, releases, voices
from bot.store.messages import Purpose
from bot.store.plans import State, StoredPlan
from bot.voice.knowing import Known, actor_of
from bot.voice.parts import Parts, told
from bot.voice.planning import factor

Proof = Literal["yes", "tap", "pin"]
_OUTCOMES = {
    State.DONE: Outcome.USED,
    State.FAILED: Outcome.FAILED,
    State.WRONG: Outcome.WRONG,
    State.DROPPED: Outcome.DROPPED,
    State.EXPIRED: Outcome.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Proved:
    """The plan may be carried out now."""

    stored: StoredPlan
    proof: Proof


@dataclass(frozen=True, slots=True)
class Said:
    """What came with a confirmation."""

    level: int | None
    """How sure Alexa is of who speaks."""
    pin: PinResult | None


Verdict = Proved | Accepted | Tap | PinWanted | SaysoError


async def confirm(parts: Parts, known: Known, plan_id: str, said: Said) -> Accepted | Tap | PinWanted:
    """Take what the speaker of a plan said to it; see `VoiceDesk.confirm`."""
    actor = known.actor()
    async with parts.database.write() as c:
        stored = await plans.get(c, plan_id, lock=True)
        if stored is None or stored.voice != known.identity.voice or stored.person != actor.person:
            raise NotFound(say("voice.plan.unknown"))
        verdict = await _over(parts, c, stored) or await _answered(parts, c, stored, actor, said)
    return await _follow(parts, actor, verdict)


async def tap(parts: Parts, actor: Actor, plan_id: str, number: int) -> Accepted:
    """Take the number that somebody pressed in the chat. A wrong one ends the plan; see `VoiceDesk`'s errors."""
    async with parts.database.write() as c:
        stored = await plans.get(c, plan_id, lock=True)
        if stored is None:
            raise NotFound(say("voice.plan.unknown"))
        if stored.person != actor.person:
            raise Refused("voice", say("voice.tap.not_yours"))
        verdict = await _over(parts, c, stored) or await _tapped(parts, c, stored, number)
    answer = await _follow(parts, actor_of(parts, actor.person), verdict)
    assert isinstance(answer, Accepted), "a tap is the last proof"
    return answer


async def drop(c: AsyncConnection, stored: StoredPlan) -> None:
    """Forget an open plan, and say so in the chat."""
    await _end(c, stored, State.DROPPED)


async def expire(parts: Parts) -> None:
    """End every open plan whose time is over."""
    async with parts.database.write() as c:
        for stored in await plans.expired(c, parts.clock()):
            await _end(c, stored, State.EXPIRED)


async def _over(parts: Parts, c: AsyncConnection, stored: StoredPlan) -> Verdict | None:
    """Say what became of a plan that nobody can confirm any more; None if it waits."""
    if stored.state is State.DONE and stored.release_id:
        release = await releases.get(c, stored.release_id)
        return Accepted(verb=stored.plan.command.verb, release=release, repeated=True)
    if not stored.open:
        return Conflict(_why_over(stored))
    if stored.expires <= parts.clock():
        await _end(c, stored, State.EXPIRED)
        return Conflict(say("voice.plan.expired"))
    until = await locking.locked_until(c, stored.person, "factor", parts.clock())
    return locking.refusal("factor", until, parts.clock()) if until else None


def _why_over(stored: StoredPlan) -> str:
    if stored.state is State.FAILED and stored.why:
        return say("voice.plan.failed", why=stored.why)
    return say(f"voice.plan.{stored.state}")


async def _answered(parts: Parts, c: AsyncConnection, stored: StoredPlan, actor: Actor, said: Said) -> Verdict:
    """Judge a yes, or the result of a PIN."""
    plan = stored.plan
    try:
        needed = factor(parts, actor, plan.command.verb, plan.service, plan.environment)
        if needed is not plan.factor:
            raise Conflict(say("voice.plan.changed"))
    except SaysoError as error:
        await _end(c, stored, State.FAILED, why=error.sentence)
        return error
    if needed is Factor.NONE:
        return Proved(stored, "yes")
    if said.pin and stored.state is State.OPEN:
        await _end(c, stored, State.DROPPED)  # without a yes there was nothing to prove
        return Conflict(say("voice.plan.dropped"))
    if stored.state is State.OPEN:
        stored = await _ask(parts, c, stored)
    if needed is Factor.CHAT:
        assert stored.number is not None
        return Tap(number=stored.number, expires=stored.expires)
    level = parts.catalogue.voice.pin_confidence
    return await _judged(parts, c, stored, said) if said.pin else PinWanted(level=level, expires=stored.expires)


async def _judged(parts: Parts, c: AsyncConnection, stored: StoredPlan, said: Said) -> Verdict:
    """Judge the result of a PIN: what Alexa says of it, and the level at which it now knows the speaker."""
    pin = said.pin
    assert pin is not None
    if pin.status == "ACHIEVED" and (said.level or 0) >= parts.catalogue.voice.pin_confidence:
        return Proved(stored, "pin")
    if pin.status == "NOT_ENABLED" or pin.reason == "VERIFICATION_METHOD_NOT_SETUP":
        await _end(c, stored, State.FAILED, why=say("voice.pin.not_set_up"))
        return Refused("voice", say("voice.pin.not_set_up"))
    await _end(c, stored, State.WRONG)
    until = await _wrong(parts, c, stored)
    # A right PIN at too low a level, a lockout and a cancelled question are no wrong PIN, and are not called one.
    why = say("voice.pin.wrong" if pin.reason == "NOT_MATCH" else "voice.pin.unproved")
    return locking.refusal("factor", until, parts.clock()) if until else Refused("voice", why)


async def _ask(parts: Parts, c: AsyncConnection, stored: StoredPlan) -> StoredPlan:
    """Note the yes; for a tap draw the numbers and put the question into the outbox before anybody hears of it."""
    values: dict[str, object] = {"expires": parts.clock() + timedelta(seconds=PLAN_SECONDS)}
    if stored.plan.factor is Factor.CHAT:
        choices = parts.random.sample(range(10, 100), 3)
        values |= {"number": choices[0], "message": parts.new_id(), "choices": sorted(choices)}
    await plans.change(c, stored.plan.id, State.ASKED, **values)
    asked = await plans.get(c, stored.plan.id)
    assert asked is not None
    if asked.message:
        await messages.add(
            c,
            message_id=asked.message,
            release_id=asked.plan.id,
            purpose=Purpose.MEMO,
            destination=f"person:{asked.person}",
            event_position=0,
            urgent=True,
            body=told(_question(asked)),
            now=parts.clock(),
        )
    return asked


async def _tapped(parts: Parts, c: AsyncConnection, stored: StoredPlan, number: int) -> Verdict:
    if stored.state is not State.ASKED or number not in stored.choices:
        return NotFound(say("voice.plan.unknown"))
    if number == stored.number:
        return Proved(stored, "tap")
    await _end(c, stored, State.WRONG)
    until = await _wrong(parts, c, stored)
    if until:
        return locking.refusal("factor", until, parts.clock())
    return Refused("voice", say("voice.tap.wrong"))


async def _wrong(parts: Parts, c: AsyncConnection, stored: StoredPlan) -> datetime | None:
    channel = parts.catalogue.card_channel(stored.plan.service)
    until = await locking.wrong(
        c, stored.person, "factor", parts.clock(), catalogue=parts.catalogue, new_id=parts.new_id, channel=channel
    )
    if until:
        for other in await plans.of_person(c, stored.person):
            await _end(c, other, State.DROPPED)
    return until


async def _follow(parts: Parts, actor: Actor, verdict: Verdict) -> Accepted | Tap | PinWanted:
    """Do what was decided, now that it is written down."""
    parts.changed.fire("")
    if isinstance(verdict, Proved):
        return await _carry_out(parts, actor, verdict.stored, verdict.proof)
    if isinstance(verdict, SaysoError):
        raise verdict
    return verdict


async def _carry_out(parts: Parts, actor: Actor, stored: StoredPlan, proof: Proof) -> Accepted:
    """Let the desk do it: it checks everything anew, and the plan is used up in the transaction of the change."""
    plan = stored.plan

    async def use_up(c: AsyncConnection, release: Release) -> None:
        now = await plans.get(c, plan.id, lock=True)
        if now is None or not now.open or now.expires <= parts.clock():
            raise Conflict(_why_over(now) if now and not now.open else say("voice.plan.expired"))
        paired = await voices.find(c, stored.voice)
        if paired is None or paired.person != stored.person:
            raise Refused("voice", say("voice.unpaired"))
        seen = plan.becomes
        if plan.command.verb is Verb.ROLLBACK and seen and seen.revision != release.revision:
            raise Conflict(say("voice.plan.changed"))
        if proof != "yes":
            await locking.right(c, stored.person, "factor")
        spoken = CommandSpoken(by=actor.person, verb=plan.command.verb, heard=stored.heard, confirmed=proof)
        await events.append(c, release, [spoken], parts.clock())
        await _end(c, now, State.DONE, release_id=release.id, became=release.label)

    try:
        answer = await parts.desk.do(actor, plan.command, f"plan:{plan.id}", also=use_up)
    except BackendUnavailable:
        raise  # the plan waits on, until it expires
    except SaysoError as error:
        await _fail(parts, plan.id, error)
        raise
    if isinstance(answer, Offered):
        changed = Conflict(say("voice.plan.changed"))
        await _fail(parts, plan.id, changed)
        raise changed
    assert isinstance(answer, Accepted)
    return answer


async def _fail(parts: Parts, plan_id: str, error: SaysoError) -> None:
    async with parts.database.write() as c:
        stored = await plans.get(c, plan_id, lock=True)
        if stored and stored.open:
            await _end(c, stored, State.FAILED, why=error.sentence)
    parts.changed.fire("")


async def _end(
    c: AsyncConnection,
    stored: StoredPlan,
    state: State,
    *,
    why: str | None = None,
    release_id: str | None = None,
    became: str = "",
) -> None:
    await plans.change(c, stored.plan.id, state, why=why, release_id=release_id)
    if stored.message:
        over = {"outcome": _OUTCOMES[state], "why": why or "", "became": became}
        await messages.rewrite(c, stored.message, told(_question(stored).model_copy(update=over)))


def _question(stored: StoredPlan) -> Question:
    plan = stored.plan
    shown = plan.release or plan.becomes
    revision = shown.revision if shown else None
    return Question(
        plan=plan.id,
        choices=stored.choices,
        verb=plan.command.verb,
        label=plan.release.label if plan.release else plan.service,
        environment=plan.environment,
        revision=f"{revision.short} {revision.summary}".strip() if revision else "",
        heard=stored.heard,
        expires=stored.expires,
    )
