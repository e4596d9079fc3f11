"""What a start and a page of a list cost with ever more executions in the store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from integrations.local.tables import ACTIONS, ATTEMPTS, EXECUTIONS, PIPELINES, STAGES
from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.load import servers
from tests.bench.served import Served, declaration, no_op

CALLS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "a page of executions": ("ListPipelineExecutions", {"pipelineName": "growth", "maxResults": 50}),
    "a page of actions": ("ListActionExecutions", {"pipelineName": "growth", "maxResults": 50}),
    "the pipeline's state": ("GetPipelineState", {"name": "growth"}),
}


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure with each number of finished executions, in turn with a server that has hardly any."""
    for (kind, server), (_, empty) in zip(servers(root / "full", sizes), servers(root / "empty", sizes), strict=True):
        for each in (server, empty):
            each.create(declaration("growth", {"Work": [no_op()]}))
        model = _run(server)
        _run(empty)
        for stored in sizes.stored:
            _fill(server, model, stored)
            full: dict[str, list[float]] = {}
            none: dict[str, list[float]] = {}
            for _ in range(sizes.starts):  # in turn, so that a busy machine slows both
                _costs(empty, none)
                _costs(server, full)
            for what, samples in full.items():
                told = f"{kind}, {stored:,} executions stored: {what}, p50"
                yield Figure(told, percentile(samples, 0.5), "ms", percentile(none[what], 0.5), "hardly any stored",
                             ratio_aim=2)  # fmt: skip


def _run(server: Served) -> str:
    execution = server.start("growth")
    server.until(lambda: server.under_way() == 0, "it has ended")
    return execution


def _costs(server: Served, taken: dict[str, list[float]]) -> None:
    at = time.perf_counter()
    server.start("growth")
    taken.setdefault("a start", []).append(1000 * (time.perf_counter() - at))
    ended = server.until(lambda: server.under_way() == 0, "it has ended", pause=0.002)
    taken.setdefault("a start to its end", []).append(1000 * (ended - at))
    for what, (operation, given) in CALLS.items():
        at = time.perf_counter()
        server.call(operation, **given)
        taken.setdefault(what, []).append(1000 * (time.perf_counter() - at))


def _fill(server: Served, model: str, wanted: int) -> None:
    """Copy a finished execution with all that belongs to it until there are so many.

    PostgreSQL's own housekeeping would look at the grown tables within a minute or so; here it is asked to do so at
    once, since until then it plans as if they were empty.
    """
    with server.rows().begin() as c:
        have = c.scalar(sa.select(sa.func.count()).select_from(EXECUTIONS)) or 0
        p = PIPELINES.c
        number = c.execute(sa.select(p.last_number).where(p.name == "growth")).scalar_one()
        for table, key in ((EXECUTIONS, "id"), (STAGES, "execution"), (ACTIONS, "execution"), (ATTEMPTS, "execution")):
            rows = [dict(row) for row in c.execute(sa.select(table).where(table.c[key] == model)).mappings()]
            numbers = range(number + 1, number + 1 + wanted - have)
            copies = [_copied(row, model, n, own=table is EXECUTIONS) for n in numbers for row in rows]
            if copies:
                c.execute(sa.insert(table), copies)
        c.execute(sa.update(PIPELINES).where(p.name == "growth").values(last_number=number + max(0, wanted - have)))
        if c.dialect.name == "postgresql":
            c.execute(sa.text("ANALYZE"))


def _copied(row: Mapping[str, Any], model: str, number: int, *, own: bool) -> dict[str, Any]:
    key = f"copy-{number}"
    copy = {name: value.replace(model, key) if isinstance(value, str) else value for name, value in row.items()}
    return copy | ({"number": number, "token": key} if own else {})
