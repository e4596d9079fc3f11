"""Takes events, whichever way they came: each once, and only of pipelines of the catalogue."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from integrations.aws.events.envelopes import About, read_event

MOST_REMEMBERED = 5000
STEPS = 60.0
"""Seconds between two looks only because a build or a deployment has come a step further."""


class Hearing:
    """Hears events; `run_of` gives the run that a build or deployment is part of, if that is known."""

    def __init__(
        self,
        news: Callable[[str, About], None],
        run_of: Callable[[str], str | None],
        pipelines: frozenset[str],
        monotonic: Callable[[], float],
    ) -> None:
        """`news` takes a run's id and what an event tells of it; only runs of `pipelines`, by name, count."""
        self._news, self._run_of, self._pipelines, self._monotonic = news, run_of, pipelines, monotonic
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
        now = self._monotonic()
        if about.step and now - self._nudged.get(run_id, float("-inf")) < STEPS:
            return
        _remember(self._nudged, run_id, now)
        self._news(run_id, about)

    def _run(self, about: About) -> str | None:
        if about.external:
            return self._run_of(about.external)
        return about.run_id if about.pipeline in self._pipelines else None


def _remember(found: OrderedDict[str, Any], key: str, value: Any) -> None:
    found[key] = value
    found.move_to_end(key)
    while len(found) > MOST_REMEMBERED:
        found.popitem(last=False)
