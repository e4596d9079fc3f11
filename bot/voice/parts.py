"""What the voice desk works with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.catalogue import Catalogue
from bot.core.memos import Memo
from bot.desk import Desk
from bot.signals import Signal
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """The voice desk's surroundings."""

    database: Database
    catalogue: Catalogue
    desk: Desk
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    random: random.Random
    """Draws codes and numbers: `random.SystemRandom` where it matters."""
    changed: Signal
    """Fired when a message is to be sent; the deliverer listens."""
    chat: bool
    """Whether there is a chat to confirm in."""
    notifications: bool = False
    """Whether people may ask to be told of their releases by their Echo."""


def told(memo: Memo) -> dict[str, object]:
    """Give a memo as it is stored."""
    return memo.model_dump(mode="json")
