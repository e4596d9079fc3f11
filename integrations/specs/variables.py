"""Puts an execution's variables into an action's configuration: `#{namespace.key}`, as CodePipeline writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.core.errors import Mistake

# Developer Guide, "Variables reference": #{namespace.variable_key}; a namespace has [A-Za-z0-9@\-_].
REFERENCE = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([^{}\s]{1,100})\}")


def references(text: str) -> Iterator[tuple[str, str]]:
    """Yield every (namespace, key) that a configuration value refers to, in order."""
    for found in REFERENCE.finditer(text):
        yield found[1], found[2]


def resolve(
    configuration: Mapping[str, str], variables: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], list[Mistake]]:
    """Put the variables in; gives the configuration and a mistake for each reference without a value.

    `variables` maps namespace to key to value; both are case-sensitive. Unresolved references stay as they are.
    A value is put in as it is: references inside it are not resolved again.
    """
    mistakes: list[Mistake] = []
    resolved: dict[str, str] = {}
    for name, text in configuration.items():

        def value(found: re.Match[str], name: str = name) -> str:
            namespace, key = found[1], found[2]
            if namespace not in variables:
                known = ", ".join(sorted(variables)) or "none yet"
                mistakes.append(
                    Mistake(f"configuration {name}", f"{found[0]}: no action has given the namespace {namespace}.",
                            f"Namespaces so far: {known}.")
                )  # fmt: skip
            elif key not in variables[namespace]:
                known = ", ".join(sorted(variables[namespace])) or "none"
                mistakes.append(
                    Mistake(f"configuration {name}", f"{found[0]}: the namespace {namespace} has no variable {key}.",
                            f"It has: {known}.")
                )  # fmt: skip
            else:
                return variables[namespace][key]
            return found[0]

        resolved[name] = REFERENCE.sub(value, text)
    return resolved, mistakes
