"""What a manual approval says to the person who is asked."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integrations.local.tables import ACTIONS, EXECUTIONS
from integrations.specs.pipeline import ActionDeclaration
from integrations.specs.variables import resolve


async def gate_text(c: AsyncConnection, execution_id: str, action_id: str) -> dict[str, str]:
    """Give an approval's configuration, variables put in; one without a value stays as written.

    A release must not fail for the sake of a word in its question, so an unresolved variable is shown, not an error.
    """
    query = sa.select(ACTIONS.c.declaration, EXECUTIONS.c.variables).join_from(
        ACTIONS, EXECUTIONS, ACTIONS.c.execution == EXECUTIONS.c.id
    )
    row = (await c.execute(query.where(ACTIONS.c.id == action_id, EXECUTIONS.c.id == execution_id))).one()
    declaration = ActionDeclaration.model_validate(row.declaration)
    return resolve(declaration.configuration, row.variables)[0]


def message_and_link(configuration: Mapping[str, str]) -> tuple[str, str | None]:
    """Give what an approval asks (CustomData), and where to look (ExternalEntityLink), if that is a web address."""
    link = configuration.get("ExternalEntityLink")
    return configuration.get("CustomData", ""), link if link and link.startswith(("https://", "http://")) else None
