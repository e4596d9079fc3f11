"""Runs that nobody asked Sayso for get a release, a card and a note of what started them; none gets two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.catalogue import Catalogue, Environment, Service
from bot.core.commands import Accepted, Offered, Verb
from bot.core.errors import BackendUnavailable, Refused
from bot.core.events import ReleaseRequested
from bot.core.model import Release, ReleaseKind, Status, Surface
from bot.deliver.subscriptions import wanted
from bot.deliver.telling import Style
from bot.signals import Signal
from bot.slack.cards.card import draw
from bot.slack.cards.notes import note
from bot.slack.cards.renderer import SlackRenderer
from bot.store import messages, releases
from bot.store.database import Database
from bot.store.messages import Purpose
from bot.store.migrate import migrate
from bot.watcher import Adopter, Watcher
from bot.watcher.adopting import pipelines
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.backend import LocalBackend
from integrations.local.triggers.deciding import Reason
from integrations.local.triggers.starting import Starter
from tests.support.desk_world import World, catalogue, now, open_world
from tests.support.local_world import LocalWorld
from tests.support.memory_backend import MemoryTarget
from tests.support.waiting import until

TARGET = MemoryTarget(pipeline="shop")


def adopter(world: World, clock: Callable[[], object] = now, **more: object) -> Adopter:
    parts = {"asked": world.asked, "changed": world.changed, "strays": Signal(), "every": 0.2, "pause": 0.05}
    return Adopter(
        world.database, world.catalogue, {"memory": world.backend}, clock=clock, new_id=world.new_id, **(parts | more),  # type: ignore[arg-type]
    )  # fmt: skip


async def look(world: World, **more: object) -> None:
    (pipeline,) = pipelines(world.catalogue)
    await adopter(world, **more).look(pipeline)  # type: ignore[arg-type]


async def all_of(world: World) -> list[Release]:
    async with world.database.read() as c:
        return list(await releases.recent(c, limit=100))


async def stray(
    world: World, token: str, words: str = "a push to main by Ada", started_by: tuple[str, ...] = ()
) -> str:
    """Start a run behind Sayso's back."""
    wish = Release(
        id=token, number=1, service="shop", environment="staging", requested_by="x", surface=Surface.HTTP,
        backend="memory", created=now(), updated=now(),
    )  # fmt: skip
    run_id = await world.backend.start(TARGET, wish)
    world.backend._executions[run_id].trigger = words
    world.backend._executions[run_id].started_by = started_by
    return run_id


