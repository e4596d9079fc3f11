"""The fixtures of Alexa's stand-in."""

from tests.support.alexa_world import alexa, authority, stranger, world

__all__ = ["alexa", "authority", "stranger", "world"]
