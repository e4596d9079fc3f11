"""Conversations with the skill, as they stand in `voice/*.toml`."""

from __future__ import annotations

import asyncio
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from skills.release_desk.intents import BUILT_IN, INTENTS
from tests.support.spoken import open_conversation

FILES = sorted(Path(__file__).with_name("voice").glob("*.toml"))
SCENARIOS = {
    f"{file.stem}: {scenario['name']}": scenario
    for file in FILES
    for scenario in tomllib.loads(file.read_text(encoding="utf-8"))["scenario"]
}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which Ana and Ben are paired, to be copied: making it takes longer than a conversation."""
    path = tmp_path_factory.mktemp("spoken") / "paired.db"

    async def make() -> None:
        database = Database(open_engine(f"sqlite:///{path}"))
        await migrate(database.engine)
        async with open_conversation(database, {"pair": ["ana", "ben"]}):
            pass
        await database.close()

    asyncio.run(make())
    return path


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_conversation_goes_as_it_is_written(name: str, migrated: Path, tmp_path: Path) -> None:
    path = shutil.copy(migrated, tmp_path / "spoken.db")
    database = Database(open_engine(f"sqlite:///{path}"))
    scenario = SCENARIOS[name]
    try:
        async with open_conversation(database, scenario) as conversation:
            await conversation.play(scenario["steps"])
    finally:
        await database.close()


def test_every_intent_is_spoken_in_some_conversation() -> None:
    expected: list[dict[str, Any]] = [step for each in SCENARIOS.values() for step in each["steps"]]
    heard = {step.get("intent") for step in expected}
    assert heard >= {each.name for each in INTENTS} | set(BUILT_IN)
