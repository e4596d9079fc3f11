"""What an action costs that is handed out to several machines, beside DBOS alone running as many steps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, Sizes
from tests.bench.load import ACTIONS
from tests.bench.served import SLOTS, Served, declaration, no_op, serving
from tests.support.crew import new_database
from tests.support.postgres import postgres

AGAINST = "DBOS alone, as many steps"
ROUNDS = 3


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Run both on one PostgreSQL, in rounds that alternate."""
    folder = root / "pg"
    folder.mkdir(parents=True)
    with postgres(folder) as sockets:
        url = new_database(sockets, "cluster")
        given = {"SAYSO_RUNNER": "cluster", "SAYSO_SLOTS": str(SLOTS)}
        with serving(root / "cluster", url, **given) as server:
            length = min(ACTIONS, sizes.steps)
            chains = sizes.steps // length
            ours = theirs = 0.0
            rounds = min(ROUNDS, chains)
            for turn in range(rounds):
                ours += _ours(server, [f"p{turn}-{number}" for number in range(chains)], length)
                theirs += _theirs(new_database(sockets, f"bare{turn}"), chains, length)
            count = rounds * chains * length
            yield Figure(f"cluster: an action, {chains} pipelines at once", 1000 * ours / count, "ms",
                         1000 * theirs / count, AGAINST, ratio_aim=2)  # fmt: skip
            yield Figure("cluster: memory of a server that works", server.memory(), "MB")
            yield Figure("cluster: idle CPU", server.idle(sizes.idle_seconds), "%", aim=5)


def _ours(server: Served, names: list[str], length: int) -> float:
    for name in names:
        server.create(declaration(name, {f"S{number}": [no_op()] for number in range(1, length)}))
    began = server.until(lambda: True, "")
    server.start_all(names)
    return server.until(lambda: server.under_way() == 0, "every pipeline has ended") - began


def _theirs(url: str, chains: int, length: int) -> float:
    command = [sys.executable, "-m", "tests.bench.bare_dbos", url, str(chains), str(length), str(SLOTS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
