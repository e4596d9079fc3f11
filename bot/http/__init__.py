"""The HTTP server: API, health, and the doors of the surfaces."""

from bot.http.api import create_api
from bot.http.health import Check
from bot.http.stream import Rhythm
from bot.http.tokens import Tokens

__all__ = ["Check", "Rhythm", "Tokens", "create_api"]
