"""What the HTTP API answers beside the nouns themselves: the same models for the server and its clients."""

from __future__ import annotations

from pydantic import Field

from bot.core.model import Frozen, Hold, Release

CLI_AGENT = "sayso-cli"
"""How the `sayso` command's User-Agent begins. It only chooses the word for the surface; it grants nothing."""


class ProblemMistake(Frozen):
    """One of several mistakes in what was sent."""

    place: str
    problem: str
    fix: str | None = None


class Problem(Frozen):
    """What went wrong (RFC 9457), in words for the person who asked."""

    type: str = Field(examples=["urn:sayso:problem:refused"])
    """Names the kind of problem; stable, for programs."""
    title: str = Field(examples=["That is not allowed."])
    status: int = Field(examples=[403])
    detail: str = Field(examples=["You asked for this release, so somebody else must approve it."])
    fix: str | None = Field(default=None, examples=["Who may: Ben or Chi."])
    """How to mend it, or who can."""
    rule: str | None = Field(default=None, examples=["services.checkout.environments.prod.self_approval"])
    """For a refusal: the key path of the rule in the catalogue."""
    mistakes: tuple[ProblemMistake, ...] = ()
    """All of them, if there may be several."""
    incident: str | None = None
    """For an error of our own: what to look for in the server's log."""


class ReleasePage(Frozen):
    """Releases, newest first."""

    releases: tuple[Release, ...]
    next_cursor: str | None = Field(default=None, description="Give it as `cursor` for the next page; null: no more.")


class HoldRecord(Frozen):
    """One wish to hold an environment, or to open it again."""

    service: str
    hold: Hold
    refused: str | None = Field(default=None, description="Why the backend would not; then the wish has no effect.")


class HoldPage(Frozen):
    """Such wishes, newest first."""

    holds: tuple[HoldRecord, ...]


class EnvironmentInfo(Frozen):
    """A place that a service is released to."""

    key: str
    title: str
    aliases: tuple[str, ...]
    production: bool
    stage: str | None


class ServiceInfo(Frozen):
    """Something that is released, and every name that people have for it."""

    key: str
    title: str
    aliases: tuple[str, ...]
    environments: tuple[EnvironmentInfo, ...]


class Services(Frozen):
    """The catalogue's services."""

    services: tuple[ServiceInfo, ...]
    people: dict[str, str]
    """Names by key."""
