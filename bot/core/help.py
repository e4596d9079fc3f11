"""Help as data, made from the table of commands; each surface shows it its own way."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.command_table import COMMANDS, usage
from bot.core.commands import Verb
from bot.core.model import Frozen
from bot.core.vocabulary import Vocabulary
from bot.core.wording import say


class HelpEntry(Frozen):
    """One command: how it is typed, what it does, its other names, and examples that would work."""

    verb: Verb
    usage: str
    summary: str
    aliases: tuple[str, ...]
    examples: tuple[str, ...]


def help_text(topic: str | None, words: Vocabulary, may: Callable[[Verb], bool] | None = None) -> tuple[HelpEntry, ...]:
    """Explain one command, or all that this person `may` use; an unknown topic explains all.

    The examples speak of the first service in the catalogue.
    """
    service, environment = _example(words)
    entries = tuple(
        HelpEntry(
            verb=spec.verb,
            usage=usage(spec),
            summary=say(spec.summary),
            aliases=spec.aliases,
            examples=tuple(each.format(service=service, environment=environment) for each in spec.examples),
        )
        for spec in COMMANDS
        if may is None or may(spec.verb)
    )
    return tuple(entry for entry in entries if entry.verb == topic) or entries


def _example(words: Vocabulary) -> tuple[str, str]:
    for service in words.services:
        for environment in words.environments_of(service):
            return service, environment
    return "checkout", "staging"
