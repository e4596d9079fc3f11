"""Builds every part once and runs them together: the only file that knows them all."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.catalogue import Catalogue, load_catalogue
from bot.core.errors import Misconfigured
from bot.core.model import Release
from bot.core.ports import Backend, BackendPlugin, Doors, Sharing, Surroundings
from bot.core.voice import VoiceDesk
from bot.core.wording import say
from bot.deliver.deliverer import Deliverer
from bot.deliver.sending import FetchLog
from bot.desk import Desk
from bot.desk.parts import Parts
from bot.http.api import create_api
from bot.http.doors import add_doors
from bot.http.health import Check
from bot.http.tokens import Tokens
from bot.plugins import backend_plugins, targets
from bot.settings import Settings
from bot.signals import Signal
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.sender import LIMITS, SlackMessenger, open_client
from bot.store.database import Database, only_server, open_engine
from bot.store.leases import Leases, SharedLeases, Sole
from bot.store.migrate import migrate
from bot.surfaces import open_alerts, open_alexa, open_slack
from bot.voice import VoiceOffice
from bot.voice.expiring import Expiry
from bot.voice.notifying import Notifier
from bot.voice.parts import Parts as VoiceParts
from bot.watcher import Adopter, Sweeper, Watcher
from bot.watcher.echo import Echo


@dataclass(frozen=True, slots=True)
class Sayso:
    """The running bot."""

    catalogue: Catalogue
    database: Database
    desk: Desk
    voice: VoiceDesk
    changed: Signal
    api: FastAPI
    ended: asyncio.Future[None]
    """Done when a part that must never end has ended; its exception says why."""


def now() -> datetime:
    """Give this moment."""
    return datetime.now(UTC)


def new_id() -> str:
    """Make an id that sorts by time: 11 hex digits of milliseconds, then 12 random ones."""
    return f"{int(time.time() * 1000):011x}{secrets.token_hex(6)}"


@asynccontextmanager
async def open_sayso(settings: Settings) -> AsyncIterator[Sayso]:
    """Open every part for the time of the block; what is under way is followed from the first moment.

    Raises `Misconfigured` or `BadFile` with sentences for whoever starts it. Closing loses nothing: what is not done
    yet is done by the next start.
    """
    plugins = backend_plugins()
    catalogue = load_catalogue(settings.config, targets(plugins))
    tokens = Tokens(
        settings.api_tokens, {key: person.name for key, person in catalogue.people.items()}, str(settings.config)
    )
    folder = _folder(settings.data.absolute())  # children work in folders of their own
    async with AsyncExitStack() as stack:
        used = _used(catalogue, plugins, settings.for_backends)
        engine = await stack.enter_async_context(open_migrated(settings, used))
        if settings.sharing is None:
            await stack.enter_async_context(only_server(engine))
        database = Database(engine)
        backends: dict[str, Backend] = {}
        for name, plugin in used.items():
            around = Surroundings(
                targets=_targets(catalogue, name), secrets=settings.for_backends, sharing=settings.sharing
            )
            own = plugin.open(
                database=database, data=_folder(folder / name), clock=now, new_id=new_id, surroundings=around
            )
            backends[name] = await stack.enter_async_context(own)
        leases = await stack.enter_async_context(_leases(settings, database))
        asked, changed, strays = Signal(), Signal(), Signal()
        desk = Desk(Parts(database, catalogue, backends, now, new_id, asked, changed))
        watcher = Watcher(
            database, catalogue, backends, clock=now, asked=asked, changed=changed, strays=strays, leases=leases
        )
        adopter = Adopter(
            database, catalogue, backends, clock=now, new_id=new_id, asked=asked, changed=changed, strays=strays
        )
        keep = timedelta(days=settings.keep_days)
        sweeper = Sweeper(database, clock=now, keep=keep, backends=tuple(backends.values()), leases=leases)
        parts: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "watcher": watcher.run,
            "adopter": adopter.run,
            "sweeper": sweeper.run,
        }
        if isinstance(leases, SharedLeases):
            parts["echo"] = Echo(database, asked=asked, changed=changed, every=leases.every).run
        voice_parts = VoiceParts(
            database=database,
            catalogue=catalogue,
            desk=desk,
            clock=now,
            new_id=new_id,
            random=random.SystemRandom(),
            changed=changed,
            chat=settings.slack_bot_token is not None,
            notifications=catalogue.voice.notifications and settings.alexa_client_secret is not None,
        )
        voice = VoiceOffice(voice_parts)
        parts["voice"] = Expiry(voice_parts).run
        if voice_parts.notifications:
            alexa = await stack.enter_async_context(open_alerts(settings, now))
            parts["notifier"] = Notifier(voice_parts, alexa, leases).run
        routers = []
        if settings.slack_bot_token:
            routers.append(await open_slack(stack, settings, desk, database, catalogue, numbers=voice))
            client = await stack.enter_async_context(open_client(settings.slack_bot_token, settings.slack_api_url))
            deliverer = Deliverer(
                database=database,
                catalogue=catalogue,
                messenger=SlackMessenger(client),
                renderer=SlackRenderer(catalogue),
                limits=LIMITS,
                signal=changed,
                fetch_log=_fetch_log(catalogue, backends),
                clock=now,
                new_id=new_id,
                leases=leases,
            )
            parts["deliverer"] = deliverer.run
        if settings.alexa_skill_id:
            routers.append(await open_alexa(stack, settings, voice, now))
        tasks = [asyncio.create_task(run(), name=name) for name, run in parts.items()]
        stack.push_async_callback(_end, tasks)  # last in, first out: they end before what they work with
        api = create_api(
            desk=desk,
            database=database,
            changed=changed,
            catalogue=catalogue,
            tokens=tokens,
            version=version("sayso"),
            checks={"database": lambda: _database_answers(database)}
            | {task.get_name(): _lives(task) for task in tasks},
            routers=routers,
        )
        for backend in backends.values():
            if isinstance(backend, Doors):
                add_doors(api, backend.doors)
        yield Sayso(catalogue, database, desk, voice, changed, api, _first_end(tasks))


@asynccontextmanager
async def open_worker(settings: Settings, sharing: Sharing) -> AsyncIterator[Backend]:
    """Open what carries out actions, and nothing else: no chat, no API, no catalogue. Raises as `open_sayso`."""
    name = "local"
    plugin = backend_plugins()[name]
    events = {key: value for key, value in settings.for_backends.items() if key == "SAYSO_AWS_EVENTS"}
    folder = _folder(_folder(settings.data) / name)
    async with open_migrated(settings, {name: plugin}) as engine:
        around = Surroundings(secrets=events, sharing=sharing)
        own = plugin.open(database=Database(engine), data=folder, clock=now, new_id=new_id, surroundings=around)
        async with own as backend:
            yield backend


@asynccontextmanager
async def _leases(settings: Settings, database: Database) -> AsyncIterator[Leases]:
    """Give everything to the only server, or share it with others."""
    if settings.sharing is None:
        yield Sole()
        return
    shared = SharedLeases(database, new_id(), seconds=settings.sharing.lease)
    keeping = asyncio.create_task(shared.keep(), name="leases")
    try:
        yield shared
    finally:
        await _end([keeping])
        with suppress(DBAPIError, OSError):  # then they run out
            await shared.leave()


@asynccontextmanager
async def open_migrated(settings: Settings, plugins: Mapping[str, BackendPlugin]) -> AsyncIterator[AsyncEngine]:
    """Open the database and bring its tables, and those of the backends, to this version."""
    engine = open_engine(settings.database.get_secret_value())
    try:
        try:
            await migrate(engine)
            for plugin in plugins.values():
                if plugin.migrations:
                    folder, table = plugin.migrations
                    await migrate(engine, Path(folder), table)
        except (DBAPIError, OSError) as error:
            raise Misconfigured(
                say("start.no_database", url=settings.database_shown, error=_first_line(error)),
                fix=say("start.no_database.fix"),
            ) from error
        yield engine
    finally:
        await engine.dispose()


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _used(
    catalogue: Catalogue, plugins: Mapping[str, BackendPlugin], secrets: Mapping[str, SecretStr]
) -> dict[str, BackendPlugin]:
    used = {each.backend for service in catalogue.services.values() for each in service.environments.values()}
    return {name: plugin for name, plugin in plugins.items() if name in used or plugin.wanted(secrets)}


def _targets(catalogue: Catalogue, backend: str) -> tuple[BaseModel, ...]:
    places = (each for service in catalogue.services.values() for each in service.environments.values())
    return tuple(each.target for each in places if each.backend == backend)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".writable-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            say("start.no_folder", folder=path, error=error.strerror or error), fix=say("start.no_folder.fix")
        ) from error
    return path


def _fetch_log(catalogue: Catalogue, backends: Mapping[str, Backend]) -> FetchLog:
    async def fetch(release: Release, key: str) -> str:
        environment = catalogue.environment(release.service, release.environment)
        return await backends[environment.backend].log(environment.target, release.run_id or "", key)

    return fetch


async def _database_answers(database: Database) -> str | None:
    try:
        async with database.read() as c:
            await c.execute(text("SELECT 1"))
    except (DBAPIError, OSError):
        return say("http.database_silent")
    return None


def _lives(task: asyncio.Task[None]) -> Check:
    async def check() -> str | None:
        return say("start.part_ended", part=task.get_name()) if task.done() else None

    return check


def _first_end(tasks: list[asyncio.Task[None]]) -> asyncio.Future[None]:
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note(task: asyncio.Task[None]) -> None:
        if not ended.done() and not task.cancelled():
            error = task.exception()
            ended.set_exception(error) if error else ended.set_result(None)

    for task in tasks:
        task.add_done_callback(note)
    return ended


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
