"""Finds the intent in an utterance by the samples of the model, the way Alexa's understanding does it.

Slots aren't lists of allowed words: "deploy bananas" is a deploy of something that resolution does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from integrations.playground.echo import phrases
from integrations.playground.echo.entities import FREE, Entities
from integrations.playground.echo.model import Intent, InteractionModel, Slot
from integrations.playground.echo.words import words

FALLBACK: Final = "AMAZON.FallbackIntent"
_LONGEST_UNKNOWN: Final = 4
"""Words; more than that is not taken for the name of something."""
_SLOT: Final = re.compile(r"\{\s*([^}|]*\|)?\s*(\w+)\s*\}")


@dataclass(frozen=True, slots=True)
class Meaning:
    """An intent, and the words for its slots."""

    intent: str
    said: Mapping[str, tuple[str, ...]]
    unknown: int = 0
    """Slots whose words mean no known value."""
    literal: int = 0
    """Words that stand in the sample itself."""

    def better_than(self, other: Meaning | None) -> bool:
        """Tell whether this is the likelier meaning; of equal ones the first in the model stays."""
        return other is None or (-self.unknown, self.literal) > (-other.unknown, other.literal)


@dataclass(frozen=True, slots=True)
class Invocation:
    """An utterance to a skill that has no session: what is left of it without wake word and invocation name."""

    wish: str
    """Empty: the skill is only opened."""


class Understanding:
    """Knows one model, its entities and its language."""

    def __init__(self, model: InteractionModel, entities: Entities, locale: str) -> None:
        self._model = model
        self._entities = entities
        self._language = phrases.language(locale)
        self._samples = [
            (intent, _pattern(sample)) for intent in model.language.intents for sample in self._all_samples(intent)
        ]

    def _all_samples(self, intent: Intent) -> tuple[str, ...]:
        return (*intent.samples, *phrases.BUILT_IN[self._language].get(intent.name, ()))

    def invocation(self, utterance: str) -> Invocation | None:
        """Read "Alexa, ask release desk to …", "open release desk" or "… using release desk"; None if it is neither."""
        said = words(utterance)
        said = said[1:] if said[:1] in {("alexa",), ("echo",), ("computer",)} else said
        name = words(self._model.language.invocation_name)
        for opening in phrases.LAUNCH[self._language]:
            if said == (*words(opening), *name):
                return Invocation("")
        for opening in phrases.ASK[self._language] + phrases.LAUNCH[self._language]:
            start = (*words(opening), *name)
            if said[: len(start)] == start:
                return Invocation(self._without_joint(said[len(start) :]))
        for joint in phrases.WITH[self._language]:
            end = (*words(joint), *name)
            if said[-len(end) :] == end:
                return Invocation(" ".join(said[: -len(end)]))
        return Invocation("") if said == name else None

    def _without_joint(self, rest: tuple[str, ...]) -> str:
        text = " ".join(rest)
        for joint in phrases.JOINTS[self._language]:
            if rest[:1] == (joint,):
                shorter = " ".join(rest[1:])
                with_it, without = self.meaning(text), self.meaning(shorter)
                return text if with_it and with_it.better_than(without) else shorter
        return text

    def meaning(self, utterance: str) -> Meaning | None:
        """Find the best intent; None means Fallback."""
        said = words(utterance)
        as_said, shorter = self._best(said), self._best(self._without_fillers(said))
        return shorter if shorter and shorter.better_than(as_said) else as_said

    def _without_fillers(self, said: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word for word in said if word not in phrases.FILLERS[self._language])

    def _best(self, said: tuple[str, ...]) -> Meaning | None:
        best: Meaning | None = None
        for intent, pattern in self._samples:
            for found in self._meanings(intent, pattern, said):
                if (found.literal or not found.unknown) and found.better_than(best):
                    best = found
        return best

    def answer(self, utterance: str, intent: str, slot: Slot) -> Meaning | None:
        """Read the answer to a question for a slot: its value, one of its samples, or at least some words."""
        best: Meaning | None = None
        asked = self._model.intent(intent)
        assert asked
        for said in dict.fromkeys((words(utterance), self._without_fillers(words(utterance)))):
            for sample in (f"{{{slot.name}}}", *slot.samples):
                for found in self._meanings(asked, _pattern(sample), said):
                    if found.better_than(best):
                        best = found
        return best

    def _meanings(self, intent: Intent, pattern: Sequence[str], said: tuple[str, ...]) -> Iterator[Meaning]:
        literal = sum(not part.startswith("{") for part in pattern)
        for found in _matches(pattern, said):
            unknown, possible = 0, True
            for name, value in found.items():
                slot = intent.slot(name)
                if slot is None:
                    possible = False
                elif slot.type != FREE and not self._entities.fits(slot.type, value):
                    unknown += 1
                    possible = possible and len(value) <= _LONGEST_UNKNOWN
            if possible:
                yield Meaning(intent.name, found, unknown, literal)

    def yes_or_no(self, utterance: str) -> bool | None:
        """Tell whether it is a yes or a no; None if it is neither."""
        said = words(utterance)
        for name, meant in (("AMAZON.YesIntent", True), ("AMAZON.NoIntent", False)):
            intent = self._model.intent(name) or Intent(name=name)
            if any(words(sample) == said for sample in self._all_samples(intent)):
                return meant
        return None


def _pattern(sample: str) -> tuple[str, ...]:
    """Split a sample: words as they are heard, slots as `{name}`."""
    parts: list[str] = []
    at = 0
    for slot in _SLOT.finditer(sample):
        parts += [*words(sample[at : slot.start()]), f"{{{slot[2]}}}"]
        at = slot.end()
    return (*parts, *words(sample[at:]))


def _matches(pattern: Sequence[str], said: tuple[str, ...]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Give every way to lay the pattern over the words; a slot takes at least one word."""
    if not pattern:
        if not said:
            yield {}
        return
    first, rest = pattern[0], pattern[1:]
    if not first.startswith("{"):
        if said[:1] == (first,):
            yield from _matches(rest, said[1:])
        return
    for taken in range(1, len(said) - len(rest) + 1):
        for found in _matches(rest, said[taken:]):
            yield {first[1:-1]: said[:taken], **found}
