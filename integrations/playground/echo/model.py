"""The interaction model, in the JSON that Amazon's developer console takes, as far as a device needs it.

Source: Alexa Skills Kit, "Interaction Model Schema". Fields that only tune Amazon's recognition are ignored.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.core.errors import BadInput


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Name(_Part):
    """What a value is called."""

    value: str
    synonyms: tuple[str, ...] = ()


class Value(_Part):
    """One value of a slot type; without an id its name is all that is known of it."""

    id: str = ""
    name: Name

    @property
    def spoken(self) -> tuple[str, ...]:
        """Give everything that people may say for it."""
        return (self.name.value, *self.name.synonyms)


class SlotType(_Part):
    """A custom slot type, or an extension of a built-in one; also the shape of a dynamic entity."""

    name: str
    values: tuple[Value, ...] = ()


class Slot(_Part):
    """A place in an intent for a value; `samples` are answers to the question for it."""

    name: str
    type: str
    samples: tuple[str, ...] = ()


class Intent(_Part):
    """What a person may want, and how they say it."""

    name: str
    slots: tuple[Slot, ...] = ()
    samples: tuple[str, ...] = ()

    def slot(self, name: str) -> Slot | None:
        """Find a slot by its name."""
        return next((slot for slot in self.slots if slot.name == name), None)


class LanguageModel(_Part):
    """Names, intents and types."""

    invocation_name: str = Field(alias="invocationName")
    intents: tuple[Intent, ...]
    types: tuple[SlotType, ...] = ()


class DialogSlot(_Part):
    """How a dialog treats a slot; `prompts` names the prompt by purpose (`elicitation`, `confirmation`)."""

    name: str
    type: str = ""
    elicitation_required: bool = Field(default=False, alias="elicitationRequired")
    confirmation_required: bool = Field(default=False, alias="confirmationRequired")
    prompts: dict[str, str] = {}


class DialogIntent(_Part):
    """An intent that dialog directives may name."""

    name: str
    confirmation_required: bool = Field(default=False, alias="confirmationRequired")
    prompts: dict[str, str] = {}
    slots: tuple[DialogSlot, ...] = ()


class Dialog(_Part):
    """The dialog model."""

    intents: tuple[DialogIntent, ...] = ()


class InteractionModel(_Part):
    """One locale's interaction model."""

    language: LanguageModel = Field(alias="languageModel")
    dialog: Dialog = Dialog()

    def intent(self, name: str) -> Intent | None:
        """Find an intent by its name."""
        return next((intent for intent in self.language.intents if intent.name == name), None)

    def slot_type(self, name: str) -> SlotType | None:
        """Find a type of its own by its name; built-in types have no entry."""
        return next((each for each in self.language.types if each.name == name), None)

    def dialog_intent(self, name: str) -> DialogIntent | None:
        """Find what the dialog model says about an intent."""
        return next((intent for intent in self.dialog.intents if intent.name == name), None)


def read_model(document: dict[str, Any]) -> InteractionModel:
    """Read the file's JSON, with or without the outer `interactionModel`; `BadInput` names every wrong place."""
    try:
        return InteractionModel.model_validate(document.get("interactionModel", document))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadInput(f"This is no interaction model: {wrong}") from error
