"""Several servers and workers as processes on one PostgreSQL, behind a balancer that knows who answers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import psutil

from bot.cli.doors import free_port
from tests.support.postgres import create_database
from tests.support.programs import PATIENCE, Programs, wait_for
from tests.support.small_service import SmallServices


def new_database(folder: str, name: str) -> str:
    """Make a database on the server with this socket folder, and give its URL."""

    return asyncio.run(create_database(folder, name))


class Balancer(threading.Thread):
    """Passes each connection on to the first server that takes it, as a load balancer with health checks does."""

    def __init__(self, port: int, ports: list[int]) -> None:
        super().__init__(daemon=True)
        self._port, self._ports = port, ports
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def run(self) -> None:
        """Serve until stopped."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with await asyncio.start_server(self._pass_on, "127.0.0.1", self._port) as server:
            await self._ended.wait()
            server.close()

    def stop(self) -> None:
        """End it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self.join()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._ports:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
                return
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


class Crew(Programs):
    """One playground, some servers and some workers; every one of them may be killed."""

    def __init__(self, services: SmallServices, database_url: str, servers: int, **environment: str) -> None:
        super().__init__(
            services, SAYSO_RUNNER="cluster", SAYSO_DATABASE_URL=database_url, SAYSO_LEASE="3", **environment
        )
        self.ports = [free_port() for _ in range(servers)]
        self.members: dict[str, subprocess.Popen[bytes]] = {}
        self.balancer = Balancer(self.port, self.ports)
        self.balancer.start()

    def begin(self, name: str, *arguments: str, **environment: str) -> None:
        """Start a server or worker under a name."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SAYSO_", "SLACK_"))}
        with (self.services.root / f"{name}.log").open("ab") as log:
            self.members[name] = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", *arguments],
                env={**clean, **self.environment, **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def begin_server(self, number: int, **environment: str) -> None:
        """Start the server of this number."""
        self.begin(f"server{number}", "serve", SAYSO_PORT=str(self.ports[number]), **environment)

    def begin_worker(self, name: str) -> None:
        """Start a worker under a name."""
        self.begin(name, "worker", "--drain", "20")

    def wait_for_server(self, number: int) -> None:
        """Wait until it is ready."""

        def ready() -> bool:
            assert self.members[f"server{number}"].poll() is None, self.log(f"server{number}")
            try:
                return httpx.get(f"http://127.0.0.1:{self.ports[number]}/readyz", trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_for(ready, f"server {number} is ready")

    def wait_for_worker(self, name: str) -> None:
        """Wait until it takes work."""

        def ready() -> bool:
            assert self.members[name].poll() is None, self.log(name)
            return " works, labels:" in self.log(name)

        wait_for(ready, f"{name} works")

    def kill(self, name: str) -> None:
        """Kill one with SIGKILL, as the kernel would."""
        process = self.members.pop(name)
        process.kill()
        process.wait()

    def end_server(self) -> int:
        """Ask all to end (SIGTERM), and give the greatest exit code."""
        for process in self.members.values():
            process.terminate()
        codes = [process.wait(PATIENCE) for process in self.members.values()]
        self.members.clear()
        return max(codes)

    def at_work(self) -> dict[str, list[int]]:
        """Tell which processes have drivers of actions under them just now."""
        found = {}
        for name, process in self.members.items():
            with suppress(psutil.Error):
                if children := [each.pid for each in psutil.Process(process.pid).children()]:
                    found[name] = children
        return found

    def logs(self) -> str:
        """Give what all have written."""
        return "\n".join(
            f"== {path.stem}\n{path.read_text(errors='replace')}" for path in sorted(self.services.root.glob("*.log"))
        )

    def close(self) -> None:
        """End all, and whatever they left behind."""
        for process in self.members.values():
            if process.poll() is None:
                process.terminate()
        for process in self.members.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        super().close()
        self.balancer.stop()


@contextmanager
def crew(
    services: SmallServices, database_url: str, *, servers: int, workers: int, **environment: str
) -> Iterator[Crew]:
    """Run all for the time of the block."""
    people = Crew(services, database_url, servers, **environment)
    try:
        for number in range(servers):
            people.begin_server(number)
        for number in range(workers):
            people.begin_worker(f"worker{number}")
        people.start_playground()
        for number in range(servers):
            people.wait_for_server(number)
        for number in range(workers):
            people.wait_for_worker(f"worker{number}")
        yield people
    except BaseException:
        print(people.logs()[-20_000:])
        raise
    finally:
        people.close()


__all__ = ["PATIENCE", "Crew", "crew", "new_database"]
