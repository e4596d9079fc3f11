"""The names that people may say, and finding out which one they meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from bot.core.errors import NotUnderstood
from bot.core.model import Frozen
from bot.core.typed_text import plain, squashed
from bot.core.wording import names, say

LONGEST_NAME = 5
"""Words."""
_LISTED = 20
_SHOWN = 60


class Names(Frozen):
    """What one thing is called: by its key, its title and its aliases."""

    key: str
    title: str = ""
    aliases: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    """What it is called by voice, as `payments A P I`; nobody types these."""

    @property
    def all(self) -> tuple[str, ...]:
        """Give every name, the key first."""
        return tuple(name for name in (self.key, self.title, *self.aliases) if name)


class Vocabulary(Frozen):
    """All names of the catalogue that commands can speak of."""

    services: Mapping[str, Names] = {}
    environments: Mapping[str, Mapping[str, Names]] = {}
    """By service, then by environment."""
    production: frozenset[tuple[str, str]] = frozenset()
    """(service, environment)"""
    closed: frozenset[tuple[str, str]] = frozenset()
    """(service, environment): where voice is denied. The names are known, so that it can be said."""

    def environments_of(self, service: str) -> Mapping[str, Names]:
        """Give the environments of a service; an unknown one has none."""
        return self.environments.get(service, {})

    def usual_environment(self, service: str) -> str | None:
        """Give the one environment that may be left out: the only one that is not production."""
        usual = [key for key in self.environments_of(service) if (service, key) not in self.production]
        return usual[0] if len(usual) == 1 else None


def find(words: Sequence[str], known: Mapping[str, Names]) -> tuple[str, int] | None:
    """Find the name that these words begin with, the longest first; give its key and how many words it took.

    A name counts as it is written before one that differs in dashes and spaces (`shop staging` is not `shop-staging`),
    and a key before titles and aliases. Raises `NotUnderstood` if two things have that name.
    """
    for form in (plain, squashed):
        by_name: dict[str, list[str]] = {}
        for key, called in known.items():
            for name in {form(name) for name in called.all if form(name)}:
                by_name.setdefault(name, []).append(key)
        for count in range(min(LONGEST_NAME, len(words)), 0, -1):
            if count > 1 and not all(word[0].isalnum() for word in map(plain, words[:count])):
                continue
            meant = by_name.get(form(" ".join(words[:count])), [])
            own = [key for key in meant if plain(key) == plain(words[0])] if count == 1 else []
            if len(own or meant) == 1:
                return (own or meant)[0], count
            if meant:
                raise NotUnderstood(say("grammar.ambiguous", word=shown(words[:count]), choices=names(sorted(meant))))
    return None


def shown(words: Sequence[str]) -> str:
    """Show what somebody said in a sentence, cut to a readable length."""
    said = " ".join(words)
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"


def listed(choices: Iterable[str]) -> str:
    """List the valid names, at most twenty."""
    every = list(choices)
    if not every:
        return say("grammar.none")
    more = len(every) - _LISTED
    return ", ".join(every[:_LISTED]) + (say("grammar.more", n=more) if more > 0 else "")


def hint(words: Sequence[str], *known: Mapping[str, Names]) -> str:
    """Ask whether the nearest of these names was meant; empty if none is near."""
    named: dict[str, tuple[str, str]] = {}
    for each in known:
        for key, called in each.items():
            for name in called.all:
                named.setdefault(plain(name), (key, name))
    for said in (" ".join(words[:1]), " ".join(words[:2])):
        near = [named[name] for name in difflib.get_close_matches(plain(said)[:100], named, n=3, cutoff=0.65)]
        if near:
            one_each = dict(reversed(near))
            return say("grammar.did_you_mean", choices=names(reversed(one_each.values())))
    return ""
