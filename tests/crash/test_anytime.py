"""`kill -9` at any moment of releases that have every kind of action."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.crash.anytime import Anytime
from tests.support import every_kind
from tests.support.crew import Crew, crew, new_database
from tests.support.programs import running

SEED = int(os.environ.get("SAYSO_CRASH_SEED", "20"))


class Anyone:
    """Kills one of the servers and workers, and starts it again."""

    def __init__(self, people: Crew, seed: int) -> None:
        self._people, self._chance = people, Random(seed)

    def __call__(self) -> str:
        name = self._chance.choice(sorted(self._people.members))
        self._people.kill(name)
        if name.startswith("worker"):
            self._people.begin_worker(name)
            self._people.wait_for_worker(name)
        else:
            number = int(name.removeprefix("server"))
            self._people.begin_server(number)
            self._people.wait_for_server(number)
        return name


def travel_in_company(root: Path, postgres: str, kills: int, seed: int) -> None:
    with every_kind.objects() as objects:
        services = every_kind.services(root, ("alpha", "beta", "gamma"), objects.url)
        url = new_database(postgres, f"anytime{seed}")
        with crew(services, url, servers=2, workers=3, SAYSO_SERVE_WORKS="no", **every_kind.KEYS) as people:
            journey = Anytime(people, seed, objects, Anyone(people, seed))
            try:
                journey.go(kills)
                journey.check()
            finally:
                print(journey.told())


def travel(root: Path, kills: int, seed: int) -> None:
    with every_kind.objects() as objects:
        services = every_kind.services(root, ("alpha", "beta"), objects.url)
        with running(services, **every_kind.KEYS) as programs:
            journey = Anytime(programs, seed, objects)
            try:
                journey.go(kills)
                journey.check()
            except BaseException:
                print(programs.log("server")[-5000:])
                raise
            finally:
                print(journey.told())


@pytest.mark.crash
def test_every_kind_of_action_is_done_once_whenever_the_server_is_killed(tmp_path: Path) -> None:
    travel(tmp_path / "small", kills=3, seed=SEED)


@pytest.mark.crash
@pytest.mark.soak
def test_every_kind_of_action_survives_a_hundred_kills(tmp_path: Path) -> None:
    travel(tmp_path / "small", kills=100, seed=SEED)


@pytest.mark.crash
@pytest.mark.soak
def test_servers_and_workers_may_be_killed_one_after_the_other(tmp_path: Path, postgres_folder: str) -> None:
    travel_in_company(tmp_path / "small", postgres_folder, kills=30, seed=SEED)
