"""Checks an interaction model against what Alexa takes (pure).

The numbers are those of Alexa's "Custom interaction model guidelines and limits" as far as they could be found; Amazon
checks again when a model is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.core.errors import Mistake
from bot.core.vocabulary import Vocabulary
from bot.core.wording import say
from skills.release_desk.names import unspeakable

MOST_INTENTS = 250
MOST_VALUES = 50_000
LONGEST_VALUE = 140
LONGEST_SAMPLE = 200
MOST_BYTES = 1_500_000
_SAMPLE = re.compile(r"(?:[^\W\d_]|[ .']|\{[a-zA-Z_]+\})+\Z")


def mistakes(model: dict[str, Any], locale: str) -> Iterator[Mistake]:
    """Find everything in a locale's model that Alexa would refuse."""
    language = model["interactionModel"]["languageModel"]
    size = len(json.dumps(model, ensure_ascii=False).encode())
    if size > MOST_BYTES:
        yield Mistake(locale, say("alexa.limit.too_large", n=size, most=MOST_BYTES))
    yield from _most(f"{locale}: intents", len(language["intents"]), MOST_INTENTS)
    said: dict[str, str] = {}
    for intent in language["intents"]:
        place = f"{locale}: {intent['name']}"
        own = {slot["name"] for slot in intent.get("slots", ())}
        if not intent["name"].startswith("AMAZON.") and not intent["samples"]:
            yield Mistake(place, say("alexa.limit.empty"))
        for sample in intent["samples"]:
            yield from _sample(place, sample, own)
            if sample in said:
                yield Mistake(place, say("alexa.limit.twice", value=sample, other=said[sample]))
            said[sample] = intent["name"]
    yield from _most(f"{locale}: types", sum(len(each["values"]) for each in language["types"]), MOST_VALUES)
    for each in language["types"]:
        place = f"{locale}: {each['name']}"
        if not each["values"]:
            yield Mistake(place, say("alexa.limit.empty"))
        for value in each["values"]:
            for name in (value["name"]["value"], *value["name"]["synonyms"]):
                yield from _long(f"{place}.{value['id']}", name, LONGEST_VALUE)


def unspoken(words: Vocabulary) -> Iterator[Mistake]:
    """Find what the catalogue gives no name that can be spoken."""
    for place in unspeakable(words):
        yield Mistake(place, say("alexa.limit.no_name"), say("alexa.limit.no_name.fix"))


def _sample(place: str, sample: str, slots: set[str]) -> Iterator[Mistake]:
    yield from _long(place, sample, LONGEST_SAMPLE)
    if not _SAMPLE.match(sample):
        yield Mistake(place, say("alexa.limit.sample", value=sample))
    if not set(re.findall(r"\{(\w+)\}", sample)) <= slots:
        yield Mistake(place, say("alexa.limit.slot", value=sample))


def _long(place: str, value: str, most: int) -> Iterator[Mistake]:
    if len(value) > most:
        yield Mistake(place, say("alexa.limit.too_long", value=value[:most], most=most))


def _most(place: str, count: int, most: int) -> Iterator[Mistake]:
    if count > most:
        yield Mistake(place, say("alexa.limit.too_many", n=count, most=most))
