"""The services that the scenarios of the skill speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.catalogue import Catalogue
from bot.catalogue.model import VoiceSettings
from bot.core.voice import VoiceRule
from tests.support.desk_world import catalogue
from tests.support.memory_backend import MemoryTarget


def declared(rules: Mapping[str, str], voice: Mapping[str, Any]) -> Catalogue:
    """Give three services; `rules` are voice rules by `service.environment`, what isn't named has the usual ones."""
    known = catalogue()
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
