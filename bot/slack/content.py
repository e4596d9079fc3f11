"""What a Slack message consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]
"""A Block Kit block, as JSON."""


@dataclass(frozen=True, slots=True)
class SlackContent:
    """A message: `text` for notifications and screen readers, `blocks` for everybody else."""

    text: str
    blocks: list[Block] = field(default_factory=list)
