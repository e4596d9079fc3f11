"""Leases of several servers on one PostgreSQL: one holder at a time, by the database's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bot.signals import Signal
from bot.store.database import Database, open_engine
from bot.store.leases import SharedLeases, awake
from bot.store.migrate import migrate
from bot.watcher.echo import Echo
from tests.support.waiting import until

LONG = 3600.0


@pytest.fixture
async def postgres(fresh_postgres: str) -> AsyncIterator[Database]:
    engine = open_engine(fresh_postgres)
    await migrate(engine)
    yield Database(engine)
    await engine.dispose()


async def run_out(database: Database, owner: str) -> None:
    async with database.write() as c:
        late = text("UPDATE leases SET expires = clock_timestamp() - interval '1 ms' WHERE owner = :owner")
        await c.execute(late, {"owner": owner})


async def test_a_name_has_one_holder(postgres: Database) -> None:
    one, other = (SharedLeases(postgres, owner, seconds=LONG) for owner in ("one", "other"))
    taken = await asyncio.gather(*(each.claim([f"watch {n}" for n in range(50)]) for each in (one, other)))
    assert sorted(taken[0] | taken[1]) == sorted(f"watch {n}" for n in range(50))
    assert not taken[0] & taken[1]
    assert all(one.held(name) and not other.held(name) for name in taken[0])


async def test_what_is_given_back_is_free_at_once(postgres: Database) -> None:
    one, other = (SharedLeases(postgres, owner, seconds=LONG) for owner in ("one", "other"))
    assert await one.claim({"deliver", "watch 1"}) == {"deliver", "watch 1"}
    assert await other.claim({"deliver"}) == set()
    await one.release("deliver")
    assert not one.held("deliver")
    assert await other.claim({"deliver", "watch 1"}) == {"deliver"}
    await one.leave()
    assert await other.claim({"watch 1"}) == {"watch 1"}


async def test_a_silent_holder_loses_its_names_and_does_not_get_them_back_by_renewing(postgres: Database) -> None:
    one, other = (SharedLeases(postgres, owner, seconds=LONG) for owner in ("one", "other"))
    await one.claim({"watch 1", "watch 2"})
    await run_out(postgres, "one")
    assert await other.claim({"watch 1"}) == {"watch 1"}
    await one._renew()
    assert not one.held("watch 1")
    assert one.held("watch 2"), "nobody has taken it meanwhile"
    assert await other.claim({"watch 2"}) == set()


async def test_a_holder_that_was_stopped_knows_without_asking_that_its_time_is_over(postgres: Database) -> None:
    moment = 1000.0
    lease = SharedLeases(postgres, "one", seconds=10, moment=lambda: moment)
    await lease.claim({"deliver"})
    moment += 9.9
    assert lease.held("deliver")
    moment += 0.2
    assert not lease.held("deliver")
    assert await lease.claim({"deliver"}) == {"deliver"}, "nobody else wanted it"


async def test_a_living_holder_keeps_its_names_by_itself(postgres: Database) -> None:
    one, other = (SharedLeases(postgres, owner, seconds=6) for owner in ("one", "other"))
    await one.claim({"deliver"})
    keeping = asyncio.create_task(one.keep())
    end = awake() + 7
    try:
        while awake() < end:
            assert await other.claim({"deliver"}) == set() or not one.held("deliver")
            await asyncio.sleep(0.05)
        assert one.held("deliver")
    finally:
        keeping.cancel()
    assert await until(lambda: other.claim({"deliver"}), lambda taken: taken) == {"deliver"}
    assert not one.held("deliver")


async def test_an_echo_tells_what_another_server_wrote(postgres: Database) -> None:
    asked, changed = Signal(), Signal()
    echo = Echo(postgres, asked=asked, changed=changed, every=0.1)
    await echo.look()
    with asked.listen() as wishes, changed.listen() as news:
        async with postgres.write() as c:
            await c.execute(
                text(
                    "INSERT INTO releases (id, service, environment, number, active, status, backend, run_open,"
                    " version, created, body) "
                    "VALUES ('r1', 'shop', 'prod', 1, true, 'running', 'local', false, 1, now(), '{}')"
                )
            )
            await c.execute(
                text("INSERT INTO intents (release_id, verb, arguments, created) VALUES ('r1', 'start', '{}', now())")
            )
        await echo.look()
        assert await wishes.wait(0) == {"r1"}
        assert await news.wait(0) == {"r1"}
        await echo.look()
        assert not await wishes.wait(0)
        assert not await news.wait(0)
        async with postgres.write() as c:
            await c.execute(text("UPDATE releases SET active = false, version = 2"))
        await echo.look()
        assert await news.wait(0) == {"r1"}, "that it has ended is news, too"
