"""Puts the desk's answers and refusals into words for Slack (pure)."""

from __future__ import annotations

from bot.catalogue import Catalogue
from bot.core.command_table import COMMANDS, CommandSpec, usage
from bot.core.commands import (
    Accepted,
    Answer,
    Command,
    Deployments,
    Held,
    HelpWanted,
    Offered,
    Paired,
    Releases,
    Verb,
    Voices,
)
from bot.core.errors import BadInput, NotFound, Refused, SaysoError
from bot.core.holds import in_the_way, sentence
from bot.core.model import Hold, Revision
from bot.core.typed_text import escaped
from bot.core.wording import say
from bot.slack.listings import deployments, releases
from bot.slack.said import Block, Said, actions, button, channel_link, context, header, paragraphs, safe, section, when

_CONTAINED = 10
"""How many commits an offer lists."""


def render(answer: Answer, asked: Command, catalogue: Catalogue) -> Said:  # noqa: PLR0911 -- one for each kind
    """Say an answer of the desk to what was `asked`."""
    match answer:
        case Accepted():
            return accepted(answer, catalogue)
        case Offered():
            return offered(answer, asked, catalogue)
        case Held():
            return held(answer)
        case Releases():
            return releases(answer, catalogue)
        case Deployments():
            return deployments(answer, catalogue)
        case Voices():
            return voices(answer)
        case HelpWanted():
            return help_text(answer.topic, catalogue)


def voices(answer: Voices) -> Said:
    """List a person's voices, or say what became of them."""
    if answer.verb is Verb.UNPAIR and answer.voices:
        return Said("🔇 " + say("voices.unpaired", n=len(answer.voices)))
    if not answer.voices:
        return Said("🎤 " + say("voices.none"))
    if answer.verb is Verb.PAIR:
        return Said("🎤 " + say("voices.paired", what=_voice(answer.voices[0])))
    lines = [
        say(
            "voices.notified" if each.notify else "voices.since",
            what=_voice(each),
            since=when(each.since),
        )
        for each in answer.voices
    ]
    return Said("\n".join(["🎤 " + say("voices.list", n=len(lines)), *(f"• {line}" for line in lines)]))


def _voice(voice: Paired) -> str:
    return say("voices.account" if voice.whole_account else "voices.one", locale=safe(voice.locale))


def problem(error: SaysoError) -> Said:
    """Say why something can't be done, and how to mend it."""
    sign = "🔒" if isinstance(error, Refused) else "🤔" if isinstance(error, BadInput | NotFound) else "⚠️"
    sentence = f"{sign} {escaped(error.sentence)}"
    return Said(f"{sentence}\n{escaped(error.fix)}" if error.fix else sentence)


def accepted(answer: Accepted, catalogue: Catalogue) -> Said:
    """Confirm to the person who asked; everybody else sees the card."""
    release = answer.release
    what, environment = f"*{safe(release.label)}*", safe(release.environment)
    key = f"slack.accepted.{answer.verb}"
    if answer.repeated:
        key = "slack.accepted.repeated"
    elif answer.verb is Verb.APPROVE and answer.given < answer.needed:
        key += ".more"
    sentences = [say(key, what=what, environment=environment, given=answer.given, needed=answer.needed)]
    if answer.verb is Verb.PROMOTE and answer.given < answer.needed and not answer.repeated:
        sentences.append(say("slack.accepted.promote.waits", n=answer.needed - answer.given))
    channel = catalogue.card_channel(release.service) or release.conversation
    if channel and answer.verb in {Verb.DEPLOY, Verb.PROMOTE, Verb.ROLLBACK}:
        sentences.append(say("slack.accepted.card", channel=channel_link(channel)))
        sentences += [will_wait(hold, catalogue) for hold in in_the_way(release)]
    return Said(" ".join(sentences))


def will_wait(hold: Hold, catalogue: Catalogue) -> str:
    """Say that what is on its way to a held environment waits before it."""
    told = sentence(hold, catalogue.name_of)
    return say("slack.held.will_wait", sentence=safe(told)) if hold.closed else safe(told)


def held(answer: Held) -> Said:
    """Say how far a wish to hold an environment has come, and what becomes of the release on its way there."""
    hold, release = answer.hold, answer.release
    why = f": {safe(hold.reason)}" if hold.reason else ""
    place = {"environment": f"*{safe(hold.environment)}*", "service": f"*{safe(answer.service)}*"}
    sentences = [say(f"slack.held.{hold.state}", why=why, **place)]
    if release:
        waits = any(each.environment == hold.environment for each in in_the_way(release))
        key = ("waits" if waits else "inside") if hold.closed else "goes_on"
        sentences.append(say(f"slack.held.{key}", label=f"*{safe(release.label)}*"))
    return Said(" ".join(sentences))


