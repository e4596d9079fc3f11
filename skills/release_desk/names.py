"""What the catalogue's things are called by voice, and which of them was meant (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bot.core.model import Frozen
from bot.core.vocabulary import Names, Vocabulary
from skills.release_desk.intents import Slot

_NOT_SPOKEN = re.compile(r"[^\w.']+|_+")


class Entity(Frozen):
    """One value of a slot type: the catalogue's key, what it is called first, and its other names."""

    key: str
    name: str
    synonyms: tuple[str, ...] = ()


def spoken(names: Names) -> tuple[str, ...]:
    """Give everything that people may say for it, what the catalogue calls `spoken` first, each once."""
    every = (*names.spoken, *names.all)
    said = (_NOT_SPOKEN.sub(" ", name).strip() for name in every)
    once = {name.casefold(): name for name in reversed([each for each in said if any(map(str.isalpha, each))])}
    return tuple(reversed(once.values()))


def called(names: Names) -> str:
    """Give what the skill itself calls it."""
    own = (*names.spoken, names.title, names.key)
    return next((_NOT_SPOKEN.sub(" ", name).strip() for name in own if name), names.key)


def merged(words: Vocabulary, slot: Slot) -> Mapping[str, Names]:
    """Give all services, or the environments of all services: those with the same key are one thing."""
    if slot is Slot.SERVICE:
        return words.services
    found: dict[str, Names] = {}
    for places in words.environments.values():
        for key, names in places.items():
            have = found.get(key, Names(key=key))
            found[key] = Names(
                key=key,
                title=have.title or names.title,
                aliases=tuple(dict.fromkeys((*have.aliases, *names.aliases, names.title))),
                spoken=tuple(dict.fromkeys((*have.spoken, *names.spoken))),
            )
    return found


def offered(words: Vocabulary, service: str | None) -> Mapping[str, Names]:
    """Give the environments that may be offered: of a service, or of all; those closed to voice only if said."""
    known = words.environments_of(service) if service else merged(words, Slot.ENVIRONMENT)
    among = [service] if service else words.environments
    every = ((each, key) for each in among for key in words.environments_of(each))
    open_to_voice = {key for each, key in every if (each, key) not in words.closed}
    return {key: names for key, names in known.items() if key in open_to_voice}


def entities(words: Vocabulary, slot: Slot) -> tuple[Entity, ...]:
    """Give a slot type's values; what has no name that can be spoken is left out."""
    found = {key: spoken(names) for key, names in merged(words, slot).items()}
    return tuple(Entity(key=key, name=said[0], synonyms=said[1:]) for key, said in found.items() if said)


def unspeakable(words: Vocabulary) -> Iterable[str]:
    """Name what can't be spoken of: `services.x`, `environments.y`."""
    for slot in (Slot.SERVICE, Slot.ENVIRONMENT):
        for key, names in merged(words, slot).items():
            if not spoken(names):
                yield f"{slot}s.{key}"
