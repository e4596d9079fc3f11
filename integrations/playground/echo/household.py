"""The Echoes of the workspace's household: who speaks to which, what was said, and the way to the skill."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import httpx

from integrations.playground.config import EchoConfig, Persona
from integrations.playground.echo import phrases
from integrations.playground.echo.amazon import Endpoint, Exchange
from integrations.playground.echo.device import Device
from integrations.playground.echo.envelope import Person
from integrations.playground.echo.keys import Keys
from integrations.playground.echo.model import read_model
from integrations.playground.echo.pin import Pins
from integrations.playground.echo.turn import Turn
from integrations.playground.feed import Feed
from integrations.playground.outcome import NotPossible

MOST_TURNS: Final = 100
PAGE: Final = "page"
"""The Echo that stands beside the chat; others belong to terminals."""


class Household:
    """All Echoes are of one account and know the voices of everybody in the workspace."""

    def __init__(
        self,
        config: EchoConfig,
        keys: Keys,
        http: httpx.AsyncClient,
        feed: Feed,
        *,
        note: Callable[[Exchange], None],
        now: Callable[[], float],
    ) -> None:
        self.config = config
        self._feed, self._now = feed, now
        self._models = {locale: read_model(dict(model)) for locale, model in config.models.items()}
        self._endpoint = Endpoint(config.skill_url, keys.speaker, http, note)
        self._pins = Pins()
        self._echoes: dict[tuple[str, str], Device] = {}
        self._busy: dict[tuple[str, str], asyncio.Lock] = {}
        self._turns: deque[dict[str, Any]] = deque(maxlen=MOST_TURNS)
        self._number = 0

    async def say(
        self, who: Persona, text: str, *, echo: str, locale: str, recognised: bool, screen: bool, base_url: str
    ) -> dict[str, Any]:
        """Say something to an Echo, or (empty text) stay silent; gives the turn as JSON.

        `recognised`: whether Alexa knows the voice. An Echo that nobody spoke to yet is set up, with a `screen` or
        without. Progressive responses are taken at `base_url`.
        """
        if locale not in self._models:
            raise NotPossible("no_such_locale", f"The skill does not speak {locale}, only {', '.join(self._models)}.")
        key = echo, locale
        device = self._echoes.get(key) or self._set_up(key, screen=screen, base_url=base_url)
        async with self._busy.setdefault(key, asyncio.Lock()):
            device.person = Person(who.name, pin=self.config.pin) if recognised else None
            turn = await (device.say(text) if text else device.wait())
        return self._told(echo, who, turn, recognised=recognised)

    def knows(self, token: str) -> bool:
        """Tell whether a skill got this token from one of the Echoes."""
        return any(each.api_token == token for each in self._echoes.values())

    def progress(self, token: str, request_id: str, speech: str) -> bool:
        """Let the Echo that this token belongs to say something while its skill is still at work."""
        return any(each.api_token == token and each.progress(request_id, speech) for each in self._echoes.values())

    def snapshot(self) -> dict[str, Any]:
        """Give what the page shows, as JSON."""
        return {
            "locales": {key: model.language.invocation_name for key, model in self._models.items()},
            "pin": self.config.pin,
            "suggestions": {key: self._offered(key) for key in self._models},
            "turns": list(self._turns),
        }

    def _offered(self, locale: str) -> list[str]:
        built_in = phrases.BUILT_IN[phrases.language(locale)]
        answers = (built_in[name][0] for name in ("AMAZON.YesIntent", "AMAZON.NoIntent"))
        return [*self.config.suggestions.get(locale, ()), *answers]

    def _set_up(self, key: tuple[str, str], *, screen: bool, base_url: str) -> Device:
        name, locale = key
        self._echoes[key] = Device(
            self._models[locale],
            self._endpoint,
            skill_id=self.config.skill_id,
            patience=self.config.patience,
            name=name.upper(),
            locale=locale,
            screen=screen,
            api_endpoint=base_url.rstrip("/"),
            pins=self._pins,
        )
        return self._echoes[key]

    def _told(self, echo: str, who: Persona, turn: Turn, *, recognised: bool) -> dict[str, Any]:
        self._number += 1
        told = {key: value for key, value in asdict(turn).items() if key not in {"requests", "answers"}}
        told |= {
            "number": self._number, "at": self._now(), "echo": echo, "who": who.id, "recognised": recognised,
        }  # fmt: skip
        self._turns.append(told)
        self._feed.publish("echo", turn=told)
        return told
