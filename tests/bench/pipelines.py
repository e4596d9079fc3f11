"""From a change at the backend to the card that shows it; and a pipeline of no-ops beside the same commands in bash."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from bot.core.model import Release, Run
from tests.bench.figures import Figure, Sizes, percentile
from tests.support.programs import SLACK, Programs, running, wait_for
from tests.support.small_service import APPROVAL, SmallServices, action, staged

_NOTHING = "version: 0.2\nphases:\n  build:\n    commands:\n      - 'true'\n"
_STEPS = ("Unit", "Style", "Package", "Production")


def no_ops(name: str) -> dict[str, Any]:
    """Give a pipeline of five stages that fetches the repository and then does nothing four times."""
    nothing = action(
        "Build", "CodeBuild", inputArtifacts=[{"name": "Tree"}],
        configuration={"ProjectName": name, "BuildspecOverride": _NOTHING},
    )  # fmt: skip
    return staged(name, **dict.fromkeys(_STEPS, nothing))


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure both on a real server, one release after the other."""
    services = SmallServices(root / "gates", pipeline=lambda name: staged(name, Production=APPROVAL))
    with running(services) as programs:
        changes, edits = _changes(programs, sizes.cards)
    against = "chat.update alone"
    yield Figure("backend change to card updated, p50", percentile(changes, 0.5), "ms", percentile(edits, 0.5), against)
    yield Figure(
        "backend change to card updated, p95",
        percentile(changes, 0.95),
        "ms",
        percentile(edits, 0.95),
        against,
        aim=300,
    )
    services = SmallServices(root / "no-ops", pipeline=no_ops)
    with running(services) as programs:
        engine, bash = [], []
        for number in range(sizes.pipelines):
            run = _run_of(_shipped(programs, "alpha"))
            assert run.started and run.finished
            engine.append((run.finished - run.started).total_seconds())
            bash.append(_in_bash(services, root / f"bash-{number}"))
    middle, base = percentile(engine, 0.5), percentile(bash, 0.5)
    yield Figure("five-stage pipeline of no-ops, p50", middle, "s", base, "the same in bash")
    yield Figure("of that, for each stage beyond bash", 1000 * (middle - base) / 5, "ms")


def _changes(programs: Programs, releases: int) -> tuple[list[float], list[float]]:
    """Give the milliseconds from gate or end to the card, and those of a plain edit."""
    changes, edits = [], []
    client = WebClient(SLACK["SLACK_BOT_TOKEN"], base_url=f"http://127.0.0.1:{programs.playground_port}/api/")
    for _ in range(releases):
        changes += _of_one_release(programs)
        time.sleep(4)  # the notes go out, one a second: the next card must not queue behind them
        card = programs.cards(programs.releases()[0])[0]
        began = time.perf_counter()
        client.chat_update(channel=card["channel"], ts=card["ts"], text=card["text"])
        edits.append(1000 * (time.perf_counter() - began))
    return changes, edits


def _of_one_release(programs: Programs) -> list[float]:
    programs.say("/deploy alpha prod")
    release = programs.releases()[0]
    card = wait_for(lambda: programs.card(release, "sayso.approve"), "the gate is open")
    time.sleep(2)  # what came before is behind us: the next change stands alone
    programs.click(card, "sayso.approve", "ben")
    ended = _run_of(wait_for(lambda: programs.ended(release.id), "the release ends"))
    wait_for(lambda: programs.cards(release)[0]["text"].startswith("Done"), "the card says so")
    (gate,) = [one for stage in ended.stages for one in stage.actions if one.gate]
    return [
        _shown(programs, card["ts"], gate.started, "sayso.approve"),
        _shown(programs, card["ts"], ended.finished, "Done: "),
    ]


def _shown(programs: Programs, ts: str, since: datetime | None, words: str) -> float:
    """Give the milliseconds from a moment until the first call was answered after which the card has these words."""
    assert since is not None
    calls = [
        call
        for method in ("chat.postMessage", "chat.update")
        for call in programs.calls(method)
        if call["ok"] and call["answer"]["ts"] == ts and words in json.dumps(call["args"])
    ]
    first: float = min(call["at"] + call["ms"] / 1000 for call in calls)
    return 1000 * (first - since.timestamp())


def _shipped(programs: Programs, service: str) -> Release:
    programs.say(f"/deploy {service} prod")
    release = programs.releases(service=service)[0]
    return wait_for(lambda: programs.ended(release.id), "the release ends")


def _run_of(release: Release) -> Run:
    assert release.run is not None
    return release.run


def _in_bash(services: SmallServices, folder: Path) -> float:
    """Do the same by hand: fetch, and for each stage a fresh copy and a shell that does nothing."""
    copies = "\n".join(f'cp -r tree "{step}" && (cd "{step}" && bash -c true)' for step in _STEPS)
    script = f'set -e\ngit clone --quiet "{services.repository}" tree\n{copies}\n'
    folder.mkdir()
    began = time.perf_counter()
    subprocess.run(["bash", "-c", script], cwd=folder, check=True)
    return time.perf_counter() - began
