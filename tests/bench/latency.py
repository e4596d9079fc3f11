"""From the call that starts a pipeline to its first action, beside starting the same process without us."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.gate import stamped
from tests.bench.load import servers
from tests.bench.served import Served, declaration, true_command


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Start one pipeline after the other, each in turn with the baselines."""
    for kind, server in servers(root, sizes):
        yield from _measure(server, kind, sizes)


def _measure(server: Served, kind: str, sizes: Sizes) -> Iterator[Figure]:
    first, command = server.root / "first", server.root / "command"
    shell = f"date +%s.%N >{command}.new && mv {command}.new {command}"
    stages = {"Work": [true_command() | {"commands": [shell]}]}
    server.create(declaration("latency", stages, source={"configuration": {"Stamp": str(first)}}))
    began, asked, process, bare = [], [], [], []
    for _ in range(sizes.starts):
        first.unlink(missing_ok=True)
        command.unlink(missing_ok=True)
        at = time.time()
        server.start("latency")
        source = stamped(server, first)
        began.append(1000 * (source - at))
        process.append(1000 * (stamped(server, command) - source))
        server.until(lambda: server.under_way() == 0, "it has ended")
        at = time.time()
        server.call("GetPipeline", name="latency")
        asked.append(1000 * (time.time() - at))
        command.unlink()
        at = time.time()
        subprocess.run(["bash", "-c", shell], check=True)
        bare.append(1000 * (stamped(server, command) - at))
    yield Figure(f"{kind}: API to the first action, p50", percentile(began, 0.5), "ms", percentile(asked, 0.5),
                 "a call that only reads")  # fmt: skip
    yield Figure(f"{kind}: from there to the first command of the next, p50", percentile(process, 0.5), "ms",
                 percentile(bare, 0.5), "bare subprocess")  # fmt: skip
