"""Gathers the details of a look: asks only about what runs or has just ended, and keeps what does not change."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.errors import BackendError, BackendUnavailable, NotFound
from bot.core.wording import say
from bot.incidents import incident
from integrations.aws.answers import Answer, result, said
from integrations.aws.clients import Clients
from integrations.aws.details import codebuild, fetching
from integrations.aws.details.asking import Asking
from integrations.aws.observing import Detail
from integrations.aws.target import AwsTarget, Place

log = logging.getLogger(__name__)

YOUNG = timedelta(seconds=5)
"""An action that began so recently has nothing to tell yet."""
FRESH = timedelta(seconds=15)
"""How long what a running action told is good enough."""
REFUSED = timedelta(minutes=5)
"""After which it is asked again for what AWS did not let us read."""
PATIENCE = timedelta(minutes=10)
"""How long after an action's end what could not be had of it is still asked for."""
MOST_KEPT = 2000
"""Executions of actions whose details are kept."""
MOST_LOG = 5_000_000
_FEW = 3.0
"""Calls that what an action tells at its end takes."""
_BUILDS_AT_ONCE = 100
"""Builds that one BatchGetBuilds may ask for (API model)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was read of an action's execution."""

    detail: Detail
    status: str
    until: datetime | None
    """When it is too old; None: never."""


