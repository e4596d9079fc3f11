"""Finds out which service and environment a wish names; what is not clear becomes a question (pure).

A slot is no enumeration: Alexa gives the words with whatever it matched, and the catalogue has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bot.core.typed_text import squashed
from bot.core.vocabulary import Names, Vocabulary
from skills.release_desk.intents import Intent, Slot
from skills.release_desk.names import called, merged, offered, spoken
from skills.release_desk.tongue import Ssml, Tongue, together
from skills.release_desk.turn import Heard

_MOST_FIGURES = 9


@dataclass(frozen=True, slots=True)
class Place:
    """What a wish is about, as catalogue keys."""

    service: str | None = None
    environment: str | None = None
    build: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What must be asked, and for which slot."""

    slot: Slot
    text: Ssml
    offered: str | None = None
    """The one key that is offered, so that yes is an answer."""


def place(intent: Intent, heard: Mapping[Slot, Heard], tongue: Tongue) -> Place | Question:
    """Resolve what was heard, or give the question that would complete it: service first, then environment."""
    words = tongue.words
    service = environment = None
    if said := heard.get(Slot.SERVICE):
        found = _matches(said, words.services)
        if len(found) != 1:
            return _which(Slot.SERVICE, said, found, words.services, tongue)
        service = found[0]
    elif Slot.SERVICE in intent.needs:
        return Question(Slot.SERVICE, tongue.say("alexa.ask.service"))
    known = words.environments_of(service) if service else merged(words, Slot.ENVIRONMENT)
    if said := heard.get(Slot.ENVIRONMENT):
        found = _matches(said, known)
        if len(found) != 1:
            return _which(Slot.ENVIRONMENT, said, found, known, tongue, service=service)
        environment = found[0]
    elif Slot.ENVIRONMENT in intent.needs:
        choices = offered(words, service)
        if len(choices) != 1:
            return Question(Slot.ENVIRONMENT, _where_to(choices, tongue))
        environment = next(iter(choices))
    build = _number(heard[Slot.BUILD]) if Slot.BUILD in heard else None
    if Slot.BUILD in heard and build is None:
        return Question(Slot.BUILD, tongue.say("alexa.ask.build"))
    return Place(service, environment, build)


def _matches(heard: Heard, known: Mapping[str, Names]) -> list[str]:
    """Give the keys that may be meant: those that Alexa matched, else those whose name was said."""
    matched = [key for key in heard.ids if key in known]
    if matched:
        return matched
    said = squashed(heard.said)
    return [key for key, names in known.items() if said in {squashed(name) for name in spoken(names)}]


def _which(
    slot: Slot,
    heard: Heard,
    found: Sequence[str],
    known: Mapping[str, Names],
    tongue: Tongue,
    *,
    service: str | None = None,
) -> Question:
    if found:
        choices = tongue.choices(called(known[key]) for key in found)
        return Question(slot, tongue.say("alexa.ambiguous", word=heard.said, choices=choices))
    near = _near(heard.said, known)
    choices = tongue.choices(called(known[key]) for key in near)
    if near:
        only = near[0] if len(near) == 1 else None
        return Question(slot, tongue.say("alexa.unknown.near", word=heard.said, choices=choices), only)
    if service:
        unknown = tongue.say("alexa.unknown.environment", service=tongue.service(service), word=heard.said)
        return Question(slot, together(unknown, _where_to(offered(tongue.words, service), tongue)))
    unknown = tongue.say("alexa.unknown", word=heard.said)
    possible = known if slot is Slot.SERVICE else offered(tongue.words, service)
    every = tongue.say("alexa.choices", choices=tongue.choices(map(called, possible.values())))
    asked = tongue.say("alexa.ask.service" if slot is Slot.SERVICE else "alexa.ask.environment")
    return Question(slot, together(unknown, every, asked))


def _where_to(choices: Mapping[str, Names], tongue: Tongue) -> Ssml:
    if not choices:
        return tongue.say("alexa.ask.environment")
    return tongue.say("alexa.ask.environment.of", choices=tongue.choices(map(called, choices.values())))


def _near(said: str, known: Mapping[str, Names]) -> list[str]:
    named = {squashed(name): key for key, names in known.items() for name in spoken(names)}
    close = get_close_matches(squashed(said)[:100], named, n=3, cutoff=0.6)
    return list(dict.fromkeys(named[name] for name in close))


def _number(heard: Heard) -> int | None:
    """Read a release's number. What is no number must not be left out: another build would be shipped."""
    said = heard.said
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= _MOST_FIGURES else None


def usable(words: Vocabulary, heard: Mapping[Slot, Heard]) -> Mapping[Slot, Heard]:
    """Leave out names that nothing has, so that the next answer can take their place."""
    known = {slot: merged(words, slot) for slot in (Slot.SERVICE, Slot.ENVIRONMENT)}
    return {slot: said for slot, said in heard.items() if slot not in known or len(_matches(said, known[slot])) == 1}
