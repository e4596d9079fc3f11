"""The fixtures of Alexa's stand-in."""

import pytest

from skills.release_desk import chains
from tests.support.alexa_world import alexa, authority, stranger, world


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the store of certificates a minute: this machine may be slow."""
    monkeypatch.setattr(chains, "SECONDS", 60.0)


__all__ = ["alexa", "authority", "stranger", "world"]
