"""`make bench`: measures everything and prints a line for each figure, with its baseline and what is wanted of it.

`python -m tests.bench acks history` measures only these.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench import acks, aws, cluster, crowd, gate, growth, history, latency, load, pipelines, voice, wide
from tests.bench.figures import HEAD, Figure, Sizes

BENCHES: Mapping[str, Callable[[Path, Sizes], Iterator[Figure]]] = {
    "acks": acks.measure,
    "pipelines": pipelines.measure,
    "history": history.measure,
    "crowd": crowd.measure,
    "voice": voice.measure,
    "load": load.measure,
    "gate": gate.measure,
    "wide": wide.measure,
    "latency": latency.measure,
    "growth": growth.measure,
    "cluster": cluster.measure,
    "aws": aws.measure,
}


def main(names: list[str], sizes: Sizes) -> int:
    """Measure; gives 1 if an aim is missed, 2 for a name that there is not."""
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"There is no bench {unknown[0]}; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    print(HEAD, flush=True)
    missed = 0
    for name in names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="sayso-bench-") as folder:
            for figure in BENCHES[name](Path(folder) / name, sizes):
                missed += figure.met is False
                print(figure.line(), flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Sizes()))
