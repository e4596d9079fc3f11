"""What a check is about: the catalogue's environments whose pipelines live in AWS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bot.core.wording import names, say
from integrations.aws.target import AwsTarget, Place


class Environment(NamedTuple):
    """One environment."""

    service: str
    name: str
    target: AwsTarget
    stage: str | None
    """None: the whole pipeline is this environment."""
    production: bool

    @property
    def key(self) -> str:
        """Give its place in the catalogue."""
        return f"services.{self.service}.environments.{self.name}"


class Identity(NamedTuple):
    """Who AWS takes Sayso for."""

    account: str
    """Its number."""
    arn: str


def listed(environments: Iterable[Environment]) -> str:
    """Name environments as people do: `checkout staging and checkout prod`."""
    return names(dict.fromkeys(f"{each.service} {each.name}" for each in environments), joined="names.and")


def shown(place: Place) -> str:
    """Name a place of AWS."""
    key = "aws.check.place.role" if place.role else "aws.check.place"
    return say(key, region=place.region, role=place.role)
