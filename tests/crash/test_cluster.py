"""Two servers and three workers on one PostgreSQL: one of each is killed; all goes on and is told once."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from bot.core.model import Release, Status
from tests.support.crew import Crew, crew, new_database
from tests.support.programs import wait_for
from tests.support.small_service import EFFECTS_OF_A_RELEASE, SmallServices

NAMES = ("alpha", "beta", "gamma")


def ask(people: Crew, name: str) -> Release:
    people.say(f"/deploy {name} prod")
    return people.releases(service=name)[0]


def approve(people: Crew, release: Release) -> None:
    card = wait_for(lambda: people.card(release, "sayso.approve"), f"the gate of {release.label} is open")
    assert people.click(card, "sayso.approve", "ben")["outcome"] == "ok"


def check_told_once(people: Crew, releases: list[Release]) -> None:
    for release in releases:
        wait_for(partial(shown_done, people, release), f"one card says that {release.label} is done")
    wait_for(
        lambda: all(any("*Production* is done" in text for text in notes(people, one)) for one in releases),
        "the last note stands",
    )
    ids = Counter(one["metadata"]["event_payload"]["id"] for one in people.messages() if one.get("metadata"))
    assert max(ids.values()) == 1, f"posted twice: {ids}"
    for release in releases:
        told = notes(people, release)
        assert len(told) == len(set(told)), f"{release.label} was told twice: {told}"
        for words in ("*Build* is done", "*Staging* is done", "Ben approved"):
            assert any(words in text for text in told), f"{release.label} lacks the note {words!r}: {told}"


def shown_done(people: Crew, release: Release) -> bool:
    return [card["text"][:6] for card in people.cards(release)] == ["Done: "]


def notes(people: Crew, release: Release) -> list[str]:
    card = people.cards(release)[0]
    return [one["text"] for one in people.messages() if one.get("thread_ts") == card["ts"] and one["ts"] != card["ts"]]


@pytest.mark.crash
def test_servers_and_workers_take_over_from_each_other_and_tell_everything_once(
    tmp_path: Path, postgres_folder: str
) -> None:
    services = SmallServices(tmp_path / "small", NAMES, build_seconds=4)
    url = new_database(postgres_folder, "cluster")
    with crew(services, url, servers=2, workers=3, SAYSO_SERVE_WORKS="no") as people:
        releases = [ask(people, name) for name in NAMES]
        wait_for(lambda: len(services.effects()) == len(NAMES), "every build has begun")
        builders = sorted(name for name in people.at_work() if name.startswith("worker"))
        assert builders, "workers build, and servers don't"
        people.kill("server0")
        people.kill(builders[0])
        for release in releases:
            approve(people, release)
        ended = [wait_for(partial(people.ended, release.id), f"{release.label} ends") for release in releases]
        assert [one.status for one in ended] == [Status.SUCCEEDED] * len(NAMES), [one.detail for one in ended]
        for release in ended:
            done = [what for what, run, _ in services.effects() if run == release.run_id]
            assert done == list(EFFECTS_OF_A_RELEASE), f"{release.label} did {done}"
        check_told_once(people, ended)
        assert "Traceback" not in people.logs()
