"""`kill -9` at random moments of real releases: nothing is lost, nothing is told or done twice."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest

from bot.core.model import Status
from tests.crash.journey import Journey
from tests.support.programs import Programs, running, wait_for
from tests.support.small_service import EFFECTS_OF_A_RELEASE, SmallServices

SEED = int(os.environ.get("SAYSO_CRASH_SEED", "20"))
"""Another one plays other moments: SAYSO_CRASH_SEED=7 pytest -m crash."""


def travel(root: Path, kills: int, seed: int) -> None:
    with running(SmallServices(root, ("alpha", "beta"))) as programs:
        journey = Journey(programs, seed)
        try:
            journey.go(kills, a_round=4)
            journey.check()
        except BaseException:
            print(programs.log("server")[-5000:])
            raise
        finally:
            print(journey.told())


@pytest.mark.crash
def test_releases_go_on_to_the_right_end_however_often_the_server_is_killed(tmp_path: Path) -> None:
    travel(tmp_path / "small", kills=8, seed=SEED)


@pytest.mark.crash
@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_releases_survive_a_hundred_kills(tmp_path: Path, seed: int) -> None:
    travel(tmp_path / "small", kills=100, seed=seed)


def asked(programs: Programs) -> str:
    programs.say("/deploy alpha prod")
    return programs.releases(service="alpha")[0].id


def approved(programs: Programs, release_id: str) -> None:
    release = programs.release(release_id)
    assert release
    card = wait_for(lambda: programs.card(release, "sayso.approve"), "the gate is open")
    assert programs.click(card, "sayso.approve", "ben")["outcome"] == "ok"


def ended(programs: Programs, release_id: str) -> None:
    """Wait for the good end, and check that its card stands there once and everything was done once."""
    release = wait_for(lambda: programs.ended(release_id), "it ends")
    assert release.status is Status.SUCCEEDED
    wait_for(lambda: any(card["text"].startswith("Done: ") for card in programs.cards(release)), "the card says so")
    assert len(programs.cards(release)) == 1
    assert [what for what, _, _ in programs.services.effects()] == list(EFFECTS_OF_A_RELEASE)


@pytest.mark.crash
def test_a_post_whose_answer_died_with_the_server_is_not_posted_again(tmp_path: Path) -> None:
    chance = Random(SEED)
    with running(SmallServices(tmp_path / "small")) as programs:
        programs.fault("chat.postMessage", "lost")
        release_id = asked(programs)
        wait_for(
            lambda: any(call["fault"] == "lost" for call in programs.calls("chat.postMessage")), "the card is posted"
        )
        programs.kill_server()
        programs.start_server()
        approvable = programs.release(release_id)
        assert approvable
        wait_for(lambda: programs.card(approvable, "sayso.approve"), "the card is found again and edited")
        programs.fault("chat.postMessage", "lost", times=2)
        approved(programs, release_id)
        wait_for(
            lambda: len([call for call in programs.calls("chat.postMessage") if call["fault"]]) > 1, "a note is posted"
        )
        time.sleep(chance.uniform(0, 0.1))
        programs.kill_server()
        programs.start_server()
        ended(programs, release_id)
        wait_for(
            lambda: any("*Approval* is done" in one["text"] for one in programs.messages()), "the last note stands"
        )
        texts = [(one["channel"], one["text"]) for one in programs.messages()]
        assert len(set(texts)) == len(texts)


@pytest.mark.crash
def test_a_server_that_is_asked_to_leave_in_the_middle_leaves_in_good_order_and_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    with running(SmallServices(tmp_path / "small")) as programs:
        release_id = asked(programs)
        wait_for(programs.services.effects, "the build has begun")
        assert programs.end_server() == 0
        programs.start_server()
        approved(programs, release_id)
        wait_for(lambda: len(programs.services.effects()) > 3, "production's deployment has begun")
        assert programs.end_server() == 0
        programs.start_server()
        ended(programs, release_id)
        assert programs.end_server() == 0
        assert not programs.left_behind()
        assert "Traceback" not in programs.log("server")
