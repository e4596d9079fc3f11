"""From a signed request of an Echo to the skill's answer, beside a bare skill; and what a Lambda function imports."""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from bot.cli.doors import free_port
from integrations.playground.echo.amazon import Endpoint
from integrations.playground.echo.envelope import Person, Sender, Session, envelope
from integrations.playground.echo.keys import Keys, open_keys
from skills.release_desk import relay
from tests.bench.bare import bare
from tests.bench.figures import Figure, Sizes, percentile
from tests.support.programs import Programs, running
from tests.support.small_service import SmallServices

BARE = "bare ask-sdk skill"
SKILL = "amzn1.ask.skill.bench"
STATUS = {"name": "StatusIntent", "slots": {}}
IMPORT = "import sys, time; began = time.perf_counter(); {what}; print(time.perf_counter() - began)"


class Caller:
    """Alexa's side: one kept connection, every request signed, new and in a session of its own."""

    def __init__(self, port: int, keys: Keys) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._endpoint = Endpoint("", keys.speaker, httpx.AsyncClient())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, intent: Mapping[str, Any]) -> float:
        """Want something, and give the seconds until the answer was read."""
        sender = Sender(SKILL, "HOUSEHOLD", "BENCH", "en-US", screen=False, api_endpoint="", api_token="none")
        body = json.dumps(
            envelope(
                sender, Person("ana"), 300, Session(f"session.{uuid.uuid4()}"),
                {"type": "IntentRequest", "intent": intent, "dialogState": "STARTED"},
                request_id=str(uuid.uuid4()), now=datetime.now(UTC),
            )
        ).encode()  # fmt: skip
        headers = self._endpoint.headers(body)
        began = time.perf_counter()
        self._connection.request("POST", "/alexa", body, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        seconds = time.perf_counter() - began
        assert answer.status == 200 and b"inc-" not in said, said
        return seconds


def measure(root: Path, sizes: Sizes) -> Iterator[Figure]:
    """Measure a question and a wish that is read back, in turn with the bare skill; then imports in new processes."""
    services = SmallServices(root / "voice")
    roots = root / "alexa" / "roots.pem"
    keys = open_keys(roots, datetime.now(UTC))
    skill = {
        "ALEXA_SKILL_ID": SKILL, "ALEXA_TRUST_ROOTS": str(roots), "ALEXA_CHAIN_STORE": f"127.0.0.1:{free_port()}",
    }  # fmt: skip
    with (
        running(services, **skill) as programs,
        bare("bare_skill", **skill) as (port, _),
        Caller(programs.port, keys) as sayso,
        Caller(port, keys) as baseline,
    ):
        _pair(programs)
        for _ in range(5):
            sayso.ask(STATUS)
            baseline.ask(STATUS)
        for what, intent in (("question (status)", STATUS), ("wish, read back (deploy)", _deploy())):
            ours, theirs = [], []
            for _ in range(sizes.voice):
                ours.append(1000 * sayso.ask(intent))
                theirs.append(1000 * baseline.ask(intent))
            for name, share, most in (("p50", 0.5, None), ("p99", 0.99, 3.0)):
                value, base = percentile(ours, share), percentile(theirs, share)
                yield Figure(f"voice: {what} to answer, {name}", value, "ms", base, BARE, ratio_aim=most)
    rounds = min(9, sizes.voice)
    ours = [_imported("import relay", Path(relay.__file__).parent) for _ in range(rounds)]
    theirs = [_imported("import ask_sdk_core.skill_builder", root) for _ in range(rounds)]
    value, base = (1000 * statistics.median(each) for each in (ours, theirs))
    yield Figure("voice: Lambda relay, cold import", value, "ms", base, "importing ask-sdk-core", ratio_aim=1)


def _deploy() -> dict[str, Any]:
    """Want the one service on staging, as the Echo resolves it."""

    def slot(name: str, value: str) -> dict[str, Any]:
        matched = [{"authority": "bench", "status": {"code": "ER_SUCCESS_MATCH"},
                    "values": [{"value": {"name": value, "id": value}}]}]  # fmt: skip
        return {"name": name, "value": value, "resolutions": {"resolutionsPerAuthority": matched}}

    named = {"service": "alpha", "environment": "staging"}
    return {"name": "DeployIntent", "slots": {name: slot(name, value) for name, value in named.items()}}


def _pair(programs: Programs) -> None:
    said = programs.do("echo", persona="ana", text="pair me")["speech"]
    code = re.search(r"\d{3} \d{3}", said)
    assert code, said
    programs.say(f"/release pair {code[0]}")


def _imported(what: str, folder: Path) -> float:
    """Give the seconds that an import takes in a new process whose files the disk has read already."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(what=what)], cwd=folder, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
