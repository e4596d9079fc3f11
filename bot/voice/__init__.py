"""The desk for voices: whose voice it is, what it may ask, and what proves its wishes."""

from bot.voice.office import VoiceOffice

__all__ = ["VoiceOffice"]
