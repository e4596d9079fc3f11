"""An Echo-like device: understands utterances by an interaction model, as Alexa does, and asks the skill."""

from integrations.playground.echo.device import Device, NoAnswer, Person, Skill, Turn
from integrations.playground.echo.model import InteractionModel, read_model

__all__ = ["Device", "InteractionModel", "NoAnswer", "Person", "Skill", "Turn", "read_model"]
