"""Real sound: espeak-ng speaks the model's own sentences, pocketsphinx hears them, the desk is asked for the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bot.store import releases
from bot.store.database import Database
from integrations.playground.echo.model import Intent, InteractionModel
from tests.support.audio import Ears, Mouth
from tests.support.spoken import open_conversation

VOICES = ("en-us", "en-us+f2")
FILLED = {"service": ("shop", "shop"), "environment": ("staging", "staging"), "build": ("seven", "7")}
"""What is said for a slot, and what it means."""
ENOUGH = 0.9


@dataclass(frozen=True)
class Sentence:
    words: str
    intent: str
    slots: dict[str, str]


@pytest.fixture
def migrated_url(empty_database: Callable[[str], str]) -> str:
    """One kind of database is enough for what is heard."""
    return empty_database("sqlite")


async def test_the_samples_are_heard_and_the_same_intent_and_slots_reach_the_desk(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    mouth, wrong, count = Mouth(), [], 0
    async with open_conversation(database, {"pair": ["ana"], "pace": (7.0, 7.5)}) as talk:
        ears = Ears(talk.device.model)
        for sentence in sentences(talk.device.model, ears):
            for voice in VOICES:
                heard = ears.hear(mouth.say(sentence.words, voice))
                turn = await talk.device.say(f"Alexa, ask release desk to {heard}")
                count += 1
                if (turn.intent, turn.slots) != (sentence.intent, sentence.slots):
                    wrong.append(f"{voice} said “{sentence.words}”, heard was “{heard}”")
        right = count - len(wrong)
        record_property("told", f"{right} of {count} spoken samples were understood by sound ({right / count:.0%})")
        assert {each.intent for each in sentences(talk.device.model, ears)} >= {
            intent.name for intent in talk.device.model.language.intents if intent.samples
        }
        assert right >= ENOUGH * count, "\n".join(wrong)

        for said in ("Alexa, ask release desk to deploy books to staging", "yes"):
            heard = ears.hear(mouth.say(said))
            turn = await talk.device.say(heard)
        async with database.read() as c:
            (release,) = await releases.recent(c, limit=5)
        assert (release.service, release.environment, release.requested_by) == ("books", "staging", "ana")
        assert turn.speech.startswith("Starting")


def sentences(model: InteractionModel, ears: Ears) -> Iterator[Sentence]:
    """Give the first and the last sample of each intent whose words can be heard, its slots filled."""
    for intent in model.language.intents:
        possible = [each for each in _filled(intent) if all(map(ears.knows, each.words.split()))]
        yield from possible[:1]
        yield from possible[1:][-1:]


def _filled(intent: Intent) -> Iterator[Sentence]:
    for sample in intent.samples:
        said, slots = sample, {}
        for slot in intent.slots:
            if f"{{{slot.name}}}" in said:
                words, slots[slot.name] = FILLED[slot.name]
                said = said.replace(f"{{{slot.name}}}", words)
        yield Sentence(said, intent.name, slots)
