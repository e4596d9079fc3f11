"""Keeps the tags of pipelines, also of those that are made of files."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from integrations.local import pipelines, records
from integrations.local.engine import Engine
from integrations.local.refusals import InvalidTags, TooManyTags
from integrations.local.tables import PIPELINES

MOST = 50
"""Of one resource (User Guide, "Tagging resources")."""


async def tags_of(engine: Engine, name: str) -> dict[str, str]:
    """Give a pipeline's tags by key; raises `PipelineNotFound`."""
    async with engine.database.read() as c:
        return dict((await pipelines.named(c, name)).tags)


async def change_tags(engine: Engine, name: str, put: Mapping[str, str], drop: Collection[str] = ()) -> None:
    """Add or replace tags, and remove some; raises `PipelineNotFound`, `InvalidTags`, `TooManyTags`."""
    async with engine.database.write() as c:
        row = await pipelines.named(c, name)
        await records.lock(c, row.file)
        known = (await c.execute(sa.select(PIPELINES.c.tags).where(PIPELINES.c.file == row.file))).scalar_one()
        kept = {key: value for key, value in known.items() if key not in drop}
        changed = fitting_tags({**kept, **put}, put)
        await c.execute(sa.update(PIPELINES).where(PIPELINES.c.file == row.file).values(tags=changed))


def fitting_tags(tags: Mapping[str, str], new: Collection[str]) -> dict[str, str]:
    """Check a pipeline's tags, of which some are new; raises `InvalidTags`, `TooManyTags`."""
    if own := [key for key in new if key.casefold().startswith("aws:")]:
        raise InvalidTags(f"The tag {own[0]} can't be set: keys that begin with aws: are AWS's own.")
    if len(tags) > MOST:
        raise TooManyTags(f"A pipeline has at most {MOST} tags; these would be {len(tags)}.")
    return dict(tags)
