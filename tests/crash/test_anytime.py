"""`kill -9` at any moment of releases that have every kind of action."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.anytime import Anytime
from tests.support import every_kind
from tests.support.programs import running

SEED = int(os.environ.get("SAYSO_CRASH_SEED", "20"))


def travel(root: Path, kills: int, seed: int) -> str:
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
            return journey.told()


@pytest.mark.crash
def test_every_kind_of_action_is_done_once_whenever_the_server_is_killed(tmp_path: Path) -> None:
    travel(tmp_path / "small", kills=3, seed=SEED)


@pytest.mark.crash
@pytest.mark.soak
def test_every_kind_of_action_survives_a_hundred_kills(tmp_path: Path) -> None:
    travel(tmp_path / "small", kills=100, seed=SEED)
