"""The watcher: carries out what is written down, looks at the runs, and writes down how they stand."""

from bot.watcher.adopting import Adopter
from bot.watcher.sweeping import Sweeper
from bot.watcher.watcher import Watcher

__all__ = ["Adopter", "Sweeper", "Watcher"]
