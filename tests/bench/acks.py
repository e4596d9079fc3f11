"""From a signed slash command to its acknowledgement, beside a bare Bolt app; and what both hold of the machine."""

from __future__ import annotations

import http.client
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import psutil

from integrations.playground.signing import signature_headers
from tests.bench.bare import bare
from tests.bench.figures import Figure, Sizes, percentile
from tests.support.programs import SLACK, Programs, running, wait_for
from tests.support.small_service import APPROVAL, CHANNEL, SmallServices, staged

BARE = "bare Bolt"
SERVICES = 30


class Caller:
    """Slack's side: one kept connection, every command signed and of its own."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ack(self, command: str, text: str) -> float:
        """Send a command and give the seconds until its acknowledgement was read."""
        self._number += 1
        fields = {
            "command": command, "text": text, "user_id": "U0ANA", "user_name": "ana", "channel_id": CHANNEL,
            "team_id": "T0LOCAL", "api_app_id": "A0SAYSO", "trigger_id": f"{id(self)}.{self._number}",
            "response_url": "http://127.0.0.1:1/response/none",
        }  # fmt: skip
        body = urlencode(fields).encode()
        signed = signature_headers(SLACK["SLACK_SIGNING_SECRET"], int(time.time()), body)
        headers = signed | {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        self._connection.request("POST", "/slack/events", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - began
        assert answer.status == 200, answer.status
        return seconds


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure commands that only read, commands that are committed, and then both processes at rest."""
    names = [f"s{number}" for number in range(SERVICES)]
    services = SmallServices(root / "acks", names, pipeline=lambda name: staged(name, Production=APPROVAL))
    for name in names:  # a pipeline that is not there fails at once as a release: the machine stays free for the acks
        (services.root / f"{name}.json").unlink()
    with (
        running(services) as programs,
        bare("bare_bolt") as (port, _),
        Caller(programs.port) as sayso,
        Caller(port) as baseline,
    ):
        for _ in range(20):
            sayso.ack("/release", "help")
            baseline.ack("/deploy", "s0 prod")
        wishes = [f"{names[number % SERVICES]} prod" for number in range(sizes.acks)]
        for what, command, texts, pause in (
            ("slash command that reads", "/release", ["status"] * sizes.acks, 0.02),
            # In the pause the release comes to its end; what we measure is one command, not a queue of them.
            ("slash command that is committed", "/deploy", wishes, 0.35),
        ):
            ours, theirs = [], []
            for text in texts:
                ours.append(1000 * sayso.ack(command, text))
                theirs.append(1000 * baseline.ack("/deploy", text))
                time.sleep(pause)
            for name, share, most in (("p50", 0.5, None), ("p99", 0.99, 2.0)):
                value, base = percentile(ours, share), percentile(theirs, share)
                yield Figure(f"{what} to ack, {name}", value, "ms", base, BARE, ratio_aim=most)
        done = len(programs.releases(service=names[0]))
        assert done == math.ceil(sizes.acks / SERVICES), "commands were refused"
    yield from _at_rest(root, sizes)


def _at_rest(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure a server that has carried out a release and waits for the next."""
    with running(SmallServices(root / "rest")) as programs, bare("bare_bolt") as (_, bolt):
        _one_release(programs)
        assert programs.server is not None
        server = psutil.Process(programs.server.pid)
        both = (server, bolt)
        time.sleep(min(3.0, sizes.idle_seconds))
        for process in both:
            process.cpu_percent()
        time.sleep(sizes.idle_seconds)
        idle, bare_idle = (process.cpu_percent() for process in both)
        memory, bare_memory = (process.memory_info().rss / 2**20 for process in both)
    yield Figure("`sayso serve` resident memory", memory, "MB", bare_memory, BARE, aim=200)
    yield Figure("`sayso serve` idle CPU", idle, "%", bare_idle, BARE, aim=1)


def _one_release(programs: Programs) -> None:
    programs.say("/deploy alpha prod")
    release = programs.releases()[0]
    card = wait_for(lambda: programs.card(release, "sayso.approve"), "the gate is open")
    programs.click(card, "sayso.approve", "ben")
    wait_for(lambda: programs.ended(release.id), "the release ends")
    wait_for(lambda: programs.cards(release)[0]["text"].startswith("Done"), "the card says so")
