"""Reads the words of a command line with the same grammar as chat, and finds the release that they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.cli.client import Client
from bot.core.commands import Command, Verb
from bot.core.errors import NotUnderstood
from bot.core.grammar import OpenForm, check_reason, parse_slash
from bot.core.model import Release
from bot.core.typed_text import escaped
from bot.core.vocabulary import listed
from bot.core.wording import say

_NUMBER = re.compile(r"(?:(?P<service>[^#@\s]+)#|#?)(?P<number>[0-9]+)\Z", re.ASCII)


def read(client: Client, verb: Verb, words: Sequence[str], reason: str = "") -> Command:
    """Read `checkout@main staging`; raises `NotUnderstood` with the valid names.

    A number may stand without its `#`, which a shell takes for a comment, and together with its service.
    """
    said: list[str] = []
    for word in words:
        found = _NUMBER.match(word)
        said += [part for part in (found["service"], f"#{found['number']}") if part] if found else [word]
    slash = "/deploy" if verb is Verb.DEPLOY else "/release"
    text = escaped(" ".join(said))  # what is typed in a shell is meant as it stands
    command = parse_slash(slash, text if verb is Verb.DEPLOY else f"{verb} {text}", client.vocabulary())
    if isinstance(command, OpenForm):
        vocabulary = client.vocabulary()
        if command.service is None:
            raise NotUnderstood(say("cli.which_service", services=listed(vocabulary.services)))
        places = listed(vocabulary.environments_of(command.service))
        raise NotUnderstood(say("grammar.environment_missing", service=command.service, environments=places))
    if command.verb is not verb:
        raise NotUnderstood(say("cli.other_verb", verb=verb, meant=command.verb))
    return command.model_copy(update={"reason": check_reason(escaped(reason))}) if reason else command


def find(client: Client, command: Command, *, finished_too: bool = False) -> Release:
    """Find the one release that is meant: by number, by place, or the only one under way."""
    which = {"service": command.service, "environment": command.environment}
    if command.number is not None:
        found = client.releases(1, number=command.number, service=command.service)
        if not found:
            raise NotUnderstood(say("cli.no_number", service=command.service or "", number=command.number))
        return found[0]
    if command.service is None:
        return _only(client, command.verb)
    found = client.releases(2, active=True, **which)
    if not found and finished_too:
        found = client.releases(1, **which)
    if not found:
        place = " ".join(part for part in which.values() if part)
        raise NotUnderstood(say("cli.nothing_active", place=place))
    if len(found) > 1:
        raise _several(found)
    return found[0]


def _only(client: Client, verb: Verb) -> Release:
    inbox = client.inbox()
    deciding = verb in {Verb.APPROVE, Verb.REJECT}
    found = [each for each in inbox.releases if each.active and (not deciding or each.id in inbox.waiting_for_me)]
    if not found:
        raise NotUnderstood(say("cli.nothing_waits" if deciding else "cli.nothing_at_all"))
    if len(found) > 1:
        raise _several(found)
    return found[0]


def _several(found: Sequence[Release]) -> NotUnderstood:
    choices = ", ".join(f"{each.label} ({each.environment})" for each in found)
    return NotUnderstood(say("cli.several", choices=choices))
