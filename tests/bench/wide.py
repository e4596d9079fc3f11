"""One pipeline as wide and long as CodePipeline allows: no action may cost more for how many there are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.bench.figures import Figure, Sizes
from tests.bench.nothing import plug_in
from tests.bench.served import SLOTS, Served, cpu_of, declaration, in_bash, no_op, serving
from tests.support.programs import running
from tests.support.small_service import SmallServices


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Run it by itself and as a release with a card, beside as many actions in pipelines of few, and beside bash."""
    side, actions = sizes.wide, sizes.wide**2
    with serving(root / "alone") as server:
        few = [f"few-{number}" for number in range(max(1, actions // 5))]
        for name in few:
            server.create(declaration(name, {f"S{number}": [no_op()] for number in range(1, 5)}))
        server.create(declaration("wide", _stages(side)))
        _seconds(server, few[:1])  # everything was done once before it is measured
        bash, _ = in_bash(SLOTS, max(1, actions // SLOTS))
        (narrow, narrow_cpu), (alone, alone_cpu) = (_seconds(server, names) for names in (few, ["wide"]))
        memory = server.memory()
    told, against = f"one pipeline of {side} x {side} actions", "as many in pipelines of 5"
    yield Figure(told, alone, "s", narrow, against)
    yield Figure(f"{told}: CPU per action", 1000 * alone_cpu / actions, "ms", 1000 * narrow_cpu / actions, against,
                 ratio_aim=1.5)  # fmt: skip
    yield Figure(f"{told}: memory after that", memory, "MB")
    told += ", as a release with its card"
    followed, followed_cpu = _as_release(root, side)
    yield Figure(told, followed, "s", alone, "without a release")
    yield Figure(told, followed, "s", bash, "bash: as many shells of `true`")
    yield Figure(f"{told}: CPU per action", 1000 * followed_cpu / actions, "ms", 1000 * alone_cpu / actions,
                 "without a release", ratio_aim=2)  # fmt: skip


def _stages(side: int) -> dict[str, list[dict[str, Any]]]:
    names = [*(f"S{number}" for number in range(1, side - 1)), "Production"]
    return {name: [no_op(number) for number in range(side)] for name in names}


def _seconds(server: Served, names: list[str]) -> tuple[float, float]:
    """Run them; gives the seconds it took, and those of CPU."""
    began, used = time.perf_counter(), server.cpu()
    server.start_all(names)
    ended = server.until(lambda: server.under_way() == 0, "all have ended")
    return ended - began, server.cpu() - used


def _as_release(root: Path, side: int) -> tuple[float, float]:
    def pipeline(name: str) -> dict[str, Any]:
        return {"pipeline": {"name": name, "stages": declaration(name, _stages(side))["stages"]}}

    with running(SmallServices(root / "release", pipeline=pipeline), PYTHONPATH=plug_in(root / "plugin")) as programs:
        assert programs.server is not None
        process = psutil.Process(programs.server.pid)
        began, used = time.perf_counter(), cpu_of(process)
        asked = json.dumps({"service": "alpha", "environment": "prod"})
        programs.api.post("api/v1/releases", content=asked, headers={"Content-Type": "application/json"})
        while not (listed := programs.api.get("api/v1/releases", params={"active": False}).json()["releases"]):
            time.sleep(0.5)
        assert listed[0]["status"] == "succeeded", listed[0]["detail"]
        return time.perf_counter() - began, cpu_of(process) - used
