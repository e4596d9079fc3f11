"""The skill's package as files: what Amazon's developer tools upload (pure)."""

from __future__ import annotations

import json
from typing import Any

from bot.core.errors import BadFile
from bot.core.vocabulary import Vocabulary
from skills.release_desk.limits import mistakes, unspoken
from skills.release_desk.manifest import manifest
from skills.release_desk.model import interaction_model
from skills.release_desk.phrases import LANGUAGE_OF


def package(words: Vocabulary, url: str) -> dict[str, str]:
    """Give the files by path, as `interactionModels/custom/en-US.json`; `BadFile` names all that Alexa would refuse."""
    models = {locale: interaction_model(words, locale) for locale in LANGUAGE_OF}
    found = [*unspoken(words), *(each for locale, model in models.items() for each in mistakes(model, locale))]
    if found:
        raise BadFile(found)
    return {
        "skill.json": _written(manifest(url)),
        **{f"interactionModels/custom/{locale}.json": _written(model) for locale, model in models.items()},
    }


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
