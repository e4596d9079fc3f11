"""What went over the wire: every Web API call of the bot and every delivery to it."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.playground.feed import Feed


@dataclass
class Call:
    """One Web API call. `args` never holds the token; `applied` tells a lost answer from a refused call."""

    number: int
    at: float
    method: str
    args: dict[str, Any]
    status: int = 200
    ok: bool = False
    error: str = ""
    warning: str = ""
    fault: str = ""
    ms: float = 0.0
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass
class Delivered:
    """One request to the bot and what came back. `outcome` is what the person sees: `ok` or Slack's word for it."""

    number: int
    at: float
    kind: str
    what: str
    transport: str = "http"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    status: int = 0
    ms: float = 0.0
    answer: str = ""
    outcome: str = "ok"


class Ledger:
    """Keeps the last 5,000 of both, in order, and announces each."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._numbers = 0
        self.calls: deque[Call] = deque(maxlen=5000)
        self.deliveries: deque[Delivered] = deque(maxlen=5000)

    def next_number(self) -> int:
        """Count calls and deliveries together, so that their order can be read."""
        self._numbers += 1
        return self._numbers

    def add_call(self, call: Call) -> None:
        """Keep a call that was answered."""
        self.calls.append(call)
        self._feed.publish("call", call=asdict(call))

    def add_delivery(self, delivered: Delivered) -> None:
        """Keep a delivery that was answered or given up."""
        self.deliveries.append(delivered)
        self._feed.publish("delivery", delivery=asdict(delivered))

    def snapshot(self, last: int | None = None) -> dict[str, Any]:
        """Give both as JSON, oldest first; `last` limits each."""
        calls, deliveries = list(self.calls), list(self.deliveries)
        if last is not None:
            calls, deliveries = calls[-last:], deliveries[-last:]
        return {"calls": [asdict(call) for call in calls], "deliveries": [asdict(one) for one in deliveries]}
