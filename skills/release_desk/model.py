"""Builds the interaction model of a locale from the intents, the phrases and the catalogue's names (pure).

Source of the shape: Alexa Skills Kit, "Interaction Model Schema".
"""

from __future__ import annotations

from typing import Any

from bot.core.vocabulary import Vocabulary
from bot.core.wording import say
from skills.release_desk.intents import BUILT_IN, INTENTS, TYPES, Intent, Slot
from skills.release_desk.names import Entity, entities
from skills.release_desk.phrases import LANGUAGE_OF, answers, samples

_QUESTIONS = {
    Slot.SERVICE: "alexa.ask.service",
    Slot.ENVIRONMENT: "alexa.ask.environment",
    Slot.BUILD: "alexa.ask.build",
}


def interaction_model(words: Vocabulary, locale: str) -> dict[str, Any]:
    """Give the JSON of `interactionModels/custom/LOCALE.json`."""
    language = LANGUAGE_OF[locale]
    asking = [each for each in INTENTS if each.needs]
    return {
        "interactionModel": {
            "languageModel": {
                "invocationName": say("alexa.invocation", lang=language),
                "modelConfiguration": {"fallbackIntentSensitivity": {"level": "LOW"}},
                "intents": [
                    *(_intent(each, language) for each in INTENTS),
                    *({"name": name, "samples": []} for name in BUILT_IN),
                ],
                "types": [slot_type(words, slot) for slot in (Slot.SERVICE, Slot.ENVIRONMENT)],
            },
            "dialog": {"delegationStrategy": "SKILL_RESPONSE", "intents": [_dialog(each) for each in asking]},
            "prompts": [
                {
                    "id": f"Elicit.{each.name}.{slot}",
                    "variations": [{"type": "PlainText", "value": say(_QUESTIONS[slot], lang=language)}],
                }
                for each in asking
                for slot in each.needs
            ],
        }
    }


def slot_type(words: Vocabulary, slot: Slot) -> dict[str, Any]:
    """Give a slot type with the catalogue's names; the same shape serves as a dynamic entity."""
    return {"name": TYPES[slot], "values": [_value(entity) for entity in entities(words, slot)]}


def _value(entity: Entity) -> dict[str, Any]:
    return {"id": entity.key, "name": {"value": entity.name, "synonyms": list(entity.synonyms)}}


def _intent(intent: Intent, language: str) -> dict[str, Any]:
    slots = [
        {"name": slot.value, "type": TYPES[slot]}
        | ({"samples": list(answers(slot, intent, language))} if slot in intent.needs else {})
        for slot in intent.slots
    ]
    return {"name": intent.name, "slots": slots, "samples": list(samples(intent, language))}


def _dialog(intent: Intent) -> dict[str, Any]:
    slots = [
        {
            "name": slot.value,
            "type": TYPES[slot],
            "confirmationRequired": False,
            "elicitationRequired": slot in intent.needs,
            "prompts": {"elicitation": f"Elicit.{intent.name}.{slot}"} if slot in intent.needs else {},
        }
        for slot in intent.slots
    ]
    return {"name": intent.name, "confirmationRequired": False, "prompts": {}, "slots": slots}
