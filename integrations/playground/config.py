"""What a playground workspace consists of: its people, channels, commands, and how strict it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field, SecretStr

from bot.core.model import Frozen

DEFAULT_SCOPES: Final = frozenset(
    {
        "chat:write",
        "commands",
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "groups:read",
        "im:write",
        "im:history",
        "im:read",
        "users:read",
        "files:write",
    }
)
"""What the app's manifest asks for; a method outside of these answers `missing_scope`, as Slack does."""


class Persona(Frozen):
    """A person of the workspace; the page can speak as any of them."""

    id: str = Field(pattern=r"^[UW][A-Z0-9]+$")
    name: str = Field(min_length=1)
    """The handle, as `ana`."""
    title: str = ""
    """The full name, as `Ana Ruiz`; without one the handle stands in."""
    email: str = ""
    role: str = ""
    """One or two words shown beside the name, as `approver`."""
    tz: str = "Etc/UTC"

    @property
    def real_name(self) -> str:
        """Give the name that people read."""
        return self.title or self.name


class Channel(Frozen):
    """A public channel."""

    id: str = Field(pattern=r"^[CG][A-Z0-9]+$")
    name: str = Field(min_length=1)
    topic: str = ""
    has_bot: bool = True
    """Whether the bot was invited; posting elsewhere answers `not_in_channel`."""
    archived: bool = False


class SlashCommand(Frozen):
    """A slash command that the app has registered."""

    name: str = Field(pattern=r"^/[a-z0-9_-]+$")
    description: str = ""
    usage_hint: str = ""


class EchoConfig(Frozen):
    """The household's Echoes, and the one skill that is enabled on them."""

    skill_url: str
    """The skill's whole address, as `http://127.0.0.1:8080/alexa`."""
    skill_id: str
    models: Mapping[str, Mapping[str, Any]]
    """By locale, as `en-US`: the interaction model's JSON."""
    roots: Path
    """The file of the root that the skill's server trusts (`ALEXA_TRUST_ROOTS`); made if there is none yet."""
    store_port: int
    """Where on loopback the chain lies (`ALEXA_CHAIN_STORE`)."""
    suggestions: Mapping[str, Sequence[str]] = {}
    """By locale: what the page offers to say."""
    patience: float = Field(default=8.0, gt=0)
    """Seconds that Alexa waits for the skill."""
    pin: str = Field(default="4711", pattern=r"^[0-9]{4}$")
    """Everybody's voice PIN."""


class PlaygroundConfig(Frozen):
    """Everything that `create_playground` needs."""

    bot_url: str
    """Where the bot's `POST /slack/events` is, the whole URL."""
    signing_secret: SecretStr
    bot_token: SecretStr
    """The `xoxb-` token that the bot presents."""
    app_token: SecretStr | None = None
    """The `xapp-` token that opens a Socket Mode connection; without one Socket Mode is off."""
    people: list[Persona] = Field(min_length=1)
    channels: list[Channel] = Field(min_length=1)
    commands: list[SlashCommand] = Field(default=[])
    suggestions: list[str] = Field(default=[])
    """Sentences that the page offers to type ("Try this")."""
    intro: str = ""
    """One line shown above the first message of a channel."""
    scopes: frozenset[str] = DEFAULT_SCOPES
    speed: float = Field(default=1.0, gt=0)
    """Divides the rate limits' windows, so that tests need not wait a minute."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970; stamps messages and decides on lifetimes and rate windows."""
    strict_rates: bool = True
    refuse_plan_blocks: bool = False
    """Answer `invalid_blocks` to plan and task_card blocks, as a workspace without them would."""
    deliver_dm_messages: bool = False
    """Whether the app subscribed to `message.im`."""
    patience: float = Field(default=3.0, gt=0)
    """Seconds that the bot has to answer, and that a trigger id lives; a slow machine may be given more."""
    event_retry_delays: tuple[float, float, float] = (0.0, 60.0, 300.0)
    """Seconds before each of the three retries of an event (divided by `speed`)."""
    echo: EchoConfig | None = None
    """Without one the workspace has no Echo."""
    bot_name: str = "sayso"
    bot_title: str = "Sayso"
    bot_user_id: str = "U0SAYSO"
    bot_id: str = "B0SAYSO"
    app_id: str = "A0SAYSO"
    team_id: str = "T0LOCAL"
    team_name: str = "Playground"
    team_domain: str = "playground"
