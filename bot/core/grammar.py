"""Turns what people type into a `Command`, by the one table of commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.core.arguments import (
    LONGEST_REASON,
    LONGEST_REF,
    OpenForm,
    Reading,
    check_reason,
    check_ref,
    without_politeness,
)
from bot.core.command_table import (
    COMMANDS,
    OPTIONS,
    VERBS,
    VERBS_AND_ALIASES,
    CommandSpec,
    Parameter,
    spec_of,
    usage,
)
from bot.core.commands import Command, Verb
from bot.core.errors import NotUnderstood
from bot.core.typed_text import escaped, readable, without_mention
from bot.core.vocabulary import Names, Vocabulary, find, hint, listed, shown
from bot.core.wording import say

__all__ = [
    "COMMANDS",
    "LONGEST_REASON",
    "LONGEST_REF",
    "CommandSpec",
    "Names",
    "OpenForm",
    "Parameter",
    "Vocabulary",
    "check_reason",
    "check_ref",
    "format_command",
    "parse_mention",
    "parse_slash",
    "spec_of",
    "usage",
]

LONGEST_TEXT = 3000
_OF_VOICES = frozenset({Verb.PAIR, Verb.UNPAIR, Verb.VOICES})
_CODE = re.compile(r"[0-9]{6}\Z", re.ASCII)


def parse_slash(command: str, text: str, words: Vocabulary) -> Command | OpenForm:
    """Read a slash command: its name as Slack sends it, and what was typed after it.

    After /deploy a verb wins over a service of that name (`/deploy deploy status` deploys the service). Raises only
    `NotUnderstood`, with a sentence for the person.
    """
    said = _said(text)
    if "deploy" not in command.casefold():
        return _command(said, words) if said else Command(verb=Verb.STATUS)
    verb = _first(said, VERBS)
    if verb is None and find(said, words.services) is None:
        verb = _first(said, VERBS_AND_ALIASES)
    if verb is None:
        return Reading(COMMANDS[0], said, words).read()
    return _command(said, words)


def parse_mention(text: str, words: Vocabulary, *, me: str | None = None) -> Command | OpenForm:
    """Read a message to the bot: the mention of `me` (its Slack user id; else the first one) and politeness go.

    Raises only `NotUnderstood`, with a sentence for the person.
    """
    said = without_politeness(_said(without_mention(text, me)))
    return _command(said, words) if said else Command(verb=Verb.HELP)


def format_command(command: Command) -> str:
    """Write a command as it could be typed, so that the parser reads the same one.

    Only what can be typed is written: no ids that a button carries. `ValueError` for a verb that is never typed.
    """
    spec = spec_of(command.verb)
    if spec is None:
        raise ValueError(f"nobody types {command.verb}")
    said = [command.service or ""]
    if command.ref:
        said[0] += f"@{command.ref}"
    if command.environment:
        said.append(command.environment)
    if command.number:
        said.append(f"#{command.number}")
    said += [typed[0] for field, typed in OPTIONS.values() if getattr(command, field)]
    said += [typed for typed in (command.topic, command.code) if typed]
    if command.reason:
        said += ["--", command.reason if readable(command.reason) == command.reason else escaped(command.reason)]
    said = [part for part in said if part]
    if command.verb is not Verb.DEPLOY or _first(said, VERBS):
        said.insert(0, command.verb)
    return " ".join([spec.slash, *said])


def _said(text: str) -> list[str]:
    if len(text) > LONGEST_TEXT:
        raise NotUnderstood(say("grammar.too_long", most=LONGEST_TEXT))
    return readable(text).split()


def _first(said: Sequence[str], verbs: Mapping[str, Names]) -> Verb | None:
    found = find(said, verbs)
    return Verb(found[0]) if found else None


def _command(said: list[str], words: Vocabulary) -> Command | OpenForm:
    found = find(said, VERBS_AND_ALIASES)
    if found is None:
        service = find(said, words.services)
        if service:
            raise NotUnderstood(say("grammar.verb_missing", service=service[0]))
        raise _unknown_verb(said)
    spec = next(spec for spec in COMMANDS if spec.verb == found[0])
    rest = said[found[1] :]
    if spec.takes(Parameter.TOPIC):
        return _help(rest)
    if spec.verb in _OF_VOICES:
        return _voices(spec, rest)
    return Reading(spec, rest, words).read()


def _voices(spec: CommandSpec, rest: list[str]) -> Command:
    """Read what takes a code or nothing at all."""
    said = without_politeness(rest)
    if spec.takes(Parameter.CODE):
        code = "".join(said).replace("-", "")
        if code and not _CODE.match(code):
            raise NotUnderstood(say("voice.code.shape"))
        return Command(verb=spec.verb, code=code or None)
    if said:
        raise NotUnderstood(say("grammar.left_over", word=shown(said), usage=usage(spec)))
    return Command(verb=spec.verb)


def _unknown_verb(said: list[str]) -> NotUnderstood:
    return NotUnderstood(
        say(
            "grammar.no_verb",
            word=shown(said[:1]),
            hint=hint(said, VERBS_AND_ALIASES),
            verbs=listed(VERBS_AND_ALIASES),
        )
    )


def _help(rest: list[str]) -> Command:
    rest = without_politeness(rest)
    if not rest:
        return Command(verb=Verb.HELP)
    topic = _first(rest, VERBS_AND_ALIASES)
    if topic is None:
        raise _unknown_verb(rest)
    return Command(verb=Verb.HELP, topic=topic)
