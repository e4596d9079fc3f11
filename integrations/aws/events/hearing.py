"""Turns events into nudges, whichever way they came: each once, and only for pipelines of the catalogue."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from integrations.aws.events.envelopes import About, read_event

MOST_REMEMBERED = 5000
STEPS = 15.0
"""Seconds between two looks only because a build or a deployment has come a step further."""


class Nudge(Protocol):
    """Have a run looked at; `whole`: as a whole, even while an action is under way."""

    def __call__(self, run_id: str, *, whole: bool = False) -> None:
        """Nudge for the run with this id."""
        ...


class Hearing:
    """Hears events; `run_of` gives the run that a build or deployment is part of, if that is known."""

    def __init__(
        self,
        nudge: Nudge,
        run_of: Callable[[str], str | None],
        pipelines: frozenset[str],
        monotonic: Callable[[], float],
        *,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """`heard` is called for every event about one of `pipelines`: so they do come."""
        self._nudge, self._run_of, self._pipelines, self._monotonic = nudge, run_of, pipelines, monotonic
        self._heard = heard
        self._past: OrderedDict[str, None] = OrderedDict()
        self._nudged: OrderedDict[str, float] = OrderedDict()

    def hear(self, text: str) -> None:
        """Take an event as it came; raises `NotAnEvent` for what is none."""
        about = read_event(text)
        if about.id and about.id in self._past:
            return
        if about.id:
            _remember(self._past, about.id, None)
        run_id = self._run(about)
        if not run_id:
            return
        self._heard()
        now = self._monotonic()
        if about.step and now - self._nudged.get(run_id, float("-inf")) < STEPS:
            return
        _remember(self._nudged, run_id, now)
        self._nudge(run_id, whole=about.whole)

    def _run(self, about: About) -> str | None:
        if about.external:
            return self._run_of(about.external)
        return about.run_id if about.pipeline in self._pipelines else None


def _remember(found: OrderedDict[str, Any], key: str, value: Any) -> None:
    found[key] = value
    found.move_to_end(key)
    while len(found) > MOST_REMEMBERED:
        found.popitem(last=False)
