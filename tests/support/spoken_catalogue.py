"""The services that the scenarios of the skill speak of, and who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.catalogue import Catalogue
from bot.catalogue.model import VoiceSettings
from bot.core.voice import Voice, VoiceRule
from integrations.playground.echo import Person
from tests.support.desk_world import catalogue
from tests.support.memory_backend import MemoryTarget
from tests.support.voice_world import SKILL

PINS = {"ana": "4711", "ben": "2580"}
"""Whoever else speaks has no voice PIN."""


def person(who: str) -> Person | None:
    """Give a person; `nobody` is a voice that Alexa doesn't know, `ana, perhaps` one that it is not sure of."""
    name, _, doubt = who.partition(", ")
    return None if name == "nobody" else Person(name, PINS.get(name), level=200 if doubt else 300)


def voice_of(who: str) -> Voice:
    """Give the voice that the skill makes of a person at the device."""
    found = person(who)
    return Voice(
        skill=SKILL,
        account="amzn1.ask.account.house",
        person=found.id if found else None,
        level=found.level if found else None,
    )


def declared(rules: Mapping[str, str], voice: Mapping[str, Any], approvals: int) -> Catalogue:
    """Give three services; `rules` are voice rules by `service.environment`, what isn't named has the usual ones."""
    known = catalogue(approvals=approvals)
    shop = known.services["shop"]
    staging, prod = shop.environments["staging"], shop.environments["prod"]

    def service(key: str, title: str, places: tuple[str, ...], **names: Any) -> Any:
        target = MemoryTarget(pipeline=key)
        every = {
            "staging": staging.model_copy(update={"target": target, "aliases": ("stage",)}),
            "prod": prod.model_copy(
                update={"target": target, "aliases": ("production", "live"), "self_approval": True}
            ),
        }
        ruled = {
            place: every[place].model_copy(
                update={"voice": VoiceRule(rules[f"{key}.{place}"]) if f"{key}.{place}" in rules else None}
            )
            for place in places
        }
        return shop.model_copy(update={"key": key, "title": title, "environments": ruled, **names})

    both = ("staging", "prod")
    services = {
        "shop": service("shop", "Shop", both, aliases=("store",)),
        "payments-api": service("payments-api", "Payments", both, spoken=("payments A P I",)),
        "books": service("books", "Books", ("staging",), aliases=("store",)),
    }
    return known.model_copy(update={"services": services, "voice": VoiceSettings(**voice)})
