"""Makes a plan of a spoken wish: which release is meant, whether it may be, and what must prove the yes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from bot.core.commands import Command, Offered, Verb
from bot.core.errors import NotFound, NotUnderstood, Refused
from bot.core.model import Actor, Release
from bot.core.voice import PLAN_SECONDS, Factor, Plan, VoiceRule
from bot.core.wording import names, say
from bot.desk import finding
from bot.desk.again import RETRYABLE
from bot.desk.deciding import waits
from bot.store import releases
from bot.voice.parts import Parts

PLANNED = frozenset(
    {Verb.DEPLOY, Verb.PROMOTE, Verb.ROLLBACK, Verb.APPROVE, Verb.REJECT, Verb.STOP, Verb.RETRY},
)
"""What may be changed by voice. Whatever else there is needs a look at a screen."""
_ABOUT_ONE: Mapping[Verb, tuple[Callable[[Release], bool], str]] = {
    Verb.APPROVE: (waits, "nothing.waits"),
    Verb.REJECT: (waits, "nothing.waits"),
    Verb.STOP: (lambda release: release.active, "nothing.active"),
    Verb.RETRY: (lambda release: release.status in RETRYABLE, "nothing.failed"),
}
"""What is done to a release that there is: which may be meant, and what is said if none may."""


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
    return Plan(
        id=parts.new_id(),
        command=_pinned(command, release, becomes),
        service=becomes.service,
        environment=becomes.environment,
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


def denied(parts: Parts, service: str, environment: str) -> bool:
    """Tell whether voice may not even speak of this place."""
    found = parts.catalogue.services.get(service)
    place = found.environments.get(environment) if found else None
    return place is not None and place.may_voice is VoiceRule.DENY


def _place(service: str, environment: str) -> str:
    return f"services.{service}.environments.{environment}.voice"


async def _meant(parts: Parts, actor: Actor, command: Command) -> Command:
    """Turn `it` into the speaker's own latest release, and a build's number into its revision."""
    if command.verb is Verb.DEPLOY and command.number is not None and command.service:
        async with parts.database.read() as c:
            build = await releases.by_number(c, command.service, command.number)
        if build.revision is None:
            raise NotUnderstood(say("voice.no_revision", label=build.label))
        return command.model_copy(update={"number": None, "ref": build.revision.id})
    named = command.release or command.number is not None or (command.service and command.environment)
    return command if named or command.verb not in _ABOUT_ONE else await _found(parts, actor, command)


async def _found(parts: Parts, actor: Actor, command: Command) -> Command:
    """Name the release where only a part of its place was said, or nothing, if that isn't the desk's to find.

    The desk would take somebody else's for `it`, and would name what is closed to voice.
    """
    fits, nothing = _ABOUT_ONE[command.verb]
    async with parts.database.read() as c:
        fitting = [each for each in await finding.newest(c, command.service, command.environment) if fits(each)]
    found = [each for each in fitting if not denied(parts, each.service, each.environment)]
    if command.verb in {Verb.STOP, Verb.RETRY} and not command.service:
        own = [each for each in found if each.requested_by == actor.person]
    else:
        own = []
    if not own and len(found) == len(fitting):
        return command
    found = own or found
    if not found:
        raise NotFound(say(nothing))
    if len(found) > 1:
        places = names(f"{each.service} {each.environment}" for each in found)
        raise NotUnderstood(say("which.release", places=places))
    return command.model_copy(update={"release": found[0].id})


async def _about(parts: Parts, command: Command, becomes: Release) -> Release | None:
    """Give the release that the plan is about, as it is now."""
    if command.verb in _ABOUT_ONE:
        return await parts.desk.release(becomes.id)
    if command.verb is Verb.PROMOTE and becomes.run_id:
        async with parts.database.read() as c:
            sharing = await releases.of_run(c, becomes.backend, becomes.run_id)
        return next((each for each in sharing if not denied(parts, each.service, each.environment)), None)
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
