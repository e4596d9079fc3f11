"""The baseline of `cluster`: DBOS alone runs chains of workflows of two empty steps; prints the seconds it took.

`python -m tests.bench.bare_dbos URL chains length slots`
"""

from __future__ import annotations

import asyncio
import sys
import time

from dbos import DBOS, DBOSPortableJSONSerializer

from integrations.local.cluster import POLL


async def run(url: str, chains: int, length: int, slots: int) -> None:
    """Run them as the cluster's adapter does: each step of a chain is handed out by a queue."""

    @DBOS.step(name="perform")
    async def perform() -> None:
        return None

    @DBOS.step(name="finish")
    async def finish() -> None:
        return None

    @DBOS.workflow(name="action")
    async def action() -> None:
        await perform()
        await finish()

    DBOS(config={"name": "bare", "system_database_url": url, "application_version": "1", "executor_id": "bare",
                 "serializer": DBOSPortableJSONSerializer(), "use_listen_notify": False,
                 "log_level": "WARNING"})  # fmt: skip
    DBOS.launch()
    await DBOS.register_queue_async("actions", worker_concurrency=slots, polling_interval_sec=POLL)

    async def chain() -> None:
        for _ in range(length):
            handle = await DBOS.enqueue_workflow_async("actions", action)
            await handle.get_result(polling_interval_sec=0.05)

    await asyncio.gather(chain())  # the first look of the queue is not counted
    began = time.perf_counter()
    await asyncio.gather(*(chain() for _ in range(chains)))
    print(time.perf_counter() - began, flush=True)
    await asyncio.to_thread(DBOS.destroy)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], *map(int, sys.argv[2:])))
