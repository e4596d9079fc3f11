"""Events dropped, repeated, late or out of order: the run ends as with perfect delivery, and nothing is told twice."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.changes import changes, merge
from bot.core.events import Event
from bot.core.model import Run
from integrations.aws.events.hearing import Hearing
from tests.support.histories import History


def followed(looks: list[Run], deliveries: list[tuple[float, int]]) -> tuple[Run, list[Event]]:
    """Hear events (moment, number of the change that each tells of); look when nudged, and once at the very end."""
    known, told = looks[0], list(changes(None, looks[0]))
    nudged: list[str] = []

    hearing = Hearing(lambda run_id, _: nudged.append(run_id), lambda _: None, frozenset({"shop"}), lambda: 0.0)
    for moment, number in sorted(deliveries):
        detail = {"pipeline": "shop", "execution-id": "r1", "state": "STARTED"}
        hearing.hear(json.dumps({"id": f"e{number}", "detail-type": "CodePipeline", "detail": detail}))
        if nudged:
            nudged.clear()
            known, told = looked(known, looks[min(int(moment), len(looks) - 1)], told)
    return looked(known, looks[-1], told)


def looked(known: Run, look: Run, told: list[Event]) -> tuple[Run, list[Event]]:
    after = merge(known, look)
    return after, [*told, *changes(known, after)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=2**64))
def test_scrambled_delivery_ends_as_perfect_delivery_and_tells_nothing_twice(seed: int) -> None:
    chance = Random(seed)
    looks = History(chance).looks
    perfect = [(float(number), number) for number in range(len(looks))]
    scrambled = [
        (number + chance.uniform(0, 20), number)
        for number in range(len(looks))
        for _ in range(chance.choice([0, 1, 1, 2, 3]))
    ]
    right, _ = followed(looks, perfect)
    ended, told = followed(looks, scrambled)
    assert ended == right == looks[-1]
    assert max(Counter(event.model_dump_json() for event in told).values(), default=1) == 1
