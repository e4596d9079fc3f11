"""Backends by entry point: the built-in ones come in by the same door as strangers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from pydantic import BaseModel

from bot.core.errors import Misconfigured
from bot.core.ports import BackendPlugin
from bot.core.wording import say

GROUP = "sayso.backends"


def backend_plugins() -> dict[str, BackendPlugin]:
    """Load every installed backend by name; `Misconfigured` names the one that can't be loaded."""
    found: dict[str, BackendPlugin] = {}
    for entry in entry_points(group=GROUP):
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            raise Misconfigured(say("plugin.broken", name=entry.name, value=entry.value, error=error)) from error
    return found


def targets(plugins: Mapping[str, BackendPlugin]) -> dict[str, type[BaseModel]]:
    """Give what the catalogue must say about an environment, by backend."""
    return {name: plugin.target for name, plugin in plugins.items()}
