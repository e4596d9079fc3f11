"""Events lost, repeated, late and out of order, with the real watcher and store: the card ends as it should.

Amazon is an engine behind its endpoint over HTTP; only how its events are delivered is made up.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.core.commands import Verb
from bot.core.events import Event
from bot.core.model import Release, Status
from bot.deliver.telling import Style, Telling
from bot.slack.cards.renderer import SlackRenderer
from bot.store.messages import Purpose
from tests.support.delivered import Delays, Delivered, open_delivered

STORIES = ("all goes well", "a stage is retried", "an approval is refused")


@pytest.fixture
async def amazon(tmp_path: Path) -> AsyncIterator[Delivered]:
    async with open_delivered(tmp_path) as both:
        yield both


def scrambled(seed: int) -> Delays:
    """Lose a third of the events; of the others many are late, so that they come out of order, and some come twice."""
    chance = Random(seed)

    def delays() -> Sequence[float]:
        return [chance.choice([0.0, 0.05, 0.2, 0.6]) for _ in range(chance.choice([0, 1, 1, 2, 3, 0]))]

    return delays


async def told(amazon: Delivered, story: str, delays: Delays) -> tuple[Release, list[Event]]:
    """Play a release with this delivery; gives how it ended, and all that is written down as told of it."""
    world, amazon.post.delays = amazon.world, delays
    amazon.broken.clear()
    amazon.broken |= {"Build"} if story == STORIES[1] else set()
    release = await world.deploy("ana", "prod")
    if story == STORIES[1]:
        await world.when_status(release, Status.FAILED)
        await world.do("ana", Verb.RETRY, release=release.id)
    await world.when_status(release, Status.WAITING)
    if story == STORIES[2]:
        await world.do("ben", Verb.REJECT, release=release.id, reason="not on a Friday")
    else:
        await world.do("ben", Verb.APPROVE, release=release.id)
    ended = await world.when(release, lambda seen: not seen.active)
    await asyncio.sleep(0.05)
    return ended, [entry.event for entry in await world.told(release)]


_MOMENTS = r"<!date\^[^>]*>|\d+(\.\d+)?s\b|\d{4}-\d\d-\d\dT[\d:.]+Z"


def plain(text: str, release: Release) -> str:
    """Leave out moments, durations, and the release's own ids and number."""
    return re.sub(rf"{_MOMENTS}|{release.run_id}(\.\d+)?|shop #{release.number}\b|{release.id}", "_", text)


def seen(amazon: Delivered, release: Release, events: Sequence[Event]) -> tuple[str, Counter[str]]:
    """Draw the card, and count what was told."""
    telling = Telling(Purpose.CARD, "C0RELEASES", release, None, Style.SIMPLE)
    card = plain(str(SlackRenderer(amazon.world.catalogue).render(telling)), release)
    return card, Counter(plain(event.model_dump_json(exclude={"seconds"}), release) for event in events)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(story=st.sampled_from(STORIES), seed=st.integers(min_value=0, max_value=2**32))
async def test_the_card_ends_as_with_perfect_delivery_and_no_event_is_told_twice(
    amazon: Delivered, story: str, seed: int
) -> None:
    if story not in amazon.perfect:
        amazon.perfect[story] = seen(amazon, *await told(amazon, story, lambda: (0.0,)))
    shown, events = seen(amazon, *await told(amazon, story, scrambled(seed)))
    assert (shown, events) == amazon.perfect[story]
    assert max(events.values()) == 1
