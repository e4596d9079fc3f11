"""Throttling, errors, lost answers, expired credentials, outages: releases stay right, and an outage is said once."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from bot.core.commands import Verb
from bot.core.errors import BackendError, BackendUnavailable
from bot.core.model import Release, Status
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from tests.support.desk_world import World, catalogue
from tests.support.faulty_proxy import BROKEN, DENIED, EXPIRED, LOST, RESET, SKEWED, THROTTLED, Fault
from tests.support.waiting import until
from tests.unit.aws.conftest import Shop

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
async def world(shop: Shop, tmp_path: Path) -> AsyncIterator[World]:
    """A desk and a watcher whose backend is AWS behind the proxy."""
    engine = open_engine(f"sqlite:///{tmp_path}/sayso.db")
    await migrate(engine)
    database = Database(engine)
    declared, numbers = catalogue(), itertools.count(1)
    service = declared.services["shop"]
    places = {key: place.model_copy(update={"target": shop.target}) for key, place in service.environments.items()}
    declared = declared.model_copy(update={"services": {"shop": service.model_copy(update={"environments": places})}})
    made = World(database, declared, cast("Any", shop.backend), lambda: f"id{next(numbers):06d}")
    made.start_watching()
    yield made
    await made.stop_watching()
    await database.close()


async def ship(shop: Shop, world: World) -> Release:
    """Take a release through the whole pipeline."""
    release = await world.deploy("ana", "prod")
    run_id = (await world.when(release, lambda seen: seen.run_id)).run_id
    assert run_id
    for stage, steps in (("Build", ("Unit", "Style", "Package")), ("Staging", ("Deploy",))):
        for step in steps:
            shop.local.say(run_id, f"{stage}.{step}")
    await world.when_status(release, Status.WAITING)
    await world.do("ben", Verb.APPROVE, release=release.id)
    shop.local.say(run_id, "Production.Deploy")
    return await world.when(release, lambda seen: seen.status.finished)


def looks_once(shop: Shop, run_id: str) -> None:
    """See that nothing was done twice."""
    assert sorted(shop.local.began(run_id)) == sorted(
        ["Build.Unit", "Build.Style", "Build.Package", "Staging.Deploy", "Production.Deploy"]
    )


@pytest.mark.parametrize("faults", [[THROTTLED], [BROKEN, RESET, LOST]], ids=["throttling", "errors and lost answers"])
async def test_a_release_goes_right_though_half_of_all_calls_fail(
    shop: Shop, world: World, faults: list[Fault]
) -> None:
    chance = random.Random(4)
    shop.proxy.fault = lambda _: chance.choice(faults) if chance.random() < 0.5 else None
    release = await ship(shop, world)
    assert release.status is Status.SUCCEEDED, release.detail
    assert release.run_id
    looks_once(shop, release.run_id)
    assert "verb_failed" not in await world.kinds(release)
    assert len(await shop.other_side.recent(shop.local.target(), 10)) == 1


@pytest.mark.parametrize("fault", [BROKEN, RESET, EXPIRED, SKEWED], ids=["region down", "resets", "expired", "clock"])
async def test_an_outage_in_the_middle_is_said_once_and_its_end_once(shop: Shop, world: World, fault: Fault) -> None:
    release = await world.deploy("ana", "prod")
    run_id = await world.when_running(release, "Build")
    shop.proxy.fault = lambda _: fault
    away = await world.when(release, lambda seen: seen.unreachable_since)
    for step in ("Unit", "Style", "Package"):
        shop.local.say(run_id, f"Build.{step}")
    tries = len(shop.proxy.seen)
    await until(lambda: _count(shop), lambda seen: seen > tries + 2)
    still = await world.desk.release(release.id)
    assert (still.unreachable_since, still.version) == (away.unreachable_since, away.version)
    assert still.status is Status.RUNNING
    shop.proxy.fault = lambda _: None
    back = await world.when(release, lambda seen: not seen.unreachable_since)
    assert back.status is Status.RUNNING
    shop.local.say(run_id, "Staging.Deploy")
    await world.when_status(release, Status.WAITING)


@pytest.mark.parametrize("fault", [BROKEN, THROTTLED], ids=["region down", "throttled"])
async def test_an_approval_while_aws_does_not_answer_is_carried_out_once_it_does(
    shop: Shop, world: World, fault: Fault
) -> None:
    release = await world.deploy("ana", "prod")
    run_id = await world.when_running(release, "Build")
    for step in ("Build.Unit", "Build.Style", "Build.Package", "Staging.Deploy"):
        shop.local.say(run_id, step)
    await world.when_status(release, Status.WAITING)
    shop.proxy.fault = lambda _: fault
    tries = len(shop.proxy.seen)
    await world.do("ben", Verb.APPROVE, release=release.id)
    await until(lambda: _count(shop), lambda seen: seen > tries + 4)
    assert (await world.desk.release(release.id)).active
    shop.proxy.fault = lambda _: None
    shop.local.say(run_id, "Production.Deploy")
    ended = await world.when(release, lambda seen: seen.status.finished)
    assert ended.status is Status.SUCCEEDED, ended.detail
    looks_once(shop, run_id)
    kinds = await world.kinds(release)
    assert (kinds.count("gate_decided"), kinds.count("verb_failed")) == (1, 0)


async def _count(shop: Shop) -> int:
    return len(shop.proxy.seen)


async def test_a_lost_answer_to_a_start_starts_no_second_run(shop: Shop, wish: Release) -> None:
    lost = iter([LOST, LOST])
    shop.proxy.fault = lambda operation: next(lost, None) if operation == "StartPipelineExecution" else None
    run_id = await shop.backend.start(shop.target, wish)
    assert shop.proxy.seen.count("StartPipelineExecution") == 3
    assert [run.id for run in await shop.other_side.recent(shop.local.target(), 10)] == [run_id]


async def test_a_start_with_expired_credentials_says_how_to_mend_it(shop: Shop, wish: Release) -> None:
    shop.proxy.fault = lambda _: EXPIRED
    with pytest.raises(BackendError, match=r"have expired.*Renew them") as error:
        await shop.backend.start(shop.target, wish)
    assert not isinstance(error.value, BackendUnavailable)
    assert len(shop.proxy.seen) == 1


async def test_a_denial_names_the_action_and_the_resource(shop: Shop, wish: Release) -> None:
    shop.proxy.fault = lambda _: DENIED
    with pytest.raises(BackendError) as error:
        await shop.backend.start(shop.target, wish)
    assert "codepipeline:GetPipeline on arn:aws:codepipeline:eu-west-1:111122223333:shop" in str(error.value)
    assert "assumed-role/sayso/i-1" in str(error.value)


async def test_a_pipeline_that_is_not_there_is_answered_with_the_nearest_names(shop: Shop, wish: Release) -> None:
    missing = shop.target.model_copy(update={"pipeline": "shpo"})
    with pytest.raises(BackendError, match=r"no pipeline shpo in us-east-1\. Did you mean shop"):
        await shop.backend.start(missing, wish)
