"""Opens and closes the ways into and out of stages."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local.states import Direction, State
from integrations.local.tables import EXECUTIONS, STAGES, TRANSITIONS

LONGEST_REASON = 300
"""Characters of a closed transition's reason (API reference, "DisableStageTransition")."""


async def set_way(
    c: AsyncConnection, file: str, stage: str, direction: Direction, *, reason: str | None, by: str, now: datetime
) -> list[str]:
    """Close a way (or open it: `None`) of a locked pipeline; gives the executions that wait before some stage."""
    t, e, s = TRANSITIONS.c, EXECUTIONS.c, STAGES.c
    await c.execute(sa.delete(TRANSITIONS).where(t.file == file, t.stage == stage, t.direction == direction))
    row = {"file": file, "stage": stage, "direction": direction, "closed": reason is not None,
           "reason": (reason or "")[:LONGEST_REASON], "by": by, "at": now}  # fmt: skip
    await c.execute(sa.insert(TRANSITIONS).values(row))
    here = sa.and_(e.file == file, e.state == State.IN_PROGRESS, s.state == State.PENDING)
    query = sa.select(e.id).join(STAGES, sa.and_(s.execution == e.id, s.index == e.position)).where(here)
    return list((await c.execute(query.order_by(e.number))).scalars())
