"""A playground without a bot, for tests that only call its Web API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .serving import Town, town


@pytest.fixture
def place() -> Iterator[Town]:
    with town() as one:
        yield one
