"""Pages of releases: filters, and a cursor that stays right while new releases come in."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from pydantic import Field
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.errors import BadInput
from bot.core.model import Frozen, Release, Run, Status
from bot.core.shapes import ReleasePage
from bot.core.wording import say
from bot.store.tables import RELEASES as T


class ReleaseFilter(Frozen):
    """Which releases; every given field must fit."""

    service: str | None = None
    environment: str | None = None
    number: int | None = Field(default=None, ge=1)
    status: Status | None = None
    active: bool | None = None


async def page(c: AsyncConnection, which: ReleaseFilter, cursor: str | None, limit: int) -> ReleasePage:
    """Read one page, `limit` at most; raises `BadInput` for a cursor that is not ours."""
    query = select(T.c.id, T.c.created, T.c.body, T.c.run).order_by(T.c.created.desc(), T.c.id.desc()).limit(limit + 1)
    for name, wanted in which.model_dump(exclude_none=True, mode="json").items():
        query = query.where(T.c[name] == wanted)
    if cursor is not None:
        created, last = _read(cursor)
        query = query.where(or_(T.c.created < created, and_(T.c.created == created, T.c.id < last)))
    rows = (await c.execute(query)).all()
    return ReleasePage(
        releases=tuple(
            Release.model_validate(row.body).model_copy(
                update={"run": Run.model_validate(row.run) if row.run else None}
            )
            for row in rows[:limit]
        ),
        next_cursor=_write(rows[limit - 1].created, rows[limit - 1].id) if len(rows) > limit else None,
    )


def _write(created: datetime, last: str) -> str:
    return base64.urlsafe_b64encode(f"{created.isoformat()} {last}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created, _, last = text.partition(" ")
        return datetime.fromisoformat(created), last
    except (binascii.Error, ValueError) as error:
        raise BadInput(say("http.cursor")) from error
