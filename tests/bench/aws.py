"""Calls to AWS for each release, and from an event to the card: with events and by polling, counted on the wire.

A second server plays Amazon, moto its queue; proxies before both note what passes. Calls are those to CodePipeline,
CodeBuild, CodeDeploy and Logs; the queue's own are told apart, since they go on whether there are releases or not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

from bot.core.model import Release
from tests.bench.figures import Figure, Sizes, percentile
from tests.bench.served import serving
from tests.support.amazon_side import OURS, THEIRS, event_queue, in_aws
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.programs import Programs, running, wait_for
from tests.support.small_service import APPROVAL, SmallServices, staged


@dataclass
class Wire:
    """What passed between Sayso and Amazon: moments in seconds since the epoch."""

    calls: list[tuple[float, str]] = field(default_factory=list)
    queue: list[tuple[float, str]] = field(default_factory=list)
    events: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    """Details of events, when they reached the queue."""

    def service(self, operation: str, _: bytes) -> None:
        """Note a call."""
        self.calls.append((time.time(), operation))

    def message(self, operation: str, body: bytes) -> None:
        """Note a call about the queue: of Amazon's side an event that comes, of ours a call."""
        if operation == "SendMessage":
            self.events.append((time.time(), json.loads(json.loads(body)["MessageBody"])["detail"]))
        else:
            self.queue.append((time.time(), operation))


@contextmanager
def amazon_and_sayso(root: Path, services: SmallServices, *, events: bool) -> Iterator[tuple[Programs, Wire]]:
    """Run both sides for the time of the block; without `events` Sayso does not hear of them."""
    wire = Wire()
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())

        def proxied(upstream: str) -> FaultyProxy:
            return stack.enter_context(portal.wrap_async_context_manager(faulty_proxy(upstream)))

        queue = stack.enter_context(event_queue())
        messages = proxied(queue.endpoint)
        messages.heard = wire.message
        url = queue.url.replace(queue.endpoint, messages.url)
        given = {"SAYSO_CONFIG": str(services.catalogue), "SAYSO_AWS_EVENTS": f"sqs+{url}", **OURS, **THEIRS}
        amazon = stack.enter_context(serving(root / "served", **given))
        calls = proxied(f"http://127.0.0.1:{amazon.port}")
        calls.heard = wire.service
        catalogue = services.root / "aws.toml"
        catalogue.write_text(in_aws(services.catalogue.read_text(), *services.names))
        heard = {"SAYSO_AWS_QUEUES": url} if events else {}
        endpoints = f"{calls.url}/aws,sqs={messages.url}"
        ours = {"SAYSO_CONFIG": str(catalogue), "SAYSO_AWS_ENDPOINT_URL": endpoints, **heard, **OURS}
        yield stack.enter_context(running(services, **ours)), wire


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Release one after the other, with events and without them; then let many wait at once, without events.

    A stage takes so long that the card's edits, of which the chat allows one in 1.5 s, don't wait for each other.
    """
    ways = {"with events": True} | ({"by polling": False} if sizes.polled else {})
    for how, events in ways.items():
        services = SmallServices(root / how / "services", build_seconds=sizes.stage_seconds)
        (services.repository / "hook.sh").write_text(f"sleep {sizes.stage_seconds / 2}\n")
        services.commit("Take your time")
        with amazon_and_sayso(root / how, services, events=events) as (programs, wire):
            time.sleep(2.0)  # what a start makes it look for
            calls, queue, late = [], [], []
            for _ in range(sizes.releases):
                began = time.time()
                release = _released(programs)
                time.sleep(3.0)  # what an end makes it look for
                calls.append(sum(at >= began for at, _ in wire.calls))
                queue.append(sum(at >= began for at, _ in wire.queue))
                late += _delays(programs, wire, release)
        told = f"a release of five stages in AWS {how}"
        yield Figure(f"{told}: calls, at most", max(calls), "calls", aim=12 if events else None)
        yield Figure(f"{told}: calls of its queue, at most", max(queue), "calls")
        yield Figure(f"{told}: event to card updated, p50", percentile(late, 0.5), "s")
        yield Figure(f"{told}: event to card updated, p95", percentile(late, 0.95), "s", aim=1 if events else None)
    if sizes.polled:
        yield from _crowd(root / "crowd", sizes)


def _released(programs: Programs) -> Release:
    programs.say("/deploy alpha prod")
    release = programs.releases()[0]
    card = wait_for(lambda: programs.card(release, "sayso.approve"), "the gate is open")
    time.sleep(2)
    programs.click(card, "sayso.approve", "ben")
    ended = wait_for(lambda: programs.ended(release.id), "the release ends")
    wait_for(lambda: programs.cards(release)[0]["text"].startswith("Done"), "the card says so")
    return ended


def _delays(programs: Programs, wire: Wire, release: Release) -> list[float]:
    """Give the seconds from the event of each stage's end, the gate and the whole end to the card that shows it."""
    (card,) = programs.cards(release)
    shown = [
        (call["at"] + call["ms"] / 1000, json.dumps(call["args"], ensure_ascii=False))
        for method in ("chat.postMessage", "chat.update")
        for call in programs.calls(method)
        if call["ok"] and call["answer"]["ts"] == card["ts"]
    ]
    found = []
    for arrived, detail in wire.events:
        words = _words(detail) if detail.get("execution-id") == release.run_id else ""
        if words:
            found.append(max(0.0, min(at for at, text in shown if words in text) - arrived))
    return found


def _words(detail: Mapping[str, Any]) -> str:
    """Give what a card shows once it knows of an event; nothing for the events between.

    The source ends so soon that the card's first edit is still under way.
    """
    if detail.get("action"):
        gate = detail["type"]["category"] == "Approval" and detail["state"] == "STARTED"
        return "sayso.approve" if gate else ""
    if detail["state"] != "SUCCEEDED" or detail.get("stage") == "Source":
        return ""
    return f"{detail['stage']} · done" if detail.get("stage") else "Done: "


def _crowd(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Let many releases of as many pipelines wait at their gates, and count what looking at them costs."""
    names = [f"s{number}" for number in range(sizes.polled)]
    services = SmallServices(root / "services", names, pipeline=lambda name: staged(name, Production=APPROVAL))
    with amazon_and_sayso(root, services, events=False) as (programs, wire):
        for name in names:
            assert programs.say(f"/deploy {name} prod")["outcome"] == "ok"
        wait_for(lambda: all(each.run_id for each in _all(programs, names)), "all have begun", 600)
        began = time.time()
        time.sleep(sizes.polled_seconds)
        calls = sum(at >= began for at, _ in wire.calls)
    told = f"{sizes.polled} active releases of as many pipelines in AWS by polling"
    yield Figure(f"{told}: calls a second", calls / sizes.polled_seconds, "/s", aim=2)


def _all(programs: Programs, names: list[str]) -> list[Release]:
    return [release for name in names for release in programs.releases(service=name)]
