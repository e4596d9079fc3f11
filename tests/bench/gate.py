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

ANSWERS = 20


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Answer gates of a server at which many wait, in turn with those of one at which few do."""
    answers = min(ANSWERS, sizes.waiting)
    for (kind, many), (_, few) in zip(servers(root / "many", sizes), servers(root / "few", sizes), strict=True):
        for each in (many, few):
            _declare(each)
            _wait_at_the_gate(each, answers)
            _answer(each, answers)  # both have done everything once before anything is measured
        idle, memory = many.idle(sizes.idle_seconds), many.memory()
        _wait_at_the_gate(few, answers)
        _wait_at_the_gate(many, sizes.waiting)
        grown, busy = many.memory() - memory, many.idle(sizes.idle_seconds)
        crowded, lonely = [], []
        for _ in range(answers):
            crowded += _answer(many, 1)
            lonely += _answer(few, 1)
        told = f"{kind}: {sizes.waiting:,} wait at a gate"
        yield Figure(f"{told}: more memory than with none", max(0.0, grown), "MB")
        yield Figure(f"{told}: idle CPU", busy, "%", idle, "none waits", aim=1)
        yield Figure(f"{told}: answer to the next action, p50", percentile(crowded, 0.5), "ms",
                     percentile(lonely, 0.5), f"at most {answers} wait", ratio_aim=2)  # fmt: skip


def _declare(server: Served) -> None:
    _stamps(server).mkdir()
    gate = {"name": "Approve", "actionTypeId": APPROVAL}
    after = {"name": "Ship", "actionTypeId": NOTHING,
             "configuration": {"Stamp": f"{_stamps(server)}/#{{codepipeline.PipelineExecutionId}}"}}  # fmt: skip
    server.create(declaration("gate", {"Release": [gate], "Ship": [after]}, executionMode="PARALLEL"))


def _stamps(server: Served) -> Path:
    return server.root / "stamps"


def _open(server: Served) -> list[tuple[str, str]]:
    """Give execution and token of every open gate."""
    a = ACTIONS.c
    query = sa.select(a.execution, a.token).where(a.state == State.IN_PROGRESS, a.token.is_not(None))
    with server.rows().connect() as c:
        return [(row.execution, row.token) for row in c.execute(query)]


def _wait_at_the_gate(server: Served, count: int) -> None:
    server.start_all(["gate"] * count)
    server.until(lambda: len(_open(server)) == count, f"{count} wait")


def _answer(server: Served, count: int) -> list[float]:
    """Approve some; gives the milliseconds from each answer until the action behind the gate began."""
    taken = []
    for execution, token in _open(server)[:count]:
        began = time.time()
        server.call("PutApprovalResult", pipelineName="gate", stageName="Release", actionName="Approve", token=token,
                    result={"summary": "yes", "status": "Approved"})  # fmt: skip
        taken.append(1000 * (stamped(server, _stamps(server) / execution) - began))
    return taken


def stamped(server: Served, file: Path) -> float:
    """Wait for a stamp; gives its moment in seconds since 1970."""
    server.until(lambda: file.exists() and bool(file.read_text()), f"{file.name} is stamped", pause=0.002)
    return float(file.read_text())
