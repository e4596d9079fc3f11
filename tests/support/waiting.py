"""Waiting for a condition, with a generous deadline: this machine may be slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], object], seconds: float = 120) -> T:
    """Look until the condition holds, and give what was seen then; fails with the last look."""
    seen = await look()
    try:
        async with asyncio.timeout(seconds):
            while not holds(seen):
                await asyncio.sleep(0.02)
                seen = await look()
    except TimeoutError:
        raise AssertionError(f"It did not come to pass within {seconds} s. Last look: {seen}") from None
    return seen
