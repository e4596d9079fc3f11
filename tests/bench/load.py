"""Many pipelines at once: what the engine adds to each action, beside bash running the same commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Sizes
from tests.bench.served import Served, declaration, in_bash, no_op, serving, true_command
from tests.support.crew import new_database
from tests.support.postgres import postgres

ACTIONS = 5
"""Of each pipeline, one after the other, the source among them."""
BASH = "bash: 2 shells of `true` each"
ROUNDS = 5


def servers(root: Path, sizes: Sizes) -> Iterator[tuple[str, Served]]:
    """Run a server on each kind of database, one after the other."""
    for kind in sizes.databases:
        folder = root / kind
        folder.mkdir(parents=True)
        with ExitStack() as stack:
            sqlite = kind == "SQLite"
            url = None if sqlite else new_database(stack.enter_context(postgres(folder)), "bench")
            yield kind, stack.enter_context(serving(folder / "server", url))


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Run pipelines of no-ops, and of commands, in rounds that alternate with bash."""
    for kind, server in servers(root, sizes):
        yield from _measure(server, kind, sizes)


def _measure(server: Served, kind: str, sizes: Sizes) -> Iterator[Figure]:
    before = server.memory()
    commands = max(1, sizes.load // 5)
    for what, action, count in (("no-ops", no_op(), sizes.load), ("`true`", true_command(), commands)):
        name = what.strip("`-")
        engine = bash = engine_cpu = bash_cpu = 0.0
        rounds = min(ROUNDS, count)
        for turn in range(rounds):
            names = [f"{name}-{turn}-{number}" for number in range(count // rounds)]
            for each in names:
                server.create(declaration(each, _stages(action)))
            took, cpu = in_bash(len(names), ACTIONS)
            bash, bash_cpu, used = bash + took, bash_cpu + cpu, server.cpu()
            engine += _all_of(server, names)
            engine_cpu += server.cpu() - used
        actions = count // rounds * rounds * ACTIONS
        told = f"{kind}: {count} pipelines of {ACTIONS} actions ({what})"
        yield Figure(told, engine, "s", bash, BASH)
        yield Figure(f"{told}: actions a second", actions / engine, "/s")
        yield Figure(f"{told}: overhead per action", 1000 * (engine - bash) / actions, "ms")
        yield Figure(f"{told}: CPU per action", 1000 * engine_cpu / actions, "ms", 1000 * bash_cpu / actions, BASH)
    yield Figure(f"{kind}: memory after that", server.memory(), "MB", before, "before")
    yield Figure(f"{kind}: idle CPU after that", server.idle(sizes.idle_seconds), "%", aim=1)


def _stages(action: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {f"S{number}": [action] for number in range(1, ACTIONS)}


def _all_of(server: Served, names: list[str]) -> float:
    began = server.until(lambda: True, "")
    server.start_all(names)
    return server.until(lambda: server.under_way() == 0, "every pipeline has ended") - began
