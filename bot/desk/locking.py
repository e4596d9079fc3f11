"""Wrong tries in a row: counted by person, and after too many of them a lock that is announced."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalogue import Catalogue
from bot.core.errors import Refused
from bot.core.memos import LockNotice
from bot.core.voice import LOCK_SECONDS, MOST_WRONG
from bot.core.wording import say
from bot.store import messages, voices
from bot.store.messages import Purpose
from bot.store.voices import Tries

What = Literal["code", "factor"]
"""What was wrong: a pairing code, or a second factor (a number, a PIN)."""


async def locked_until(c: AsyncConnection, person: str, what: What, now: datetime) -> datetime | None:
    """Give the end of a person's lock; None if there is none."""
    until = (await voices.tries(c, person, what)).locked_until
    return until if until and until > now else None


def refusal(what: What, until: datetime, now: datetime) -> Refused:
    """Say that it is locked, and for how long."""
    minutes = math.ceil((until - now).total_seconds() / 60)
    return Refused("voice", say(f"voice.locked.{what}", n=minutes))


async def wrong(
    c: AsyncConnection,
    person: str,
    what: What,
    now: datetime,
    *,
    catalogue: Catalogue,
    new_id: Callable[[], str],
    channel: str | None = None,
) -> datetime | None:
    """Count a wrong try. The fifth in a row locks, which the person and a channel are told; gives the lock's end."""
    count = (await voices.tries(c, person, what, lock=True)).wrong + 1
    if count < MOST_WRONG:
        await voices.set_tries(c, person, what, Tries(count))
        return None
    until = now + timedelta(seconds=LOCK_SECONDS)
    await voices.set_tries(c, person, what, Tries(0, until))
    notice = LockNotice(person=person, name=catalogue.name_of(person), what=what, tries=count, until=until)
    subject = new_id()
    own = catalogue.people.get(person)
    for destination in [f"person:{person}" if own and own.slack else None, channel]:
        if destination:
            await messages.add(
                c,
                message_id=new_id(),
                release_id=subject,
                purpose=Purpose.MEMO,
                destination=destination,
                event_position=0,
                urgent=True,
                body=notice.model_dump(mode="json"),
                now=now,
            )
    return until


async def right(c: AsyncConnection, person: str, what: What) -> None:
    """Begin to count anew."""
    await voices.tries(c, person, what, lock=True)
    await voices.set_tries(c, person, what, Tries())
