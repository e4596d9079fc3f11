"""The desk: the one door through which every command of every surface goes."""

from bot.desk.desk import Desk

__all__ = ["Desk"]
