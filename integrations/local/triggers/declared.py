"""What the catalogue says about triggers: `[services.NAME.target.triggers.NAME]`."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import Field, StringConstraints, field_validator

from bot.core.model import Frozen

GitHost = Literal["github", "gitlab", "bitbucket"]
RegistryHost = Literal["dockerhub", "quay", "artifactory"]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
TriggerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""It stands in addresses: small letters, digits and hyphens."""


class GitHook(Frozen):
    """A webhook of a git host at `/hooks/NAME`; the pipeline's own `triggers` say what starts it."""

    kind: GitHost
    secret_env: Variable
    """Variable of the server's environment that has the webhook's secret."""
    repository: str | None = None
    """As `owner/name`; without one: the source action's, if that is written so."""


class RegistryHook(Frozen):
    """A webhook of a container registry at `/hooks/NAME/SECRET` (Artifactory also in a header)."""

    kind: RegistryHost
    secret_env: Variable
    repository: str | None = None
    """As `team/shop`; without one: the image source action's."""
    tags: Annotated[tuple[str, ...], Field(max_length=8)] = ()
    """Patterns; without one: the image source action's own tag, or any if it names none."""


class Schedule(Frozen):
    """Starts it by the clock."""

    kind: Literal["schedule"]
    cron: str
    """Minute, hour, day of the month, month, day of the week: `0 2 * * 1-5`."""
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _has_five_fields(cls, value: str) -> str:
        if len(value.split()) != 5 or not croniter.is_valid(value):
            raise ValueError(
                "this is no cron line: it has five fields, as `0 2 * * 1-5` for 02:00 from Monday to Friday."
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError) as error:
            raise ValueError(f"{value[:60]!r} is no time zone, as Europe/Berlin.") from error
        except KeyError as error:  # ZoneInfoNotFoundError
            raise ValueError(f"{value[:60]!r} is no time zone that this machine knows, as Europe/Berlin.") from error
        return value


class Poll(Frozen):
    """Looks at the branch of the git source action now and then, unless its PollForSourceChanges is false."""

    kind: Literal["poll"]
    seconds: Annotated[int, Field(ge=10, le=86_400)] = 60


Declared = Annotated[GitHook | RegistryHook | Schedule | Poll, Field(discriminator="kind")]
