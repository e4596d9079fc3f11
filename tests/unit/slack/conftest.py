"""A fresh workspace with the bot in it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.unit.slack.office import Office, open_office


@pytest.fixture
def office() -> Iterator[Office]:
    with ExitStack() as stack:
        yield open_office(stack)
