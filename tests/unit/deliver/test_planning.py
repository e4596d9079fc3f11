"""Which call a message needs next, and what it waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.ports import Posted
from bot.deliver.pacer import Operation
from bot.deliver.planning import PATIENCE, SETTLE, Job, plan
from bot.store.messages import Message, Purpose
from tests.support.release_looks import NOON, at

CARD = Message(
    id="card",
    release_id="r1",
    purpose=Purpose.CARD,
    destination="C1",
    event_position=0,
    desired=2,
    delivered=0,
    urgent=False,
    channel=None,
    ts=None,
    posting_since=None,
    not_before=None,
    tries=0,
    dead=None,
    created=NOON,
)
STANDING = replace(CARD, channel="C1", ts="1.1", delivered=2)
NOTE = replace(CARD, id="note", purpose=Purpose.THREAD, event_position=5, desired=1)
CALL = replace(NOTE, id="call", purpose=Purpose.DIRECT, destination="person:ana")


def jobs(*due: Message, card: Message | None = None, busy: frozenset[str] = frozenset()) -> list[Job]:
    return plan(due, {"r1": [card] if card else []}, busy, at(10)).jobs


def operations(*due: Message, card: Message | None = None) -> list[Operation]:
    return [job.wish.operation for job in jobs(*due, card=card)]


def test_each_message_gets_the_call_that_is_next() -> None:
    assert operations(CARD, card=CARD) == [Operation.POST]
    assert operations(replace(STANDING, desired=3), card=STANDING) == [Operation.EDIT]
    assert operations(replace(CARD, posting_since=NOON), card=CARD) == [Operation.FIND]
    assert operations(NOTE, card=STANDING) == [Operation.POST]
    assert operations(replace(NOTE, purpose=Purpose.FILE), card=STANDING) == [Operation.UPLOAD]
    assert operations(CALL, card=STANDING) == [Operation.OPEN]
    assert operations(replace(CALL, channel="D1"), card=STANDING) == [Operation.POST]


def test_a_note_waits_for_its_card_and_stands_below_it() -> None:
    assert jobs(NOTE, card=CARD) == []
    assert jobs(NOTE, card=STANDING)[0].thread == "1.1"


def test_a_note_without_a_card_can_never_be_sent() -> None:
    for card in (None, replace(CARD, dead="gone"), replace(STANDING, destination="C2")):
        planned = plan([NOTE], {"r1": [card] if card else []}, frozenset(), at(10))
        assert [message for message, _ in planned.moot] == [NOTE]


def test_notes_under_one_card_go_one_after_the_other() -> None:
    later = replace(NOTE, id="later", event_position=6)
    assert [job.message.id for job in jobs(NOTE, later, card=STANDING)] == ["note"]
    assert jobs(NOTE, later, card=STANDING, busy=frozenset({"note"})) == []


def test_what_one_channel_hears_of_a_release_comes_in_order_even_if_the_later_is_urgent() -> None:
    started = replace(NOTE, id="started", purpose=Purpose.NOTICE, destination="C2")
    failed = replace(started, id="failed", event_position=6, urgent=True)
    elsewhere = replace(failed, id="elsewhere", destination="C3")
    assert [job.message.id for job in jobs(failed, elsewhere, started, card=STANDING)] == ["started", "elsewhere"]
    assert [job.message.id for job in jobs(failed, started, card=STANDING, busy=frozenset({"started"}))] == []


def test_a_note_that_waits_after_a_failure_lets_the_others_pass() -> None:
    later = replace(NOTE, id="later", event_position=6)
    failed = replace(NOTE, not_before=at(60))
    planned = plan([failed, later], {"r1": [STANDING]}, frozenset(), at(10))
    assert [job.message.id for job in planned.jobs] == ["later"]
    assert planned.wake == at(60)


def test_a_direct_message_waits_for_the_card_that_it_links_to_but_not_for_ever() -> None:
    assert jobs(CALL, card=CARD) == []
    assert jobs(CALL, card=STANDING)[0].card == Posted(channel="C1", ts="1.1")
    assert jobs(CALL, card=replace(CARD, tries=PATIENCE))[0].card is None
    assert jobs(CALL, card=replace(CARD, dead="gone"))[0].card is None
    assert jobs(CALL)[0].card is None


def test_an_uncertain_post_is_looked_for_only_after_it_had_time_to_arrive() -> None:
    doubtful = replace(CARD, posting_since=at(9))
    planned = plan([doubtful], {"r1": [doubtful]}, frozenset(), at(10))
    assert planned.jobs == []
    assert planned.wake == at(9) + SETTLE
    assert plan([doubtful], {}, frozenset(), at(9) + SETTLE + timedelta(seconds=1)).jobs


def test_a_message_has_one_writer() -> None:
    assert jobs(CARD, card=CARD, busy=frozenset({"card"})) == []


def test_a_new_card_goes_before_notes_and_progress() -> None:
    assert jobs(CARD, card=CARD)[0].wish.urgent
    assert not jobs(replace(STANDING, desired=3), card=STANDING)[0].wish.urgent
    assert jobs(replace(STANDING, desired=3, urgent=True), card=STANDING)[0].wish.urgent