async def test_a_stray_run_becomes_a_release_of_its_first_environment(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        run_id = await stray(world, "t1")
        await look(world)
        await look(world)
        (release,) = await all_of(world)
        assert (release.kind, release.surface) == (ReleaseKind.ADOPTED, Surface.BACKEND)
        assert (release.environment, release.run_id) == ("staging", run_id)
        assert release.requested_by == "a push to main by Ada"
        async with world.database.read() as c:
            assert [card.destination for card in await messages.cards(c, [release.id])] == ["C0RELEASES"]
        await world.when_running(release, "Build")
        world.backend.end(run_id, "Build", "Unit")
        await world.when_running(release, "Staging")
        world.backend.end(run_id, "Staging", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)
        kinds = await world.kinds(release)
        assert kinds[0] == "release_requested"
        assert "deployed" in kinds
        assert kinds[-1] == "release_finished"


def pushed_by_ana(declared: Catalogue | None = None) -> Catalogue:
    """Give a catalogue that knows Ana's accounts."""
    declared = declared or catalogue()
    ana = declared.people["ana"].model_copy(update={"email": "ana@example.com", "logins": ("github:Ana-R",)})
    return declared.model_copy(update={"people": {**declared.people, "ana": ana}})


async def test_whoever_pushed_may_not_approve_what_they_pushed(database: Database) -> None:
    async with open_world(database, pushed_by_ana()) as world:
        await look(world)
        run_id = await stray(world, "t1", started_by=("github:ana-r", "somebody@example.com"))
        await look(world)
        (release,) = await all_of(world)
        assert (release.requested_by, release.reason) == ("ana", "a push to main by Ada")
        await world.when_running(release, "Build")
        world.backend.end(run_id, "Build", "Unit")
        world.backend.end(run_id, "Staging", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)
        offer = await world.do("ana", Verb.DEPLOY, service="shop", environment="prod")
        assert isinstance(offer, Offered)
        assert (offer.started_by, offer.may_approve) == ("ana", False)
        said = {"service": "shop", "environment": "prod", "run_id": run_id, "gate": offer.gate}
        promoted = await world.do("ana", Verb.PROMOTE, **said)
        assert isinstance(promoted, Accepted)
        assert promoted.given == 0
        with pytest.raises(Refused, match="You asked for this release"):
            await world.do("ana", Verb.APPROVE, release=promoted.release.id)
        await world.do("ben", Verb.APPROVE, release=promoted.release.id)
        await world.when_running(promoted.release, "Production")


async def test_whoever_pushed_may_not_approve_it_even_if_the_catalogue_learns_later_who_that_was(
    database: Database,
) -> None:
    async with open_world(database) as world:
        await look(world)
        run_id = await stray(world, "t1", started_by=("ANA@example.com",))
        await look(world)
        (release,) = await all_of(world)
        await world.when_running(release, "Build")
        world.backend.end(run_id, "Build", "Unit")
        world.backend.end(run_id, "Staging", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)
        world.catalogue = pushed_by_ana()
        for person, may in (("ana", False), ("ben", True)):
            offer = await world.do(person, Verb.DEPLOY, service="shop", environment="prod")
            assert isinstance(offer, Offered)
            assert (offer.started_by, offer.may_approve) == ("ana", may)


async def test_whoever_pushed_may_not_approve_it_even_if_the_catalogue_learns_at_its_gate_who_that_was(
    database: Database,
) -> None:
    declared = catalogue(approvers=frozenset({"ana", "ben"}))
    async with open_world(database, declared) as world:
        await look(world)
        run_id = await stray(world, "t1", started_by=("github:ana-r",))
        await look(world)
        (release,) = await all_of(world)
        await world.when_running(release, "Build")
        world.backend.end(run_id, "Build", "Unit")
        world.backend.end(run_id, "Staging", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)
        offer = await world.do("chi", Verb.DEPLOY, service="shop", environment="prod")
        assert isinstance(offer, Offered)
        said = {"service": "shop", "environment": "prod", "run_id": run_id, "gate": offer.gate}
        promoted = await world.do("chi", Verb.PROMOTE, **said)
        assert isinstance(promoted, Accepted)
        assert SlackRenderer(world.catalogue).scene(promoted.release).approvers == "Ana or Ben"
        world.catalogue = pushed_by_ana(declared)
        assert SlackRenderer(world.catalogue).scene(promoted.release).approvers == "Ben"
        with pytest.raises(Refused, match="You asked for this release"):
            await world.do("ana", Verb.APPROVE, release=promoted.release.id)
        await world.do("ben", Verb.APPROVE, release=promoted.release.id)


async def test_a_push_by_nobody_of_the_catalogue_says_so_on_its_card(database: Database) -> None:
    async with open_world(database, pushed_by_ana()) as world:
        await look(world)
        await stray(world, "t1", "a push to main by mallory", ("github:mallory",))
        await look(world)
        (release,) = await all_of(world)
        scene = SlackRenderer(world.catalogue).scene(release)
        said = "a push to main by mallory (unverified: github:mallory is nobody in the catalogue)"
        assert f"started by *{said}*" in str(draw(scene, Style.RICH).blocks)
        assert release.behind == {said}


async def test_prod_is_offered_the_run_that_was_adopted(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        run_id = await stray(world, "t1")
        await look(world)
        (release,) = await all_of(world)
        world.backend.end(run_id, "Build", "Unit")
        world.backend.end(run_id, "Staging", "Deploy")
        await world.when_status(release, Status.SUCCEEDED)
        answer = await world.do("ana", Verb.DEPLOY, service="shop", environment="prod")
        assert isinstance(answer, Offered)
        assert (answer.run_id, answer.started_by) == (run_id, "a push to main by Ada")


async def test_the_card_and_its_thread_say_what_started_it(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        await stray(world, "t1")
        await look(world)
        (release,) = await all_of(world)
        scene = SlackRenderer(world.catalogue).scene(release)
        assert "started by *a push to main by Ada*" in str(draw(scene, Style.RICH).blocks)
        (requested,) = [e.event for e in await world.told(release) if isinstance(e.event, ReleaseRequested)]
        told = note(scene, requested)
        assert told is not None
        assert "a push to main by Ada" in told.text
        purposes = [each.purpose for each in wanted(requested, release, world.catalogue, ["C0RELEASES"])]
        assert purposes == [Purpose.THREAD]


async def test_runs_from_before_the_first_sight_are_left_alone(database: Database) -> None:
    async with open_world(database) as world:
        await stray(world, "old")
        await asyncio.sleep(0.01)
        await look(world)
        await look(world)
        assert not await all_of(world)


async def test_a_run_that_chat_started_is_never_adopted(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        release = await world.deploy("ana", "staging")
        for _ in range(20):
            await look(world)
            await asyncio.sleep(0.01)
        await world.when_running(release, "Build")
        await look(world)
        assert [each.id for each in await all_of(world)] == [release.id]


async def test_between_start_and_its_record_nothing_is_adopted(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        await world.stop_watching()
        release = await world.deploy("ana", "prod")  # written down, and nobody carries it out
        run_id = await world.backend.start(TARGET, release)  # the server died right behind this
        await look(world)
        assert [each.id for each in await all_of(world)] == [release.id]
        world.start_watching()
        await world.when(release, lambda seen: seen.run_id == run_id)
        await look(world)
        assert [each.id for each in await all_of(world)] == [release.id]


async def test_it_waits_while_another_release_is_active_there(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        mine = await world.deploy("ana", "staging")
        mine_run = await world.when_running(mine, "Build")
        other = await stray(world, "t1")
        await look(world)
        assert len(await all_of(world)) == 1
        world.backend.end(mine_run, "Build", "Unit")
        await world.when_running(mine, "Staging")
        world.backend.end(mine_run, "Staging", "Deploy")
        await world.when_status(mine, Status.SUCCEEDED)
        await look(world)
        newest, _ = await all_of(world)
        assert (newest.kind, newest.run_id, newest.active) == (ReleaseKind.ADOPTED, other, True)


async def test_a_run_that_ended_meanwhile_is_recorded_as_it_ended(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        run_id = await stray(world, "t1")
        world.backend.end(run_id, "Build", "Unit", ok=False, detail="two tests failed")
        busy = await world.deploy("ana", "staging")
        await world.when_running(busy, "Build")
        await look(world)
        adopted = next(each for each in await all_of(world) if each.kind is ReleaseKind.ADOPTED)
        assert (adopted.status, adopted.active, adopted.run_id) == (Status.FAILED, False, run_id)
        assert "release_finished" in await world.kinds(adopted)
        later = now() + timedelta(days=2)
        await look(world, clock=lambda: later)
        assert len(await all_of(world)) == 2


async def test_what_was_superseded_unseen_or_is_long_over_gets_no_card(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        first = await stray(world, "t1")
        await stray(world, "t2")
        await stray(world, "t3")  # both wait behind the first, and the second is overtaken
        world.backend.end(first, "Build", "Unit", ok=False)
        later = now() + timedelta(days=2)
        await look(world, clock=lambda: later)
        statuses = {each.status for each in await all_of(world)}
        assert Status.SUPERSEDED not in statuses
        assert first not in {each.run_id for each in await all_of(world)}


async def test_two_servers_at_once_adopt_it_once(database: Database) -> None:
    async with open_world(database) as world:
        await look(world)
        run_id = await stray(world, "t1")
        world.backend.end(run_id, "Build", "Unit", ok=False)
        await asyncio.gather(*(look(world) for _ in range(4)))
        assert len(await all_of(world)) == 1


async def test_a_nudge_brings_it_at_once_and_trouble_passes(database: Database) -> None:
    async with open_world(database) as world:
        await world.stop_watching()
        strays = Signal()
        watcher = Watcher(
            world.database, world.catalogue, {"memory": world.backend}, clock=now, asked=world.asked,
            changed=world.changed, strays=strays, poll=0.2,
        )  # fmt: skip
        adopting = adopter(world, strays=strays, every=600.0)
        await look(world)
        world.backend.failing.append(BackendUnavailable("It rests."))
        tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(adopting.run())]
        try:
            await until(lambda: _value(world.backend.failing), lambda left: not left)
            await stray(world, "t1")
            found = await until(lambda: all_of(world), bool)
            assert found[0].kind is ReleaseKind.ADOPTED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _value(value: list[Exception]) -> list[Exception]:
    return value


@asynccontextmanager
async def local(tmp_path: Path, database: Database) -> AsyncIterator[tuple[LocalWorld, LocalBackend, Catalogue]]:
    numbers = iter(range(1, 10_000))
    backend = LocalBackend(database, tmp_path / "data", now, lambda: f"{next(numbers):08}")
    await backend.open()
    files = LocalWorld(tmp_path / "world")
    places = {
        key: Environment(key=key, title=key, backend="local", stage=stage, target=files.target())
        for key, stage in (("prod", "Production"), ("staging", "Staging"))
    }
    shop = Service(key="shop", title="Shop", channel="releases", environments=places)
    declared = catalogue().model_copy(update={"services": {"shop": shop}})
    try:
        yield files, backend, declared
    finally:
        await backend.close(kill=True)


async def test_a_triggered_run_of_this_machine_gets_its_card(tmp_path: Path, database: Database) -> None:
    await migrate(database.engine, MIGRATIONS, VERSION_TABLE)
    async with local(tmp_path, database) as (files, backend, declared):
        asked, changed, strays = Signal(), Signal(), Signal()
        numbers = iter(range(1, 10_000))
        parts = {"clock": now, "asked": asked, "changed": changed, "strays": strays}
        watcher = Watcher(database, declared, {"local": backend}, poll=0.5, **parts)  # type: ignore[arg-type]
        adopting = Adopter(
            database, declared, {"local": backend}, new_id=lambda: f"id{next(numbers):06}",
            every=600, pause=0.05, **parts,  # type: ignore[arg-type]
        )  # fmt: skip
        (pipeline,) = pipelines(declared)
        await adopting.look(pipeline)
        tasks = [asyncio.create_task(watcher.run()), asyncio.create_task(adopting.run())]
        try:
            starter, target = Starter(backend.engine), files.target()
            run_id = await starter.start_now(target, "hook-1", Reason("WebhookV2", "a push to main by Ada"))

            async def found() -> list[Release]:
                async with database.read() as c:
                    return list(await releases.recent(c))

            (release,) = await until(found, bool)
            assert (release.run_id, release.environment) == (run_id, "staging")
            assert release.requested_by == "a push to main by Ada"
            for step in ("Build.Unit", "Build.Style", "Build.Package", "Staging.Deploy"):
                await until(lambda step=step: _began(files, run_id, step), bool)  # type: ignore[misc]
                files.say(run_id, step)
            (done,) = await until(found, lambda all_: all_[0].status.finished)
            assert done.status is Status.SUCCEEDED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _began(files: LocalWorld, run_id: str, step: str) -> bool:
    return step in files.began(run_id)
