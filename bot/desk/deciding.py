"""The verbs about a release under way: approve, reject, stop. Each is a compare-and-set in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core import policy
from bot.core.commands import Accepted, Command, Verb
from bot.core.errors import Conflict, SaysoError
from bot.core.events import ApprovalGiven, Event, StopRequested
from bot.core.model import Actor, Decision, Gate, Release, Status
from bot.core.policy import Rules
from bot.core.wording import names, say
from bot.desk.finding import meant
from bot.desk.parts import Parts
from bot.store import intents, record
from bot.store.intents import Arguments, Task


async def decide(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Take one person's yes or no at the open gate; the backend is told once enough have said yes, or one said no."""
    approved = command.verb is Verb.APPROVE
    now = desk.clock()
    async with desk.change(key) as c:
        release = await meant(c, command, fits=waits, nothing=say("nothing.waits"))
        rules = desk.catalogue.rules(release.service, release.environment)
        gate = _open_gate(desk, release, command.gate)
        given = _given(release, gate)
        if settled := _settled(desk, release, given):
            raise Conflict(settled)
        if release.stopped_by:
            raise Conflict(_is_stopping(desk, release, release.stopped_by))
        policy.may_decide(actor, rules, desk.catalogue.behind(release), given)
        decision = Decision(approved=approved, by=actor.person, comment=command.reason, at=now)
        given = (*given, decision)
        after = release.model_copy(
            update={"gate": gate.token, "approvals": given, "version": release.version + 1, "updated": now}
        )
        yes = sum(each.approved for each in given)
        told = ApprovalGiven(token=gate.token, decision=decision, given=yes, needed=release.approvals_needed)
        await record.change(c, release, after, [told], now)
        if not approved or yes >= release.approvals_needed:
            answer = decision.model_copy(
                update={"by": "+".join(each.by for each in given if each.approved == approved)}
            )
            await intents.add(c, release.id, Task.DECIDE, Arguments(gate=gate.token, decision=answer), now)
        await intents.remember(c, key, release.id, now)
    desk.tell(after)
    return Accepted(verb=command.verb, release=after, given=yes, needed=release.approvals_needed)


def waits(release: Release) -> bool:
    """Tell whether a release waits for people."""
    return release.active and release.run is not None and release.run.open_gate is not None


def _open_gate(desk: Parts, release: Release, token: str | None) -> Gate:
    """Give the gate that is open; `Conflict` says who decided already, or that the button is from another gate."""
    found = release.run.open_gate if release.run and release.active else None
    gates = [
        action.gate for stage in (release.run.stages if release.run else ()) for action in stage.actions if action.gate
    ]
    if found is None or (token and found[2].token != token):
        for gate in reversed(gates):
            if gate.decision and (token is None or gate.token == token):
                raise Conflict(_who_decided(desk, release, [gate.decision]))
        if release.status.finished:
            raise Conflict(say("conflict.finished", label=release.label, status=say(f"status.{release.status}")))
        raise Conflict(say("conflict.gate_gone", label=release.label))
    return found[2]


def _given(release: Release, gate: Gate) -> tuple[Decision, ...]:
    """Give what people have said at this gate; an earlier gate's answers don't count."""
    return release.approvals if release.gate == gate.token else ()


def _settled(desk: Parts, release: Release, given: Sequence[Decision]) -> str | None:
    """Tell who has settled this gate, while the backend is still being told."""
    refused = [decision for decision in given if not decision.approved]
    agreed = [decision for decision in given if decision.approved]
    if refused:
        return _who_decided(desk, release, refused)
    return _who_decided(desk, release, agreed) if len(agreed) >= release.approvals_needed else None


def _who_decided(desk: Parts, release: Release, decisions: Sequence[Decision]) -> str:
    keys = [key for decision in decisions for key in decision.by.split("+")]
    who = names([desk.catalogue.name_of(key) for key in keys], joined="names.and")
    kind = "conflict.approved_by" if decisions[0].approved else "conflict.rejected_by"
    return say(kind, label=release.label, who=who)


async def stop(desk: Parts, actor: Actor, command: Command, key: str) -> Accepted:
    """Ask for the end of a release; a run in which nothing happens but waiting for a person ends at once."""
    now = desk.clock()
    async with desk.change(key) as c:
        release = await meant(c, command, fits=lambda each: each.active, nothing=say("nothing.active"))
        policy.may_stop(actor, desk.catalogue.rules(release.service, release.environment), release.requested_by)
        if not release.active:
            raise Conflict(say("conflict.finished", label=release.label, status=say(f"status.{release.status}")))
        if release.stopped_by and not command.abandon:
            raise Conflict(_is_stopping(desk, release, release.stopped_by))
        abandon = command.abandon or _only_waits(desk, release)
        after = release.model_copy(update={"stopped_by": actor.person, "version": release.version + 1, "updated": now})
        told: list[Event] = [StopRequested(by=actor.person, reason=command.reason, abandon=abandon)]
        await record.change(c, release, after, told, now)
        reason = say("stop.reason", who=actor.name, reason=command.reason or say("stop.no_reason"))
        await intents.add(c, release.id, Task.STOP, Arguments(reason=reason, abandon=abandon), now)
        await intents.remember(c, key, release.id, now)
    desk.tell(after)
    return Accepted(verb=Verb.STOP, release=after)


def _is_stopping(desk: Parts, release: Release, by: str) -> str:
    return say("conflict.stopping", label=release.label, who=desk.catalogue.name_of(by))


def _only_waits(desk: Parts, release: Release) -> bool:
    """Tell whether ending a run at once breaks nothing off: no action runs, nor begins for an answer just given."""
    if release.run is None or not release.active or (found := release.run.open_gate) is None:
        return False
    runs = any(action.status is Status.RUNNING for stage in release.run.stages for action in stage.actions)
    return not runs and _settled(desk, release, _given(release, found[2])) is None


def may_decide_now(desk: Parts, actor: Actor, release: Release) -> bool:
    """Tell whether this person's answer is wanted at the release's gate."""
    if not waits(release):
        return False
    rules: Rules = desk.catalogue.rules(release.service, release.environment)
    try:
        gate = _open_gate(desk, release, None)
        given = _given(release, gate)
        if release.stopped_by or _settled(desk, release, given):
            return False
        policy.may_decide(actor, rules, desk.catalogue.behind(release), given)
    except SaysoError:
        return False
    return True