def offered(answer: Offered, asked: Command, catalogue: Catalogue) -> Said:
    """Offer the run that already waits: what it is, and two buttons."""
    service, environment = safe(answer.service), safe(answer.environment)
    text = say("slack.offered", service=service, environment=environment, revision=revision_text(answer.revision))
    facts = [say("slack.offered.started", who=safe(catalogue.name_of(answer.started_by)))]
    if answer.waiting_since:
        facts.append(say("slack.offered.since", when=when(answer.waiting_since)))
    if answer.current:
        same = answer.revision is not None and answer.current.id == answer.revision.id
        key = "slack.offered.same" if same else "slack.offered.current"
        facts.append(say(key, environment=environment, revision=revision_text(answer.current, short=True)))
    blocks: list[Block] = [section(text), context(" · ".join(facts))]
    if answer.contains:
        listed = [f"• {safe(each, 200)}" for each in answer.contains[:_CONTAINED]]
        if (more := len(answer.contains) - _CONTAINED) > 0:
            listed.append(say("slack.offered.more", n=more))
        blocks += paragraphs([say("slack.offered.contains", environment=environment), *listed])
    if not answer.may_approve and answer.why_not:
        blocks.append(context(say("slack.offered.not_yours", why=safe(answer.why_not))))
    if answer.held:
        blocks.append(context(will_wait(answer.held, catalogue)))
    if answer.newer:
        newer = {
            "revision": revision_text(answer.newer.revision),
            "who": safe(catalogue.name_of(answer.newer.started_by)),
        }
        blocks.append(context(say("slack.offered.newer", **newer)))
    return Said(text, (*blocks, _choices(answer, asked, catalogue)))


def _choices(answer: Offered, asked: Command, catalogue: Catalogue) -> Block:
    production = catalogue.rules(answer.service, answer.environment).production
    revision = answer.revision.short if answer.revision else ""
    place = {"service": answer.service, "environment": answer.environment}
    title = say("slack.ship.title", environment=answer.environment)
    sure = (title, say("slack.ship.sure", revision=revision, **place))
    anew = (title, say("slack.fresh.sure", service=answer.service))
    return actions(
        button(
            say("slack.ship"),
            Command(
                verb=Verb.PROMOTE,
                service=answer.service,
                environment=answer.environment,
                run_id=answer.run_id,
                gate=answer.gate,
                reason=asked.reason,
            ),
            style="primary",
            confirm=sure if production else None,
        ),
        button(
            say("slack.fresh"),
            Command(
                verb=Verb.DEPLOY,
                service=answer.service,
                environment=answer.environment,
                ref=asked.ref,
                reason=asked.reason,
                fresh=True,
            ),
            variant="fresh",
            confirm=anew,
        ),
    )


def revision_text(revision: Revision | None, *, short: bool = False) -> str:
    """Name a revision as people do: `9f1c2d3a` and its first line."""
    if revision is None:
        return "?"
    name = f"`{safe(revision.short)}`"
    return name if short or not revision.summary else f"{name} {safe(revision.summary, 120)}"


def help_text(topic: str | None, catalogue: Catalogue) -> Said:
    """Show all commands, or all about one of them, with examples from the catalogue's own names."""
    service, environment = _example(catalogue)
    spec = next((each for each in COMMANDS if each.verb == topic), None)
    if spec is None:
        lines = [f"`{_first(each, service, environment)}`  {escaped(say(each.summary))}" for each in COMMANDS]
        shown = [header(say("slack.help")), *paragraphs(lines), context(say("slack.help.more"))]
        return Said("\n".join([say("slack.help") + ":", *lines]), tuple(shown), public=True)
    lines = [f"`{escaped(usage(spec))}`", escaped(say(spec.summary))]
    lines += ["• `" + escaped(each.format(service=service, environment=environment)) + "`" for each in spec.examples]
    lines.append(say("slack.help.aliases", aliases=escaped(", ".join(spec.aliases))))
    return Said("\n".join(lines), public=True)


def _first(spec: CommandSpec, service: str, environment: str) -> str:
    """Give the first example that says what it is about; the whole usage is in the command's own help."""
    named = [each for each in spec.examples if "{" in each] or spec.examples
    return escaped(named[0].format(service=service, environment=environment))


def _example(catalogue: Catalogue) -> tuple[str, str]:
    for key, service in catalogue.services.items():
        for environment in service.environments:
            return key, environment
    return "checkout", "staging"
