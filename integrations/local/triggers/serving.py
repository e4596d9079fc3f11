"""Puts the triggers of all targets together: one door for webhooks, a task for each schedule and polled pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from starlette.applications import Starlette

from bot.core.errors import Misconfigured
from integrations.local.engine import Engine
from integrations.local.target import LocalTarget
from integrations.local.triggers.declared import GitHook, Poll, RegistryHook, Schedule
from integrations.local.triggers.hooks import Hook, Hooks
from integrations.local.triggers.marks import Marks
from integrations.local.triggers.polling import Polled
from integrations.local.triggers.schedules import Scheduled
from integrations.local.triggers.starting import Starter

SHORTEST = 16
"""Characters of a webhook's secret; a shorter one could be guessed."""


@asynccontextmanager
async def open_triggers(
    engine: Engine,
    targets: Sequence[LocalTarget],
    environment: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    chance: Callable[[], float],
) -> AsyncIterator[Starlette | None]:
    """Serve the targets' triggers for the time of the block; gives the app for `/hooks`, None without webhooks.

    `environment` has the webhooks' secrets; `chance` gives numbers from 0 to 1. Raises `Misconfigured`.
    """
    distinct: list[LocalTarget] = []
    for target in targets:  # environments of one service share a target
        if all(other.file != target.file or other.triggers != target.triggers for other in distinct):
            distinct.append(target)
    starter, marks = Starter(engine), Marks(engine.database)
    hooks = hooks_of(distinct, environment)
    jobs: list[Coroutine[Any, Any, None]] = []
    for target in distinct:
        for name, declared in target.triggers.items():
            if isinstance(declared, Schedule):
                kept = Scheduled(name, declared, target, starter=starter, marks=marks, clock=clock)
                jobs.append(kept.run())
        polls = [each for each in target.triggers.values() if isinstance(each, Poll)]
        poll = min(polls, key=lambda each: each.seconds, default=None)
        jobs.append(Polled(target, poll, starter=starter, marks=marks, clock=clock, chance=chance).run())
    tasks = [asyncio.create_task(job, name="trigger") for job in jobs]
    try:
        yield Hooks(hooks, starter, clock).app() if hooks else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def hooks_of(targets: Sequence[LocalTarget], environment: Mapping[str, str]) -> dict[str, Hook]:
    """Gather the webhooks by name; several pipelines may hang on one. Raises `Misconfigured` with every mistake."""
    found: dict[str, list[tuple[LocalTarget, GitHook | RegistryHook]]] = {}
    for target in targets:
        for name, declared in target.triggers.items():
            if isinstance(declared, GitHook | RegistryHook):
                found.setdefault(name, []).append((target, declared))
    wrong = []
    for name, bound in found.items():
        if len({(declared.kind, declared.secret_env) for _, declared in bound}) > 1:
            wrong.append(f"The trigger {name} stands in the catalogue twice, with another kind or secret_env.")
    needed = {declared.secret_env: name for name, bound in found.items() for _, declared in bound}
    wrong += [
        f"{variable}, the secret of the trigger {name}, is not set."
        for variable, name in needed.items()
        if not environment.get(variable)
    ]
    wrong += [
        f"{variable}, the secret of the trigger {name}, is shorter than {SHORTEST} characters."
        for variable, name in needed.items()
        if 0 < len(environment.get(variable, "")) < SHORTEST
    ]
    if wrong:
        raise Misconfigured("\n".join(wrong), fix="Set it where Sayso runs, and correct the catalogue's triggers.")
    return {name: Hook(bound[0][1].kind, environment[bound[0][1].secret_env], bound) for name, bound in found.items()}
