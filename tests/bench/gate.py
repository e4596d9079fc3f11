"""Executions that wait at a gate: what they hold of the machine, and how soon an answer has its effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from integrations.local.states import State
from integrations.local.tables import ACTIONS
from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.load import servers
from tests.bench.served import APPROVAL, NOTHING, Served, declaration

ANSWERS = 10


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Answer gates while few wait and while many do."""
    for kind, server in servers(root, sizes):
        yield from _measure(server, kind, sizes)


def _measure(server: Served, kind: str, sizes: Sizes) -> Iterator[Figure]:
    stamps = server.root / "stamps"
    stamps.mkdir()
    gate = {"name": "Approve", "actionTypeId": APPROVAL}
    after = {"name": "Ship", "actionTypeId": NOTHING,
             "configuration": {"Stamp": f"{stamps}/#{{codepipeline.PipelineExecutionId}}"}}  # fmt: skip
    server.create(declaration("gate", {"Release": [gate], "Ship": [after]}, executionMode="PARALLEL"))
    answers = min(ANSWERS, sizes.waiting)
    _wait_at_the_gate(server, answers)
    few = _answer(server, stamps, answers)
    idle, memory = server.idle(sizes.idle_seconds), server.memory()
    _wait_at_the_gate(server, sizes.waiting)
    grown, busy = server.memory() - memory, server.idle(sizes.idle_seconds)
    many = _answer(server, stamps, answers)
    told = f"{kind}: {sizes.waiting:,} wait at a gate"
    yield Figure(f"{told}: more memory than with none", max(0.0, grown), "MB")
    yield Figure(f"{told}: idle CPU", busy, "%", idle, "none waits", aim=1)
    yield Figure(f"{told}: answer to the next action, p50", percentile(many, 0.5), "ms", percentile(few, 0.5),
                 f"{answers} wait", ratio_aim=2)  # fmt: skip


def _open(server: Served) -> list[tuple[str, str]]:
    """Give execution and token of every open gate."""
    a = ACTIONS.c
    query = sa.select(a.execution, a.token).where(a.state == State.IN_PROGRESS, a.token.is_not(None))
    with server.rows().connect() as c:
        return [(row.execution, row.token) for row in c.execute(query)]


def _wait_at_the_gate(server: Served, count: int) -> None:
    server.start_all(["gate"] * count)
    server.until(lambda: len(_open(server)) == count, f"{count} wait")


def _answer(server: Served, stamps: Path, count: int) -> list[float]:
    """Approve some; gives the milliseconds from each answer until the action behind the gate began."""
    taken = []
    for execution, token in _open(server)[:count]:
        began = time.time()
        server.call("PutApprovalResult", pipelineName="gate", stageName="Release", actionName="Approve", token=token,
                    result={"summary": "yes", "status": "Approved"})  # fmt: skip
        taken.append(1000 * (stamped(server, stamps / execution) - began))
    return taken


def stamped(server: Served, file: Path) -> float:
    """Wait for a stamp; gives its moment in seconds since 1970."""
    server.until(lambda: file.exists() and bool(file.read_text()), f"{file.name} is stamped", pause=0.002)
    return float(file.read_text())
