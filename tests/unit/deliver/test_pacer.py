"""The pacer never asks too much of the chat, serves urgent messages first, and lets nobody starve."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deliver.pacer import WINDOW, Operation, Pacer, Wish
from bot.slack.sender import LIMITS


def edit(message: str, *, urgent: bool = False) -> Wish:
    return Wish(message, Operation.EDIT, "C1", urgent)


def most_in_a_minute(times: list[float]) -> int:
    return max((sum(start <= time < start + 60 for time in times) for start in times), default=0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.integers(0, 120), st.booleans()),
        min_size=1,
        max_size=80,
    )
)
def test_no_sixty_seconds_ever_hold_more_than_fifty_updates(rounds: list[tuple[float, int, bool]]) -> None:
    pacer, now, sent = Pacer(LIMITS), 1000.0, []
    for pause, messages, urgent in rounds:
        now += pause
        granted, _ = pacer.take([edit(f"m{n}", urgent=urgent and n % 2 == 0) for n in range(messages)], now)
        sent += [now] * len(granted)
    assert most_in_a_minute(sent) <= 50


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 8), st.integers(0, 3)), min_size=1, max_size=120))
def test_a_channel_gets_about_one_post_a_second(rounds: list[tuple[float, int, int]]) -> None:
    pacer, now = Pacer(LIMITS), 0.0
    sent: dict[str, list[float]] = {}
    for pause, messages, channel in rounds:
        now += pause
        place = f"C{channel}"
        granted, _ = pacer.take([Wish(f"p{n}", Operation.POST, place) for n in range(messages)], now)
        sent.setdefault(place, []).extend([now] * len(granted))
    for times in sent.values():
        for start in times:
            for seconds in (1, 5, 20):
                assert sum(start <= time <= start + seconds for time in times) <= seconds + LIMITS.post_burst


def simulate(pacer: Pacer, wishes: list[Wish], seconds: float) -> list[tuple[float, Wish]]:
    """Let every wish come back as soon as it was granted, for so long; sleep exactly as the pacer says."""
    now, sent = 0.0, []
    while now < seconds:
        granted, wait = pacer.take(wishes, now)
        sent += [(now, wish) for wish in granted]
        assert granted or wait is not None
        now += wait if wait is not None else 0.05
    return sent


def test_a_hundred_live_cards_share_the_updates_evenly() -> None:
    sent = simulate(Pacer(LIMITS), [edit(f"m{n}") for n in range(100)], 900)
    counts = [sum(wish.message == f"m{n}" for _, wish in sent) for n in range(100)]
    assert max(counts) - min(counts) <= 1
    assert len(sent) / 15 >= 30, "at least thirty a minute are used"
    times = [time for time, _ in sent]
    assert most_in_a_minute(times) <= 50 - LIMITS.operations[Operation.EDIT].reserved
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 5, "it is never silent for long"


def test_one_card_alone_is_edited_every_one_and_a_half_seconds_at_most() -> None:
    times = [time for time, _ in simulate(Pacer(LIMITS), [edit("m")], 20)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 1.5
    assert max(gaps) < 3


def test_changes_that_are_two_seconds_apart_never_wait() -> None:
    pacer = Pacer(LIMITS)
    assert all(pacer.take([edit(f"m{n % 5}")], 2.0 * n)[0] for n in range(200))


def test_the_first_edit_after_quiet_goes_at_once() -> None:
    pacer = Pacer(LIMITS)
    assert pacer.take([edit("m")], 5.0)[0] == [edit("m")]
    assert pacer.take([edit("m")], 8.0)[0] == [edit("m")]
    assert pacer.take([edit("other")], 8.1)[0] == [edit("other")]


def test_urgent_messages_go_first_and_have_updates_kept_for_them() -> None:
    pacer, wishes = Pacer(LIMITS), [edit(f"m{n}") for n in range(60)]
    now = 0.0
    while now < 59:
        _, wait = pacer.take(wishes, now)
        now += wait or 0.1
    final = [edit(f"final{n}", urgent=True) for n in range(LIMITS.operations[Operation.EDIT].reserved)]
    granted, _ = pacer.take([*wishes, *final], 59.5)
    assert granted[: len(final)] == final


def test_an_urgent_edit_does_not_wait_for_the_messages_own_pause() -> None:
    pacer = Pacer(LIMITS)
    pacer.take([edit("m")], 0.0)
    assert pacer.take([edit("m")], 0.1)[0] == []
    assert pacer.take([edit("m", urgent=True)], 0.2)[0]


def test_retry_after_closes_exactly_what_it_was_given_for() -> None:
    pacer = Pacer(LIMITS)
    pacer.close(Operation.EDIT, "C1", 30.0)
    pacer.close(Operation.POST, "C1", 10.0)
    others = [Wish("a", Operation.POST, "C2"), Wish("b", Operation.FIND, "C1")]
    closed = [edit("m", urgent=True), Wish("c", Operation.POST, "C1")]
    granted, wait = pacer.take([*closed, *others], 1.0)
    assert granted == others
    assert wait == 9.0
    assert pacer.take(closed, 10.0) == ([closed[1]], 20.0)
    assert pacer.take([closed[0]], 30.0)[0] == [closed[0]]


def test_what_was_given_back_can_be_used_again() -> None:
    pacer = Pacer(LIMITS)
    for n in range(50):
        pacer.take([edit(f"m{n}", urgent=True)], 0.0)
    assert pacer.take([edit("last", urgent=True)], 0.0) == ([], WINDOW)
    pacer.give_back(edit("m3", urgent=True))
    assert pacer.take([edit("last", urgent=True)], 0.0)[0]
