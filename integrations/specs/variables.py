"""Puts an execution's variables into an action's configuration: `#{namespace.key}`, as CodePipeline writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.core.errors import Mistake

# Developer Guide, "Variables reference": #{namespace.variable_key}; a namespace has [A-Za-z0-9@\-_].
REFERENCE = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([^{}\s]{1,100})\}")


def texts(action: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the texts of an action or rule (raw JSON) that variables are put into, each with its path.

    User Guide, "Variables reference": values of the configuration. Commands and environment variables are the
    configuration of a Commands action, only written beside it (User Guide, "Commands action reference").
    """
    configuration, commands = action.get("configuration"), action.get("commands")
    for key, value in configuration.items() if isinstance(configuration, dict) else ():
        if isinstance(value, str):
            yield ("configuration", key), value
    for n, command in enumerate(commands if isinstance(commands, list) else ()):
        if isinstance(command, str):
            yield ("commands", n), command
    listed = action.get("environmentVariables")
    for n, variable in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(variable, dict) and isinstance(variable.get("value"), str):
            yield ("environmentVariables", n, "value"), variable["value"]


def references(text: str) -> Iterator[tuple[str, str]]:
    """Yield every (namespace, key) that a configuration value refers to, in order."""
    for found in REFERENCE.finditer(text):
        yield found[1], found[2]


def resolve(
    configuration: Mapping[str, str], variables: Mapping[str, Mapping[str, str]], what: str = "configuration"
) -> tuple[dict[str, str], list[Mistake]]:
    """Put the variables in; gives the configuration and a mistake for each reference without a value.

    `what` is where these texts stand, for the mistakes. `variables` maps namespace to key to value; both are
    case-sensitive. Unresolved references stay as they are. A value is put in as it is: references inside it are not
    resolved again.
    """
    mistakes: list[Mistake] = []
    resolved: dict[str, str] = {}
    for name, text in configuration.items():

        def value(found: re.Match[str], name: str = name) -> str:
            namespace, key = found[1], found[2]
            if namespace not in variables:
                known = ", ".join(sorted(variables)) or "none yet"
                mistakes.append(
                    Mistake(f"{what} {name}", f"{found[0]}: no action has given the namespace {namespace}.",
                            f"Namespaces so far: {known}.")
                )  # fmt: skip
            elif key not in variables[namespace]:
                known = ", ".join(sorted(variables[namespace])) or "none"
                mistakes.append(
                    Mistake(f"{what} {name}", f"{found[0]}: the namespace {namespace} has no variable {key}.",
                            f"It has: {known}.")
                )  # fmt: skip
            else:
                return variables[namespace][key]
            return found[0]

        resolved[name] = REFERENCE.sub(value, text)
    return resolved, mistakes
