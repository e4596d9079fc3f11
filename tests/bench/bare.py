"""Bare programs, the baselines of benches, as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil

from bot.cli.doors import free_port
from tests.support.programs import wait_for


@contextmanager
def bare(name: str, **settings: str) -> Iterator[tuple[int, psutil.Process]]:
    """Run `tests.bench.NAME` with these environment variables; gives its port and process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", f"tests.bench.{name}", str(port)], env={**os.environ, **settings})
    try:
        wait_for(lambda: _answers(port), f"{name} answers")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code > 0
    except httpx.TransportError:
        return False
