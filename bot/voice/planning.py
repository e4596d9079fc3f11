"""Makes a plan of a spoken wish: which release is meant, whether it may be, and what must prove the yes."""

from __future__ import annotations

from datetime import timedelta

from bot.core.commands import Command, Offered, Verb
from bot.core.errors import NotUnderstood, Refused
from bot.core.model import Actor, Release, Status
from bot.core.voice import PLAN_SECONDS, Factor, Plan, VoiceRule
from bot.core.wording import names, say
from bot.store import releases
from bot.voice.parts import Parts

PLANNED = frozenset(
    {Verb.DEPLOY, Verb.PROMOTE, Verb.ROLLBACK, Verb.APPROVE, Verb.REJECT, Verb.STOP, Verb.RETRY},
)
"""What may be changed by voice. Whatever else there is needs a look at a screen."""
_ABOUT_ONE = frozenset({Verb.APPROVE, Verb.REJECT, Verb.STOP, Verb.RETRY})
_ENDED_BADLY = frozenset({Status.FAILED, Status.STOPPED, Status.UNKNOWN})
_RECENT = 30


async def make(parts: Parts, actor: Actor, command: Command) -> Plan:
    """Rehearse the wish at the desk and write down what it would do. Raises as the desk does."""
    if command.verb not in PLANNED:
        raise Refused("voice", say("voice.verb"))
    command = await _meant(parts, actor, command)
    if command.service and command.environment:
        # Before anything else, so that a refusal tells nothing of an environment that is closed to voice.
        factor(parts, actor, command.verb, command.service, command.environment)
    answer = await parts.desk.rehearse(actor, command)
    offered = answer if isinstance(answer, Offered) else None
    if offered:
        command = Command(
            verb=Verb.PROMOTE,
            service=offered.service,
            environment=offered.environment,
            run_id=offered.run_id,
            gate=offered.gate,
            reason=command.reason,
        )
        answer = await parts.desk.rehearse(actor, command)
    assert isinstance(answer, Release), "a promotion is never offered another one"
    becomes = answer
    release = await _about(parts, command, becomes)
    environment = parts.catalogue.environment(becomes.service, becomes.environment)
    return Plan(
        id=parts.new_id(),
        command=_pinned(command, release, becomes),
        service=becomes.service,
        environment=becomes.environment,
        production=environment.production,
        release=release,
        number=(release or becomes).number,
        becomes=becomes,
        offered=offered,
        factor=factor(parts, actor, command.verb, becomes.service, becomes.environment),
        expires=parts.clock() + timedelta(seconds=PLAN_SECONDS),
    )


def factor(parts: Parts, actor: Actor, verb: Verb, service: str, environment: str) -> Factor:
    """Say what must prove a yes here; `Refused` where voice may change nothing, or nothing could prove it.

    Stopping is the safe direction: it needs only a person that is known.
    """
    rule = parts.catalogue.environment(service, environment).may_voice
    if rule in {VoiceRule.DENY, VoiceRule.READ}:
        raise Refused(_place(service, environment), say("voice.rule", service=service, environment=environment))
    if verb is Verb.STOP or rule is VoiceRule.ALLOW:
        return Factor.NONE
    if rule is VoiceRule.PIN:
        return Factor.PIN
    if not parts.chat or not parts.catalogue.person(actor.person).slack:
        raise Refused(_place(service, environment), say("voice.no_chat", service=service, environment=environment))
    return Factor.CHAT


def _place(service: str, environment: str) -> str:
    return f"services.{service}.environments.{environment}.voice"


async def _meant(parts: Parts, actor: Actor, command: Command) -> Command:
    """Turn `it` into the speaker's own latest release, and a build's number into its revision."""
    named = command.service or command.release
    if command.verb is Verb.DEPLOY and command.number is not None and command.service:
        async with parts.database.read() as c:
            build = await releases.by_number(c, command.service, command.number)
        if build.revision is None:
            raise NotUnderstood(say("voice.no_revision", label=build.label))
        return command.model_copy(update={"number": None, "ref": build.revision.id})
    if named or command.verb not in {Verb.STOP, Verb.RETRY}:
        return command
    async with parts.database.read() as c:
        if command.verb is Verb.STOP:
            found = list(await releases.all_active(c))
        else:
            newest: dict[tuple[str, str], Release] = {}
            for each in await releases.recent(c, limit=_RECENT):
                newest.setdefault((each.service, each.environment), each)
            found = [each for each in newest.values() if each.status in _ENDED_BADLY]
    own = [each for each in found if each.requested_by == actor.person]
    if command.environment:
        own = [each for each in own if each.environment == command.environment]
    if len(own) > 1:
        places = names(f"{each.service} {each.environment}" for each in own)
        raise NotUnderstood(say("which.release", places=places))
    return command.model_copy(update={"release": own[0].id}) if own else command


async def _about(parts: Parts, command: Command, becomes: Release) -> Release | None:
    """Give the release that the plan is about, as it is now."""
    if command.verb in _ABOUT_ONE:
        return await parts.desk.release(becomes.id)
    if command.verb is Verb.PROMOTE and becomes.run_id:
        async with parts.database.read() as c:
            sharing = await releases.of_run(c, becomes.backend, becomes.run_id)
        return sharing[0] if sharing else None
    return None


def _pinned(command: Command, release: Release | None, becomes: Release) -> Command:
    """Name what was seen, so that the plan can't act on anything else later."""
    if command.verb not in _ABOUT_ONE or release is None:
        return command.model_copy(update={"service": becomes.service, "environment": becomes.environment})
    seen = {
        "release": release.id,
        "number": None,
        "service": release.service,
        "environment": release.environment,
    }
    if command.verb in {Verb.APPROVE, Verb.REJECT}:
        seen["gate"] = becomes.gate
    if command.verb is Verb.RETRY and release.run:
        return command.model_copy(update={**seen, "attempt": release.run.attempt})
    return command.model_copy(update=seen)
