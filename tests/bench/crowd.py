"""Many releases at once against the chat's real rate limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot.core.model import Release
from tests.bench.figures import Figure, Sizes
from tests.support import seen
from tests.support.programs import TOKEN_OF_BEN, Programs, running, wait_for
from tests.support.small_service import APPROVAL, SmallServices, staged

EDITS_A_MINUTE = 50
"""What Slack lets an app do with `chat.update` (tier 3)."""
PATIENCE = 240.0


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Let everybody deploy at the same moment, approve all, and wait until every card shows the end."""
    names = [f"s{number}" for number in range(sizes.crowd)]
    services = SmallServices(
        root / "crowd",
        names,
        channels=max(1, sizes.crowd // 10),
        pipeline=lambda name: staged(name, Production=APPROVAL),
    )
    with running(services) as programs:
        began = time.time()
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda name: programs.say(f"/deploy {name} prod"), names))
            assert all(answer["outcome"] == "ok" for answer in answers)
            list(pool.map(lambda release: _approved(programs, release), programs.releases()))
            releases = list(pool.map(lambda release: _ended(programs, release), programs.releases()))
        ended = time.time()
        wait_for(lambda: _all_shown(programs, releases), "every card shows the end", PATIENCE)
        shown = time.time()
        edits = programs.calls("chat.update")
        everything = programs.chat.get("ledger").json()["calls"]
    times = sorted(call["at"] for call in edits if call["ok"])
    busiest = max((sum(begin <= time < begin + 60 for time in times) for begin in times), default=0)
    floor = 60.0 * ((sizes.crowd - 1) // EDITS_A_MINUTE)
    told = f"{sizes.crowd} releases at once"
    # Had one card not come to show its end, we would not be here.
    yield Figure(f"{told}: final states not delivered", 0, "cards", aim=0)
    yield Figure(
        f"{told}: refused for their rate (429)", sum(call["status"] == 429 for call in everything), "calls", aim=5
    )
    yield Figure(f"{told}: edits in the busiest minute", busiest, "calls", EDITS_A_MINUTE, "Slack's limit", ratio_aim=1)
    yield Figure(f"{told}: from the wish to the last end", ended - began, "s")
    yield Figure(f"{told}: from the last end to the last card", shown - ended, "s", floor, "least, one edit for each")


def _approved(programs: Programs, release: Release) -> None:
    wait_for(
        lambda: (found := programs.release(release.id)) and found.run and found.run.open_gate, "the gate is open", 180
    )
    headers = {"Authorization": f"Bearer {TOKEN_OF_BEN}"}
    programs.api.post(f"api/v1/releases/{release.id}/approve", json={}, headers=headers).raise_for_status()


def _ended(programs: Programs, release: Release) -> Release:
    return wait_for(lambda: programs.ended(release.id), "it ends")


def _all_shown(programs: Programs, releases: list[Release]) -> bool:
    time.sleep(0.3)
    texts = [one["text"].replace(",", " ") for one in seen.messages(programs.state()) if not one.get("thread_ts")]
    return all(any(text.startswith(f"Done: {release.label} ") for text in texts) for release in releases)
