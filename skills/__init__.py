"""Skills of voice assistants. They know `bot.core` and nothing else of the bot."""