class Details:
    """The details of action executions; one for the whole backend."""

    def __init__(self, clients: Clients, clock: Callable[[], datetime]) -> None:
        self._clients, self._clock = clients, clock
        self._kept: dict[str, Kept] = {}
        self._runs: OrderedDict[str, str] = OrderedDict()

    async def of(self, target: AwsTarget, rows: Sequence[Answer]) -> dict[str, Detail]:
        """Give the details of one execution's actions by `actionExecutionId`; never raises for what can't be read.

        `rows` are ListActionExecutions' details; of each action the latest counts. Without news no call is made.
        """
        self._note(rows)
        latest: dict[tuple[str, str], Answer] = {}
        for row in sorted(rows, key=lambda each: each["startTime"]):
            latest[row["stageName"], row["actionName"]] = row
        due = [row for row in latest.values() if self._due(row)]
        builds: dict[Place, list[Answer]] = {}
        async with asyncio.TaskGroup() as group:
            for row in due:
                if _provider(row) == "CodeBuild" and not codebuild.is_batch(row):
                    builds.setdefault(_place(target, row), []).append(row)
                else:
                    group.create_task(self._fetch(target, row))
            for place, several in builds.items():
                group.create_task(self._fetch_builds(place, several))
        ids = [row["actionExecutionId"] for row in rows]
        return {key: self._kept[key].detail for key in ids if key in self._kept}

    def run_of(self, external: str) -> str | None:
        """Give the run whose action a build or deployment is, by its id, if a look has seen it."""
        return self._runs.get(external)

    async def log(self, target: AwsTarget, key: str) -> str:
        """Give a whole log, its last 5 MB. Raises `NotFound`, or what kept it from being read."""
        region = key.split(":")[1] if key.count(":") > 1 else target.region
        ask = Asking(self._clients, target.place._replace(region=region))
        text = await fetching.whole_log(ask, key, MOST_LOG)
        if text is not None:
            return text
        if ask.again:
            raise BackendUnavailable
        raise BackendError(ask.missing[0]) if ask.missing else NotFound(say("aws.no_log"))

    def _note(self, rows: Sequence[Answer]) -> None:
        for row in rows:
            if external := result(row).get("externalExecutionId"):
                self._runs[external] = row["pipelineExecutionId"]
                self._runs.move_to_end(external)
        while len(self._runs) > MOST_KEPT:
            self._runs.popitem(last=False)

    def _due(self, row: Answer) -> bool:
        now, kept = self._clock(), self._kept.get(row["actionExecutionId"])
        if _provider(row) not in {"CodeBuild", *fetching.FETCHES} or row["status"] == "Abandoned":
            return False
        due = kept is None or kept.status != row["status"] or (kept.until is not None and kept.until <= now)
        if row["status"] == "Failed":
            return due
        # What goes well must not hold up the look while calls are scarce; a later look brings it, if there is one.
        enough = self._clients.pace.plenty if row["status"] == "InProgress" else self._clients.pace.level >= _FEW
        young = row["status"] == "InProgress" and timedelta() <= now - row["startTime"] < YOUNG
        return due and not young and enough

    async def _fetch(self, target: AwsTarget, row: Answer) -> None:
        place = target.place if _provider(row) == "EC2" else _place(target, row)  # the pipeline itself knows those
        ask = Asking(self._clients, place)
        if (detail := self._well_done(row)) is None:
            fetch = fetching.batch if _provider(row) == "CodeBuild" else fetching.FETCHES[_provider(row)]
            detail = await _read(fetch(ask, target.pipeline, row), row) or Detail()
        self._keep(row, detail, ask)

    async def _fetch_builds(self, place: Place, rows: Sequence[Answer]) -> None:
        wanted = [row for row in rows if codebuild.build_id(row)][:_BUILDS_AT_ONCE]
        if not wanted:
            return
        ask = Asking(self._clients, place)
        ids = [codebuild.build_id(row) for row in wanted]
        answer = await ask("aws.part.build", "codebuild", "BatchGetBuilds", ids=ids)
        found = {build["id"]: build for build in (answer or {}).get("builds", ())}
        for row in wanted:
            own = Asking(self._clients, place)
            own.missing, own.again = list(ask.missing), ask.again
            build = found.get(codebuild.build_id(row))
            detail = await _read(fetching.build(own, build), row) if build else None
            self._keep(row, detail or Detail(), own)

    def _well_done(self, row: Answer) -> Detail | None:
        """Tell of an action that ended well what follows from how it looked before, without a call."""
        kept = self._kept.get(row["actionExecutionId"])
        if row["status"] != "Succeeded" or _provider(row) == "CodeBuild":
            return None
        if kept is not None and (rollout := kept.detail.rollout) is not None:
            percent = None if rollout.percent is None else 100.0
            done = {"done": rollout.total, "step": "", "target": "", "percent": percent}
            return Detail(rollout=rollout.model_copy(update=done))
        told_by_pipeline = _provider(row) in {"CodeDeploy", "CodeDeployToECS", "CloudFormation", "Lambda", "ECS"}
        return Detail() if told_by_pipeline and not fetching.plans(row) else None

    def _keep(self, row: Answer, detail: Detail, ask: Asking) -> None:
        key, now = row["actionExecutionId"], self._clock()
        before = self._kept.pop(key, None)
        ended = row["status"] != "InProgress"
        if ask.again and before is not None and not ended:
            detail = before.detail
        if ask.missing:
            detail = replace(detail, detail=_with(detail.detail or said(row), ask.missing[0]))
        until: datetime | None = now + (REFUSED if ask.missing else FRESH)
        if ended and not (ask.again and now - row["lastUpdateTime"] < PATIENCE):
            until = None
        elif ended:
            until = now
        self._kept[key] = Kept(detail, row["status"], until)
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]


async def _read(reading: Awaitable[Detail | None], row: Answer) -> Detail | None:
    """Read details; an answer that nobody thought of costs the details and never the look: the run is the truth."""
    try:
        return await reading
    except Exception as error:  # noqa: BLE001
        incident(log, f"reading the details of the action {row['actionName']}", error)
        return None


def _with(told: str, missing: str) -> str:
    return say("aws.missing.and", detail=told, missing=missing) if told else missing


def _provider(row: Answer) -> str:
    return str(row.get("input", {}).get("actionTypeId", {}).get("provider", ""))


def _place(target: AwsTarget, row: Answer) -> Place:
    """Say where an action runs: it may be in another region than its pipeline."""
    return target.place._replace(region=row.get("input", {}).get("region") or target.region)
