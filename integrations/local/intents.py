"""Begins attempts: the intent is committed before the world is changed, with all that is known of the attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import ActionKind, Revision
from bot.core.ports import Transactions
from integrations.local import records, statements
from integrations.local.external import external_id
from integrations.local.host import Host
from integrations.local.tables import ARTIFACTS
from integrations.local.target import Settings
from integrations.specs.conditions import RuleDeclaration
from integrations.specs.pipeline import ActionDeclaration, ActionTypeId


@dataclass(frozen=True, slots=True)
class Work:
    """All that is known of an attempt that is about to run."""

    action_id: str
    attempt: int
    execution_id: str
    file: str
    """What identifies its pipeline."""
    pipeline: str
    stage: str
    base: Path
    home: Path
    """The attempt's folder: `work` and `log.txt` inside."""
    kind: tuple[str, str]
    """Category and provider: which runner carries it out."""
    declaration: ActionDeclaration
    settings: Settings
    configuration: Mapping[str, str]
    """With the variables put in."""
    unresolved: str
    """Sentences for the variables that have no value; the action can't run then."""
    artifacts: Mapping[str, str]
    asked_type: str | None
    revision: Revision | None
    sources: Mapping[str, Revision]
    """What its input artifacts are, as far as source actions made them."""
    webhook: Mapping[str, str]
    is_primary: bool
    """Its revision is the execution's: that of the first source action."""
    interrupted: bool
    moved: bool
    """It was begun on another machine: its processes can't be found from here."""

    @property
    def key(self) -> str:
        """Name the attempt, as in its log's key and its intent row."""
        return f"{self.action_id}#{self.attempt}"


def home_of(data: Path, execution: str, place: int, name: str, attempt: int) -> Path:
    """Give an attempt's own folder."""
    return data / "runs" / execution / f"{place:02}.{name}.{attempt}"


def declared(category: str, declaration: Any) -> ActionDeclaration:
    """Read an action's declaration; a rule's is shown to its runner as that of a Compute action."""
    if category != "Rule":
        return ActionDeclaration.model_validate(declaration)
    rule = RuleDeclaration.model_validate(declaration)
    kind = ActionTypeId(
        category="Compute", owner="AWS", provider=rule.rule_type_id.provider, version=rule.rule_type_id.version
    )
    return ActionDeclaration(
        name=rule.name, action_type_id=kind, configuration=rule.configuration, commands=rule.commands,
        input_artifacts=rule.input_artifacts,
    )  # fmt: skip


class Intents:
    """Commits them, for attempts that run on this host with their folders below `data`."""

    def __init__(self, database: Transactions, data: Path, host: Host, clock: Callable[[], datetime]) -> None:
        self._database, self._data, self._host, self._clock = database, data, host, clock

    async def begin(self, action_id: str, attempt: int, *, unless_begun: bool = False) -> Work | None:
        """Commit the intent to run it; gives None if there is nothing to run any more."""
        async with self._database.write() as c:
            if c.dialect.name == "postgresql":  # two processes may meet here: the second has to see the first's intent
                await c.execute(statements.LOCK_ACTION, {"action": action_id})
            row = await _row(c, action_id, attempt)
            if row is None or (unless_begun and row.begun is not None):
                return None
            artifacts: dict[str, str] = {}
            names = [artifact["name"] for artifact in row.declaration.get("input_artifacts", ())]
            if names:
                kept = sa.select(ARTIFACTS.c.name, ARTIFACTS.c.digest).where(ARTIFACTS.c.execution == row.execution)
                artifacts = {found.name: found.digest for found in await c.execute(kept)}
            work = self._work(row, artifacts)
            if row.begun is None:
                intent = records.intent_of(
                    action_id, attempt, row.execution, row.file, host=self._host, now=self._clock(), hook=row.hook
                )
                known = {
                    "configuration": work.configuration,
                    "inputs": {name: artifacts[name] for name in names if name in artifacts},
                    "external_id": external_id(work.declaration, work.key),
                }
                await c.execute(statements.INTENT, intent | known)
        return work

    async def begun(self, action_id: str, attempt: int) -> Work | None:
        """Tell what is known of an attempt that was begun, here or elsewhere; None if it is over."""
        async with self._database.read() as c:
            row = await _row(c, action_id, attempt)
        return None if row is None else self._work(row, {})

    def _work(self, row: Any, artifacts: Mapping[str, str]) -> Work:
        declaration, mistakes = declared(row.category, row.declaration).resolved(row.variables)
        asked = row.asked.get(row.name)
        revision = Revision(id=asked["value"], ref=asked["value"]) if asked else None
        if row.revision and declaration.kind is not ActionKind.SOURCE:
            revision = Revision.model_validate(row.revision)
        return Work(
            action_id=row.id, attempt=row.attempt, execution_id=row.execution, file=row.file,
            pipeline=row.pipeline, stage=row.stage_name, base=Path(row.base), declaration=declaration,
            home=home_of(self._data, row.execution, row.place, row.name, row.attempt),
            kind=(row.category, declaration.action_type_id.provider),
            settings=Settings.model_validate(row.settings), configuration=declaration.configuration,
            artifacts=artifacts, unresolved=" ".join(str(mistake) for mistake in mistakes), revision=revision,
            sources=_revisions(row.sources), webhook=row.webhook,
            asked_type=asked["type"] if asked else None, is_primary=row.place == 0, interrupted=row.begun is not None,
            moved=row.host is not None and row.host != self._host.name,
        )  # fmt: skip


async def _row(c: AsyncConnection, action_id: str, attempt: int) -> Any | None:
    """Read an attempt that is under way; None if it is not, any more."""
    wanted = {"action": action_id, "number": attempt, "key": f"{action_id}#{attempt}"}
    return (await c.execute(statements.ATTEMPT, wanted)).one_or_none()


def _revisions(sources: Mapping[str, Any]) -> dict[str, Revision]:
    """Give the revisions that source actions fetched (an execution's `sources`), by their artifacts' names."""
    return {
        told["artifact"]: Revision.model_validate({key: told[key] for key in told.keys() & Revision.model_fields})
        for told in sources.values()
        if told.get("artifact")
    }
