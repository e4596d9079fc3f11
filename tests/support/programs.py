"""Sayso and the playground as the processes that people run, and the workspace's people who talk to them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import psutil

from bot.cli.doors import free_port
from bot.core.model import Release
from bot.core.shapes import ReleasePage
from tests.support import seen
from tests.support.small_service import CHANNEL, SmallServices

T = TypeVar("T")
TOKEN, TOKEN_OF_BEN = "a-token-of-ana-that-nobody-guesses", "a-token-of-ben-that-nobody-guesses"
SLACK = {"SLACK_BOT_TOKEN": "xoxb-0123456789", "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef"}
PATIENCE = 120.0
"""Seconds that a condition may take: the machine may be slow and shared."""


def wait_for(look: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Wait until something that is true is found, and give it; fails with what never happened."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
    return found


class Programs:
    """One playground and one server, each a process of its own; the server may be killed and started again."""

    def __init__(self, services: SmallServices, **environment: str) -> None:
        self.services = services
        self.port, self.playground_port = free_port(), free_port()
        self.environment = {
            "SAYSO_CONFIG": str(services.catalogue),
            "SAYSO_DATA": str(services.root / "data"),
            "SAYSO_PORT": str(self.port),
            "SAYSO_API_TOKENS": f"ana:{TOKEN},ben:{TOKEN_OF_BEN}",
            "SLACK_API_URL": f"http://127.0.0.1:{self.playground_port}/api/",
            **SLACK,
            **environment,
        }
        self.server: subprocess.Popen[bytes] | None = None
        self.playground: subprocess.Popen[bytes] | None = None
        self.api = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
            trust_env=False,
        )
        self.chat = httpx.Client(base_url=f"http://127.0.0.1:{self.playground_port}/_ui/", timeout=60, trust_env=False)

    def log(self, name: str) -> str:
        """Give what a process has written, all its starts together."""
        path = self.services.root / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self) -> str:
        """Give what the server has written."""
        return self.log("server")

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SAYSO_", "SLACK_", "ALEXA_"))}
        with (self.services.root / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bot.cli", *arguments],
                env={**clean, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_playground(self) -> None:
        """Start the workspace and wait until it answers."""
        self.playground = self._start("playground", "playground", "--port", str(self.playground_port))
        wait_for(lambda: _answers(self.chat, "state"), "the playground answers")

    def start_server(self, *, ready: bool = True) -> None:
        """Start the server; with `ready` wait until it says that it is."""
        assert self.server is None
        self.server = self._start("server", "serve")
        if ready:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the server is ready to work."""

        def look() -> bool:
            assert self.server is not None and self.server.poll() is None, f"the server died:\n{self.log('server')}"
            return _answers(self.api, "readyz")

        wait_for(look, "the server is ready")

    def kill_server(self) -> None:
        """Kill it with SIGKILL, as the kernel would."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()
        self.server = None

    def end_server(self) -> int:
        """Ask it to end (SIGTERM), and give its exit code."""
        assert self.server is not None
        self.server.terminate()
        code = self.server.wait(PATIENCE)
        self.server = None
        return code

    def close(self) -> None:
        """End both, and whatever they left behind."""
        for process in (self.server, self.playground):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for left in self.left_behind():
            left.kill()
        self.api.close()
        self.chat.close()

    def left_behind(self) -> list[psutil.Process]:
        """Find the processes that the server's releases started and that still run."""
        own = {process.pid for process in (self.server, self.playground) if process is not None}
        root, found = str(self.services.root), []
        for process in psutil.process_iter():
            try:
                ours = root in " ".join(process.cmdline()) or root in process.environ().get("EFFECTS", "")
                if ours and process.pid not in {*own, os.getpid()} and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    # What people do and see in the chat.

    def do(self, gesture: str, **what: Any) -> dict[str, Any]:
        """Do something as a person; the answer's `outcome` is what the chat shows them."""
        answer: dict[str, Any] = self.chat.post(gesture, json=what).json()
        return answer

    def say(self, text: str, who: str = "ana") -> dict[str, Any]:
        """Say something in the channel."""
        return self.do("say", persona=self.services.people[who], channel=CHANNEL, text=text)

    def click(self, card: Mapping[str, Any], button: str, who: str) -> dict[str, Any]:
        """Click a button of a message, as `sayso.approve`."""
        person = self.services.people[who]
        return self.do("click", persona=person, channel=card["channel"], ts=card["ts"], action_id=button)

    def fault(self, method: str, fault: str, times: int = 1) -> None:
        """Let the next calls of a Web API method go wrong."""
        assert self.do("fault", method=method, fault=fault, times=times)["ok"]

    def state(self) -> dict[str, Any]:
        """Give the whole workspace."""
        found: dict[str, Any] = self.chat.get("state").json()
        return found

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Give the Web API calls of a method, oldest first."""
        return [one for one in self.chat.get("ledger").json()["calls"] if one["method"] == method]

    def messages(self) -> list[dict[str, Any]]:
        """Give all messages that the bot posted for more than one person's eyes, in every conversation."""
        return seen.messages(self.state())

    def cards(self, release: Release) -> list[dict[str, Any]]:
        """Give the messages at the top of the channel that are about this release."""
        return seen.cards(self.state(), release)

    def card(self, release: Release, button: str) -> dict[str, Any] | None:
        """Find the release's card if it has this button now."""
        return next((card for card in self.cards(release) if button in seen.buttons(card)), None)

    # What is true, by the server's own API.

    def releases(self, **which: Any) -> list[Release]:
        """List releases, newest first."""
        answer = self.api.get("api/v1/releases", params={"limit": 100, **which})
        answer.raise_for_status()
        return list(ReleasePage.model_validate_json(answer.content).releases)

    def ended(self, release_id: str) -> Release | None:
        """Show a release if it has ended."""
        found = self.release(release_id)
        return found if found and not found.active else None

    def release(self, release_id: str) -> Release | None:
        """Show one release; None while the server is away."""
        try:
            answer = self.api.get(f"api/v1/releases/{release_id}")
        except httpx.TransportError:
            return None
        answer.raise_for_status()
        return Release.model_validate_json(answer.content)


@contextmanager
def running(services: SmallServices, **environment: str) -> Iterator[Programs]:
    """Run both for the time of the block."""
    programs = Programs(services, **environment)
    try:
        programs.start_playground()
        programs.start_server()
        yield programs
    finally:
        programs.close()


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False
