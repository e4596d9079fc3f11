"""`sayso playground`: the local chat workspace, made of the catalogue's people and channels."""

from __future__ import annotations

import asyncio
import signal
import socket

import typer

from bot.catalogue import Catalogue, load_catalogue
from bot.cli import logs
from bot.cli.doors import listening
from bot.cli.serving import run_until
from bot.core.errors import Misconfigured
from bot.core.grammar import COMMANDS, usage
from bot.core.vocabulary import Vocabulary
from bot.core.wording import say
from bot.plugins import backend_plugins, targets
from bot.settings import Settings
from integrations.playground.config import Channel, EchoConfig, Persona, PlaygroundConfig, SlashCommand
from integrations.playground.server import create_playground
from skills.release_desk.intents import DEPLOY, PAIR, STATUS, TESTS, Slot
from skills.release_desk.model import interaction_model
from skills.release_desk.names import called, merged
from skills.release_desk.phrases import LANGUAGE_OF, as_said


def run(settings: Settings, port: int, bot_url: str, suggest: list[str], intro: str, *, patience: float) -> None:
    """Run the playground on this machine's loopback address until SIGINT or SIGTERM.

    `patience` is how many seconds the bot has to answer; Slack gives it three.
    """
    logs.configure(settings.secrets)
    if not (settings.slack_bot_token and settings.slack_signing_secret):
        raise Misconfigured(say("playground.secrets"), fix=say("playground.secrets.fix"))
    catalogue = load_catalogue(settings.config, targets(backend_plugins()))
    if not any(person.slack for person in catalogue.people.values()) or not catalogue.channels:
        raise Misconfigured(say("playground.nobody", path=settings.config), fix=say("playground.nobody.fix"))
    if settings.chain_store:
        listening(*settings.chain_store, "ALEXA_CHAIN_STORE").close()
    with listening("127.0.0.1", port, "--port") as door:
        url = bot_url or f"http://{settings.host}:{settings.port}/slack/events"
        typer.echo(say("playground.ready", url=f"http://127.0.0.1:{door.getsockname()[1]}/"), err=True)
        config = _config(settings, catalogue, url, suggest, intro)
        echo = config.echo and config.echo.model_copy(update={"patience": max(patience, config.echo.patience)})
        asyncio.run(_run(config.model_copy(update={"patience": patience, "echo": echo}), door))


def _config(settings: Settings, catalogue: Catalogue, url: str, suggest: list[str], intro: str) -> PlaygroundConfig:
    assert settings.slack_bot_token is not None
    assert settings.slack_signing_secret is not None
    return PlaygroundConfig(
        bot_url=url,
        signing_secret=settings.slack_signing_secret,
        bot_token=settings.slack_bot_token,
        app_token=settings.slack_app_token,
        people=[
            Persona(
                id=person.slack,
                name=key,
                title=person.name,
                email=person.email or "",
                role=", ".join(sorted(team for team, members in catalogue.teams.items() if key in members)),
            )
            for key, person in catalogue.people.items()
            if person.slack
        ],
        channels=[Channel(id=slack_id, name=name) for name, slack_id in catalogue.channels.items()],
        commands=[
            SlashCommand(
                name="/deploy", description=say("help.deploy"), usage_hint=usage(COMMANDS[0]).partition(" ")[2]
            ),
            SlashCommand(
                name="/release",
                description=say("playground.release"),
                usage_hint=" | ".join(spec.verb for spec in COMMANDS if spec.slash == "/release"),
            ),
        ],
        suggestions=suggest,
        intro=intro,
        echo=_echo(settings, catalogue, url),
    )


def _echo(settings: Settings, catalogue: Catalogue, url: str) -> EchoConfig | None:
    """Set up the household's Echoes, if the bot has a skill that trusts the playground."""
    store = settings.chain_store
    if not (settings.alexa_skill_id and settings.alexa_trust_roots and store):
        return None
    words = catalogue.vocabulary()
    return EchoConfig(
        skill_url=f"{url.removesuffix('/slack/events')}/alexa",
        skill_id=settings.alexa_skill_id[0],
        models={locale: interaction_model(words, locale) for locale in LANGUAGE_OF},
        roots=settings.alexa_trust_roots,
        store_port=store[1],
        suggestions={locale: _examples(words, language) for locale, language in LANGUAGE_OF.items()},
    )


def _examples(words: Vocabulary, language: str) -> list[str]:
    """Give what the Echo's owner may begin with, in the words of the model and the catalogue."""
    services, environments = (merged(words, slot) for slot in (Slot.SERVICE, Slot.ENVIRONMENT))
    first = {Slot.SERVICE: called(next(iter(services.values())))} if services else {}
    production = next((called(environments[key]) for _, key in words.production), None)
    first |= {Slot.ENVIRONMENT: production} if production else {}
    return [as_said(intent, first if intent is DEPLOY else {}, language) for intent in (PAIR, DEPLOY, STATUS, TESTS)]


async def _run(config: PlaygroundConfig, door: socket.socket) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    app = create_playground(config)
    await run_until(app, door, stop, app.state.playground.feed.end, lifespan="on")
