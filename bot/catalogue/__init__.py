"""What is released, where to, and by whom: `sayso.toml`, read with every mistake reported at once."""

from bot.catalogue.model import Catalogue, Environment, Notify, Person, Service
from bot.catalogue.reading import load_catalogue
from bot.catalogue.tables import NOTIFY_EVENTS, NotifyEvent

__all__ = [
    "NOTIFY_EVENTS",
    "Catalogue",
    "Environment",
    "Notify",
    "NotifyEvent",
    "Person",
    "Service",
    "load_catalogue",
]
