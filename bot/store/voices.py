"""Whose voice is whose: pairings, the codes that make them, and how often somebody was wrong. Ids are hashes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.commands import Paired
from bot.store.tables import PAIRING_CODES, VOICE_KEY, VOICES, WRONG_TRIES


@dataclass(frozen=True, slots=True)
class Identity:
    """A voice as it is stored."""

    voice: str
    account: str
    whole_account: bool
    locale: str


@dataclass(frozen=True, slots=True)
class Tries:
    """How often in a row somebody was wrong."""

    wrong: int = 0
    locked_until: datetime | None = None


async def key(c: AsyncConnection, fresh: str | None = None) -> bytes | None:
    """Give this database's key for hashing; if it has none yet, `fresh` (64 hex digits) becomes it."""
    if fresh:
        await c.execute(_insert(c)(VOICE_KEY).values(id=1, key=fresh).on_conflict_do_nothing())
    found = await c.scalar(select(VOICE_KEY.c.key))
    return bytes.fromhex(found) if found else None


def hashed(key: bytes, *parts: str) -> str:
    """Hash an id, so that whoever sees the rows can't tell whose it is at Amazon."""
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


async def add(c: AsyncConnection, who: Identity, person: str, now: datetime) -> Paired:
    """Bind a voice to a person, whomever it belonged to before."""
    await c.execute(delete(VOICES).where(VOICES.c.voice == who.voice))
    row = {
        "voice": who.voice,
        "account": who.account,
        "whole_account": who.whole_account,
        "locale": who.locale,
        "person": person,
        "since": now,
    }
    await c.execute(insert(VOICES).values(row))
    return _paired({**row, "address": None})


async def find(c: AsyncConnection, voice: str) -> Paired | None:
    """Find whose voice this is."""
    row = (await c.execute(select(VOICES).where(VOICES.c.voice == voice))).mappings().first()
    return _paired(row) if row else None


async def of_person(c: AsyncConnection, person: str) -> Sequence[Paired]:
    """List a person's voices, oldest first."""
    rows = await c.execute(select(VOICES).where(VOICES.c.person == person).order_by(VOICES.c.since))
    return [_paired(row) for row in rows.mappings()]


async def remove(c: AsyncConnection, *, person: str | None = None, account: str | None = None) -> Sequence[Paired]:
    """Unbind all voices of a person or of an account, and the codes that would bind them again; give which."""
    assert person or account
    own = VOICES.c.person == person if person else VOICES.c.account == account
    found = [_paired(row) for row in (await c.execute(select(VOICES).where(own))).mappings()]
    await c.execute(delete(VOICES).where(own))
    codes = PAIRING_CODES.c.used_by == person if person else PAIRING_CODES.c.account == account
    await c.execute(delete(PAIRING_CODES).where(codes))
    return found


async def notify(c: AsyncConnection, *, voice: str | None, account: str, address: str | None) -> int:
    """Keep or drop the address of a voice, or of all of an account; give how many there were."""
    own = VOICES.c.voice == voice if voice else VOICES.c.account == account
    return (await c.execute(update(VOICES).where(own).values(address=address))).rowcount


async def no_address(c: AsyncConnection, address: str) -> None:
    """Drop an address that takes nothing any more."""
    await c.execute(update(VOICES).where(VOICES.c.address == address).values(address=None))


async def addresses(c: AsyncConnection, person: str) -> Sequence[tuple[str, str]]:
    """List where a person wants to be notified: the account's address and the locale, each address once."""
    rows = await c.execute(
        select(VOICES.c.address, VOICES.c.locale)
        .where(VOICES.c.person == person, VOICES.c.address.is_not(None))
        .order_by(VOICES.c.since)
    )
    return list({row.address: (row.address, row.locale) for row in rows}.values())


async def add_code(c: AsyncConnection, code: str, who: Identity, expires: datetime, now: datetime) -> bool:
    """Keep a code (hashed) for a voice in place of its earlier one; False if that code is another's just now."""
    past = or_(PAIRING_CODES.c.voice == who.voice, PAIRING_CODES.c.expires <= now)
    await c.execute(delete(PAIRING_CODES).where(past))
    make = _insert(c)(PAIRING_CODES).values(
        code=code,
        voice=who.voice,
        account=who.account,
        whole_account=who.whole_account,
        locale=who.locale,
        expires=expires,
    )
    return bool((await c.execute(make.on_conflict_do_nothing())).rowcount)


async def use_code(c: AsyncConnection, code: str, person: str, now: datetime) -> tuple[Identity, bool] | None:
    """Use up a code; gives whose voice it was made for, and whether this person has used it before.

    None: there is no such code, it has expired, or somebody else used it.
    """
    found = select(PAIRING_CODES).where(PAIRING_CODES.c.code == code, PAIRING_CODES.c.expires > now).with_for_update()
    row = (await c.execute(found)).first()
    if row is None or row.used_by not in (None, person):
        return None
    await c.execute(update(PAIRING_CODES).where(PAIRING_CODES.c.code == code).values(used_by=person))
    who = Identity(voice=row.voice, account=row.account, whole_account=row.whole_account, locale=row.locale)
    return who, row.used_by is not None


async def tries(c: AsyncConnection, person: str, what: str, *, lock: bool = False) -> Tries:
    """Read how often in a row a person was wrong with `what` (`code` or `factor`); with `lock` one try at a time."""
    if lock:  # there must be a row to lock
        await c.execute(_insert(c)(WRONG_TRIES).values(person=person, what=what, wrong=0).on_conflict_do_nothing())
    query = select(WRONG_TRIES).where(WRONG_TRIES.c.person == person, WRONG_TRIES.c.what == what)
    row = (await c.execute(query.with_for_update() if lock else query)).first()
    return Tries(row.wrong, row.locked_until) if row else Tries()


async def set_tries(c: AsyncConnection, person: str, what: str, now: Tries) -> None:
    """Keep it; call it after `tries` with `lock`."""
    own = update(WRONG_TRIES).where(WRONG_TRIES.c.person == person, WRONG_TRIES.c.what == what)
    await c.execute(own.values(wrong=now.wrong, locked_until=now.locked_until))


def _insert(c: AsyncConnection) -> Any:
    return postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert


def _paired(row: Any) -> Paired:
    return Paired(
        person=row["person"],
        whole_account=row["whole_account"],
        locale=row["locale"],
        since=row["since"],
        notify=row["address"] is not None,
    )
