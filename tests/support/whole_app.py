"""The real app in this process, behind its real door, in a real playground, over the local backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from bot.app import Sayso, open_sayso
from bot.catalogue import load_catalogue
from bot.cli.doors import free_port
from bot.cli.serving import run_until
from bot.core.model import Release, Status
from bot.plugins import backend_plugins, targets
from bot.settings import Settings
from bot.store import releases
from integrations.playground.config import Channel, EchoConfig, Persona, PlaygroundConfig, SlashCommand
from integrations.playground.server import create_playground
from skills.release_desk.model import interaction_model
from tests.playground.serving import SECRET, TOKEN, listening, served
from tests.support import seen
from tests.support.small_service import CHANNEL, PEOPLE, SmallServices
from tests.support.waiting import until

RELAY_SECRET = "a-secret-of-the-relay-only"


@dataclass(frozen=True)
class WholeApp:
    """The running app, and what people do in the chat before it."""

    sayso: Sayso
    services: SmallServices
    door: str
    """The bot's address."""
    http: httpx.AsyncClient
    """The playground's control API."""

    async def do(self, gesture: str, **what: Any) -> dict[str, Any]:
        """Do something as a person."""
        answer: dict[str, Any] = (await self.http.post(gesture, json=what)).json()
        return answer

    async def say(self, text: str, who: str = "ana") -> str:
        """Say something in the channel; gives the private answer's text."""
        answer = await self.do("say", persona=self.services.people[who], channel=CHANNEL, text=text)
        assert answer["outcome"] == "ok", answer
        return str((answer["ephemeral"] or {}).get("text", ""))

    async def click(self, card: Mapping[str, Any], verb: str, who: str, **more: Any) -> dict[str, Any]:
        """Click a button."""
        person = self.services.people[who]
        place = {"channel": card["channel"], "ts": card["ts"]}
        return await self.do("click", persona=person, action_id=f"sayso.{verb}", **place, **more)

    async def state(self) -> seen.State:
        """Give the whole workspace."""
        found: seen.State = (await self.http.get("state")).json()
        return found

    async def calls(self) -> list[dict[str, Any]]:
        """Give all calls of the Web API, oldest first."""
        found: list[dict[str, Any]] = (await self.http.get("ledger")).json()["calls"]
        return found

    async def releases(self) -> list[Release]:
        """Give all releases, newest first."""
        async with self.sayso.database.read() as c:
            return list(await releases.recent(c, limit=100))

    async def release(self, release: Release) -> Release:
        """Give the release as it is now."""
        async with self.sayso.database.read() as c:
            return await releases.get(c, release.id)

    async def asked(self, text: str = "/deploy alpha prod", who: str = "ana") -> Release:
        """Ask for a release, and give it."""
        assert "Asked for" in (told := await self.say(text, who)), told
        return (await self.releases())[0]

    async def card(self, release: Release, verb: str) -> dict[str, Any]:
        """Wait until the release's card has this button, and give it."""
        found = await until(self.state, lambda state: any(_offers(card, verb) for card in seen.cards(state, release)))
        return seen.cards(found, release)[0]

    async def whispered(self, who: str, words: str) -> list[str]:
        """Wait until somebody was privately told something with these words; gives all that they were told."""
        person = self.services.people[who]
        state = await until(self.state, lambda state: any(words in text for text in seen.whispers(state, person)))
        return seen.whispers(state, person)

    async def ended(self, release: Release) -> Release:
        """Wait until a release has ended and its card says so."""
        found = await until(lambda: self.release(release), lambda now: not now.active)
        word = "Done: " if found.status is Status.SUCCEEDED else ""
        await until(self.state, lambda state: any(one["text"].startswith(word) for one in seen.cards(state, release)))
        return found


def _offers(card: Any, verb: str) -> bool:
    return f"sayso.{verb}" in seen.buttons(card)


@asynccontextmanager
async def open_whole_app(
    root: Path, *, people: Mapping[str, str] = PEOPLE, message: str = "Begin", voice: bool = False, **playground: Any
) -> AsyncIterator[WholeApp]:
    """Run it for the time of the block; `message` is the commit that is shipped, `voice` adds a skill and an Echo."""
    services = SmallServices(root, people=people, message=message)
    chat, chat_url = listening()
    door, door_url = listening()
    config = PlaygroundConfig(
        bot_url=f"{door_url}/slack/events",
        signing_secret=SecretStr(SECRET),
        bot_token=SecretStr(TOKEN),
        people=[Persona(id=id_, name=key) for key, id_ in people.items()],
        channels=[Channel(id=CHANNEL, name="releases")],
        commands=[SlashCommand(name="/deploy"), SlashCommand(name="/release")],
        patience=60,
        echo=_echo(services, f"{door_url}/alexa") if voice else None,
        **playground,
    )
    settings = Settings.model_validate(
        {
            "config": services.catalogue,
            "data": root / "data",
            "slack_bot_token": TOKEN,
            "slack_signing_secret": SECRET,
            "slack_api_url": f"{chat_url}/api/",
        }
        | ({} if config.echo is None else _skill(config.echo, chat_url))
    )
    stop = asyncio.Event()
    with served(create_playground(config), chat):
        async with (
            open_sayso(settings) as sayso,
            httpx.AsyncClient(base_url=f"{chat_url}/_ui/", timeout=60, trust_env=False) as http,
        ):
            serving = asyncio.create_task(run_until(sayso.api, door, stop, sayso.api.state.leaving.set))
            try:
                yield WholeApp(sayso, services, door_url, http)
            finally:
                stop.set()
                await serving


def _echo(services: SmallServices, url: str) -> EchoConfig:
    words = load_catalogue(services.catalogue, targets(backend_plugins())).vocabulary()
    return EchoConfig(
        skill_url=url,
        skill_id="amzn1.ask.skill.whole",
        models={"en-US": interaction_model(words, "en-US")},
        roots=services.root / "alexa" / "roots.pem",
        store_port=free_port(),
        patience=60,
    )


def _skill(echo: EchoConfig, chat_url: str) -> dict[str, Any]:
    return {
        "alexa_skill_id": echo.skill_id,
        "alexa_trust_roots": echo.roots,
        "alexa_chain_store": f"127.0.0.1:{echo.store_port}",
        "alexa_api_url": chat_url,
        "alexa_relay_secret": RELAY_SECRET,
    }
