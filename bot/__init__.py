"""The bot: every way in, one desk, one store, one card."""
