"""What an environment ran before: where a rollback leads."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.events import Deployed


def last_good(deployments: Sequence[Deployed], *, broken: bool) -> Deployed | None:
    """Give the deployment to go back to; `deployments` oldest first.

    A rollback takes back what came after its revision, so going back twice leads further back and never forward to
    what was just undone. With `broken` a later release failed in the environment: the last deployment itself is meant.
    """
    standing: list[Deployed] = []
    for deployed in deployments:
        if deployed.rollback:
            while standing and standing[-1].revision != deployed.revision:
                standing.pop()
            if standing:
                continue
        if standing and standing[-1].revision == deployed.revision:
            standing[-1] = deployed
            continue
        standing.append(deployed)
    if broken:
        return standing[-1] if standing else None
    return standing[-2] if len(standing) > 1 else None
