"""`sayso demo`: a chat, the bot, a real pipeline and a deployed service on this machine, all ended together."""

from __future__ import annotations

import secrets
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import typer

from bot.cli import demo_headless
from bot.cli.datafolder import DataFolder, Taken
from bot.cli.demo_folder import Places, claim, lay_out
from bot.cli.demo_processes import Children, end_marked
from bot.cli.doors import free_port, listening, reason
from bot.core.errors import Misconfigured
from bot.core.wording import say
from integrations.playground.echo.keys import open_keys

PORT, PLAYGROUND_PORT, STAGING_PORT, PRODUCTION_PORT = 8080, 8090, 8101, 8102
SUGGESTIONS = (
    "/deploy checkout prod",
    "/deploy checkout@broken-discount staging",
    "/deploy checkout@faster-checkout staging",
    "/release where",
    "/release help",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    folder: Path
    port: int | None
    """None: the usual one, or for a headless demo any free one."""
    playground_port: int | None
    headless: bool
    seconds: float
    """A headless demo's deadline."""


def run(wanted: Wanted) -> None:
    """Run the demo until it is interrupted, or, headless, until it is done."""
    folder = wanted.folder.absolute()
    claim(folder)
    with _ended_by_signals(), _alone(folder) as lock:
        if end_marked(folder):
            typer.echo(say("demo.cleaned"))
        places = _places(folder, wanted)
        lay_out(places)
        lock.note(places.page)
        token = secrets.token_urlsafe(24)
        children = Children(folder, _environment(places, token))
        try:
            _start(children, places)
            if wanted.headless:
                demo_headless.play(places, token, children, wanted.seconds)
                return
            typer.echo(say("demo.ready", page=places.page, production=places.production, folder=folder))
            while True:
                children.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            if wanted.headless:
                raise
        finally:
            with _undisturbed():
                typer.echo(say("demo.ending"))
                children.end()
                typer.echo(say("demo.ended"))


def _start(children: Children, places: Places) -> None:
    typer.echo(say("demo.starting"))
    children.start("sayso", ["serve"])
    suggestions = [part for each in SUGGESTIONS for part in ("--suggest", each)]
    children.start(
        "playground",
        ["playground", "--port", str(places.playground_port), "--intro", say("demo.intro"), *suggestions],
    )
    children.wait_until_ready({"sayso": f"{places.sayso}/readyz", "playground": places.page})


def _environment(places: Places, token: str) -> dict[str, str]:
    """Give both processes their settings; the secrets live only in their memory."""
    return _voice(places) | {
        "SAYSO_CONFIG": str(places.catalogue),
        "SAYSO_DATA": str(places.folder / "data"),
        "SAYSO_HOST": "127.0.0.1",
        "SAYSO_PORT": str(places.port),
        "SAYSO_API_TOKENS": f"ana:{token}",
        "SLACK_API_URL": f"{places.page}api/",
        "SLACK_BOT_TOKEN": f"xoxb-{secrets.token_hex(16)}",
        "SLACK_SIGNING_SECRET": secrets.token_hex(16),
    }


def _voice(places: Places) -> dict[str, str]:
    """Give the skill its settings: it trusts the playground's Echo, whose keys are made here, and nobody else."""
    open_keys(places.roots, datetime.now(UTC))
    return {
        "ALEXA_SKILL_ID": f"amzn1.ask.skill.{uuid.uuid4()}",
        "ALEXA_TRUST_ROOTS": str(places.roots),
        "ALEXA_CHAIN_STORE": f"127.0.0.1:{places.echo_port}",
        "ALEXA_API_URL": places.page,
    }


def _places(folder: Path, wanted: Wanted) -> Places:
    """Choose the ports; one that was asked for and is taken is `Misconfigured`."""
    ports: list[int] = []
    for asked, usual, option in (
        (wanted.port, PORT, "--port"),
        (wanted.playground_port, PLAYGROUND_PORT, "--playground-port"),
    ):
        port = asked if asked is not None else 0 if wanted.headless else usual
        if port:
            listening("127.0.0.1", port, option).close()
        ports.append(port or free_port())
    # Only a demo that holds Sayso's usual port may take the services' usual ones: nothing listens there until the first
    # deployment, so two demos that begin together would both find them free.
    usual_ones = wanted.port is None and not wanted.headless
    ports += [_usual_or_free(usual) if usual_ones else free_port() for usual in (STAGING_PORT, PRODUCTION_PORT)]
    ports.append(free_port())  # the Echo's certificates
    return Places(folder, *ports)


def _usual_or_free(port: int) -> int:
    try:
        listening("127.0.0.1", port).close()
    except Misconfigured:
        return free_port()
    return port


@contextmanager
def _alone(folder: Path) -> Iterator[DataFolder]:
    try:
        opened = DataFolder.opened(folder, "demo")
    except Taken as taken:
        page = taken.holder.get("url") or say("demo.page_unknown")
        raise Misconfigured(
            say("demo.runs_already", page=page, pid=taken.holder.get("pid", "?")), fix=say("demo.runs_already.fix")
        ) from taken
    except OSError as error:
        raise Misconfigured(
            say("demo.folder", folder=folder, reason=reason(error)), fix=say("demo.folder.fix")
        ) from error
    with opened:
        yield opened


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does, and Ctrl-C also where a shell had it ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore further signals: ending properly takes seconds, and half an end would leave processes behind."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
