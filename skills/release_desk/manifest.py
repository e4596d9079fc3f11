"""Builds the skill's manifest (pure). Source of the shape: Alexa Skills Kit, "Skill Manifest Schema"."""

from __future__ import annotations

from typing import Any

from bot.core.wording import say
from skills.release_desk.intents import DEPLOY, STATUS
from skills.release_desk.phrases import LANGUAGE_OF, samples

PERMISSIONS = ("alexa::person_id:read", "alexa::authenticate:2:optional", "alexa::devices:all:notifications:write")
"""Who speaks; the voice PIN where an environment asks for it; notifications for those who want them."""
EVENTS = ("SKILL_DISABLED", "SKILL_PERMISSION_CHANGED", "SKILL_PROACTIVE_SUBSCRIPTION_CHANGED")


def manifest(url: str) -> dict[str, Any]:
    """Give the JSON of `skill.json`; `url` is the server's `/alexa`, with https, or the ARN of the Lambda relay."""
    endpoint = {"uri": url, "sslCertificateType": "Trusted"} if url.startswith("https://") else {"uri": url}
    return {
        "manifest": {
            "manifestVersion": "1.0",
            "publishingInformation": {
                "locales": {locale: _shop_window(language) for locale, language in LANGUAGE_OF.items()},
                "isAvailableWorldwide": True,
                "testingInstructions": say("alexa.testing"),
                "category": "BUSINESS_AND_FINANCE",
                "distributionCountries": [],
            },
            "apis": {"custom": {"endpoint": endpoint, "interfaces": [{"type": "ALEXA_PRESENTATION_APL"}]}},
            "permissions": [{"name": name} for name in PERMISSIONS],
            "events": {
                "endpoint": endpoint,
                "subscriptions": [{"eventName": name} for name in EVENTS],
                "publications": [{"eventName": "AMAZON.MessageAlert.Activated"}],
            },
            "privacyAndCompliance": {
                "allowsPurchases": False,
                "usesPersonalInfo": False,
                "isChildDirected": False,
                "isExportCompliant": True,
                "containsAds": False,
                "locales": {},
            },
        }
    }


def _shop_window(language: str) -> dict[str, Any]:
    invocation = say("alexa.invocation", lang=language)
    ask, open_it = {"en": ("ask", "open"), "de": ("frage", "öffne")}[language]
    plain = (each for each in (*samples(STATUS, language), *samples(DEPLOY, language)) if "{" not in each)
    return {
        "name": say("alexa.name", lang=language),
        "summary": say("alexa.summary", lang=language),
        "description": say("alexa.description", lang=language),
        "examplePhrases": [
            f"Alexa, {open_it} {invocation}",
            *(f"Alexa, {ask} {invocation} {each}" for each, _ in zip(plain, range(2), strict=False)),
        ],
        "keywords": [],
    }
