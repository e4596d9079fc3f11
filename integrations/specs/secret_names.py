"""Reads how buildspecs and actions name values of the Parameter Store and of the Secrets Manager."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the Systems Manager Parameter Store, by its name (`/checkout/token`, or with `:version`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A value of the Secrets Manager: `id:json-key:version-stage:version-id`, of which only the id must be there.

    User Guide, "Build specification reference", `env/secrets-manager`.
    """

    id: str
    key: str = ""
    """The key of a JSON object; empty: the whole text."""
    stage: str = ""
    version: str = ""


def secret_named(text: str) -> Secret:
    """Read a reference; the id may be an ARN, whose own colons are told apart. Raises `ValueError` with a sentence."""
    parts = text.strip().split(":")
    if parts[0] == "arn":
        parts = [":".join(parts[:7]), *parts[7:]]
    if not parts[0] or len(parts) > 4:
        raise ValueError("expected a secret as `id:json-key:version-stage:version-id`.")
    return Secret(*parts)
